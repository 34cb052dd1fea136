//! `TracedConsumer::recv` and `stream`.

use std::time::SystemTime;

use futures_util::{StreamExt as _, poll};
use opentelemetry::trace::{SpanKind, Status};
use opentelemetry_sdk::trace::Sampler;
use rdkafka::message::Message as _;
use rdkafka::producer::FutureRecord;
use rdkafka::types::{RDKafkaApiKey, RDKafkaRespErr};
use tracehop::testing::Recorder;

use crate::support::{TOPIC, Traced, attribute, attributes, links, same, texts};

#[tokio::test]
async fn a_poll_is_a_client_span_that_ends_at_once_and_links_to_the_record() {
    let traced = Traced::new();
    let consumer = traced.consumer();
    let mut poll = Box::pin(traced.in_caller(consumer.recv()));
    assert!(poll!(&mut poll).is_pending());
    let sent = SystemTime::now();
    let created = traced.created("order 7").await;
    let message = poll.await.unwrap();
    assert_eq!(message.payload(), Some(&b"order 7"[..]));

    let (caller, span) = (
        traced.recorder.span("caller"),
        traced.recorder.span("poll orders"),
    );
    assert_eq!(
        (&span.span_kind, &span.status),
        (&SpanKind::Client, &Status::Unset)
    );
    assert_eq!(span.parent_span_id, caller.span_context.span_id());
    let links = links(&span);
    assert_eq!(links.len(), 1);
    assert!(same(&links[0], &created) && links[0].is_remote());
    assert!(span.start_time >= sent, "waiting is not in it");
}

#[tokio::test]
async fn a_poll_span_says_what_the_conventions_ask_for() {
    let traced = Traced::new();
    traced.created("order 6").await;
    traced.created("order 7").await;
    let consumer = traced.consumer();
    consumer.recv().await.unwrap();
    traced.recorder.forget_spans();
    consumer.recv().await.unwrap();

    let attributes = attributes(&traced.recorder.span("poll orders"));
    let servers = traced.mock.bootstrap_servers();
    let (address, port) = servers.rsplit_once(':').unwrap();
    let expected = [
        ("messaging.system", "kafka"),
        ("messaging.operation.name", "poll"),
        ("messaging.operation.type", "receive"),
        ("messaging.destination.name", "orders"),
        ("messaging.destination.partition.id", "0"),
        ("messaging.consumer.group.name", "billing"),
        ("messaging.kafka.offset", "1"),
        ("messaging.kafka.message.key", "7"),
        ("server.address", address),
        ("server.port", port),
    ];
    let expected = expected.map(|(key, value)| (key.to_owned(), value.to_owned()));
    assert_eq!(attributes, expected.into());
}

#[tokio::test]
async fn neither_waiting_nor_a_record_that_was_fetched_ahead_has_a_span() {
    let traced = Traced::new();
    let consumer = traced.consumer();
    let mut waiting = Box::pin(consumer.recv());
    assert!(poll!(&mut waiting).is_pending());
    drop(waiting);
    assert!(traced.recorder.spans().is_empty());

    for order in ["order 1", "order 2", "order 3"] {
        traced.created(order).await;
    }
    consumer.recv().await.unwrap();
    assert_eq!(traced.names(), ["poll orders"]);
    assert_eq!(
        traced
            .recorder
            .total("messaging.client.consumed.messages", &[]),
        Some(1.0)
    );
}

#[tokio::test]
async fn records_of_a_stream_have_spans_as_they_are_taken() {
    let traced = Traced::new();
    let created = [
        traced.created("order 1").await,
        traced.created("order 2").await,
    ];
    let consumer = traced.consumer();
    let mut stream = consumer.stream();
    for created in created {
        traced.recorder.forget_spans();
        stream.next().await.unwrap().unwrap();
        let span = traced.recorder.span("poll orders");
        assert!(same(&links(&span)[0], &created));
    }
}

#[tokio::test]
async fn a_record_without_context_is_counted_as_missing_it() {
    let traced = Traced::new();
    let malformed = texts(&[("traceparent", "nonsense")]);
    let send = |headers| traced.producer.inner_send(headers);
    send(None).await;
    send(Some(malformed)).await;
    let consumer = traced.consumer();
    for _ in 0..2 {
        consumer.recv().await.unwrap();
    }
    let total = |metric, attributes: &[_]| traced.recorder.total(metric, attributes);
    assert_eq!(total("tracehop.propagation.missing", &[]), Some(1.0));
    let format = [("tracehop.format", "tracecontext")];
    assert_eq!(total("tracehop.propagation.malformed", &format), Some(1.0));
    for span in traced.recorder.spans() {
        assert_eq!((&*span.name, span.links.len()), ("poll orders", 0));
    }
}

#[tokio::test]
async fn an_unsampled_record_is_polled_and_no_span_is_exported() {
    let recorder = Recorder::with_sampler(Sampler::AlwaysOff);
    let instrumentation = recorder.instrumentation();
    let traced = Traced::on(recorder, instrumentation, &[]);
    traced.send("order 7").await;
    traced.consumer().recv().await.unwrap();
    assert!(traced.recorder.spans().is_empty());
    assert_eq!(
        traced.recorder.total("tracehop.propagation.extracted", &[]),
        Some(1.0)
    );
}

#[tokio::test]
async fn receive_spans_can_be_switched_off() {
    let traced = Traced::with(|builder| builder.receive_spans(false));
    traced.created("order 7").await;
    traced.consumer().recv().await.unwrap();
    assert!(traced.recorder.spans().is_empty());
    assert_eq!(
        traced
            .recorder
            .total("messaging.client.consumed.messages", &[]),
        Some(1.0)
    );
}

#[tokio::test]
async fn a_poll_that_fails_is_a_span_with_the_error() {
    let traced = Traced::new();
    traced.send("order 7").await;
    traced.recorder.forget_spans();
    let denied = RDKafkaRespErr::RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED;
    traced.mock.request_errors(RDKafkaApiKey::Fetch, &[denied]);
    let consumer = traced.consumer();
    consumer.recv().await.unwrap_err();
    let span = traced.recorder.spans().remove(0);
    let port = traced.mock.bootstrap_servers();
    assert_eq!(span.name, format!("poll {port}"));
    let error_type = attribute(&span, "error.type");
    assert_eq!(error_type.as_deref(), Some("TopicAuthorizationFailed"));
    assert_eq!(
        traced
            .recorder
            .total("messaging.client.consumed.messages", &[]),
        None
    );
}

/// A send of the untraced producer inside.
trait Inner {
    async fn inner_send(&self, headers: Option<rdkafka::message::OwnedHeaders>);
}

impl Inner for tracehop::kafka::TracedProducer {
    async fn inner_send(&self, headers: Option<rdkafka::message::OwnedHeaders>) {
        let record = FutureRecord {
            headers,
            ..FutureRecord::to(TOPIC).key("7").payload("order")
        };
        let untraced: &rdkafka::producer::FutureProducer = self;
        untraced.send(record, crate::support::LONG).await.unwrap();
    }
}
