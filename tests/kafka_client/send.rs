//! `TracedProducer`.

use std::time::SystemTime;

use futures_util::poll;
use opentelemetry::Context;
use opentelemetry::baggage::BaggageExt as _;
use opentelemetry::trace::{SpanKind, Status};
use opentelemetry_sdk::trace::Sampler;
use rdkafka::message::Message as _;
use rdkafka::producer::{FutureRecord, Producer as _};
use tracehop::kafka::TracedProducer;
use tracehop::testing::Recorder;

use crate::support::{
    LONG, TOPIC, Traced, attribute, attributes, header, sent, texts, traceparent,
};

#[tokio::test]
async fn a_send_is_a_producer_span_and_its_context_goes_out() {
    let traced = Traced::new();
    let before = SystemTime::now();
    traced.in_caller(traced.send("order 7")).await;

    let (caller, span) = (
        traced.recorder.span("caller"),
        traced.recorder.span("send orders"),
    );
    assert_eq!(span.span_kind, SpanKind::Producer);
    assert_eq!(span.parent_span_id, caller.span_context.span_id());
    assert_eq!(span.span_context.trace_id(), caller.span_context.trace_id());
    assert_eq!((span.links.len(), &span.status), (0, &Status::Unset));
    assert!(before <= span.start_time && span.start_time < span.end_time);

    let message = traced.arrived(1).remove(0);
    let expected = traceparent(&span.span_context);
    assert_eq!(sent(&message), [("traceparent".to_owned(), expected)]);
    assert_eq!(message.payload(), Some(&b"order 7"[..]));
    assert_eq!(message.key(), Some(&b"7"[..]));
}

#[tokio::test]
async fn a_send_span_says_what_the_conventions_ask_for() {
    let traced = Traced::new();
    traced.send("order 6").await;
    traced.recorder.forget_spans();
    traced.send("order 7").await;

    let attributes = attributes(&traced.recorder.span("send orders"));
    let servers = traced.mock.bootstrap_servers();
    let (address, port) = servers.rsplit_once(':').unwrap();
    let expected = [
        ("messaging.system", "kafka"),
        ("messaging.operation.name", "send"),
        ("messaging.operation.type", "send"),
        ("messaging.destination.name", "orders"),
        ("messaging.destination.partition.id", "0"),
        ("messaging.kafka.offset", "1"),
        ("messaging.kafka.message.key", "7"),
        ("server.address", address),
        ("server.port", port),
    ];
    let expected = expected.map(|(key, value)| (key.to_owned(), value.to_owned()));
    assert_eq!(attributes, expected.into());
}

#[tokio::test]
async fn a_tombstone_says_so_and_a_key_that_is_no_text_is_left_out() {
    let traced = Traced::new();
    let record: FutureRecord<'_, [u8], str> =
        FutureRecord::to(TOPIC).key(&b"\xff"[..]).partition(0);
    traced.producer.send(record, LONG).await.unwrap();
    let span = traced.recorder.span("send orders");
    let tombstone = attribute(&span, "messaging.kafka.message.tombstone");
    assert_eq!(tombstone.as_deref(), Some("true"));
    assert_eq!(attribute(&span, "messaging.kafka.message.key"), None);
    let partitions = span.attributes.iter();
    let partitions = partitions.filter(|one| one.key.as_str().ends_with("partition.id"));
    assert_eq!(partitions.count(), 1, "the one that was asked for");
}

#[tokio::test]
async fn metrics_say_what_the_spans_say() {
    let traced = Traced::new();
    traced.send("order 7").await;
    let expected = [
        ("messaging.destination.name", "orders"),
        ("messaging.destination.partition.id", "0"),
    ];
    for metric in [
        "messaging.client.sent.messages",
        "tracehop.propagation.injected",
    ] {
        assert_eq!(
            traced.recorder.total(metric, &expected[..1]),
            Some(1.0),
            "{metric}"
        );
    }
    let durations = traced
        .recorder
        .metric("messaging.client.operation.duration");
    assert_eq!(durations[0].count, 1);
    let sent = traced
        .recorder
        .total("messaging.client.sent.messages", &expected);
    assert_eq!(sent, Some(1.0));
}

#[tokio::test]
async fn baggage_goes_out_with_the_context() {
    let traced = Traced::new();
    let baggage = [opentelemetry::KeyValue::new("tenant", "Café")];
    let cx = Context::new().with_baggage(baggage);
    traced.in_context(cx, traced.send("order 7")).await;
    let message = traced.arrived(1).remove(0);
    assert_eq!(
        header(&message, "baggage").as_deref(),
        Some("tenant=Caf%C3%A9")
    );
}

#[tokio::test]
async fn headers_of_the_user_stay_as_they_are() {
    let traced = Traced::new();
    let headers = texts(&[("a", "1"), ("b", "2"), ("a", "3")]);
    let record = FutureRecord::to(TOPIC).key("7").payload("order 7");
    traced.send_record(record.headers(headers)).await;
    let keys: Vec<String> = sent(&traced.arrived(1)[0])
        .into_iter()
        .map(|(key, _)| key)
        .collect();
    assert_eq!(keys, ["a", "b", "a", "traceparent"]);
}

#[tokio::test]
async fn an_unsampled_context_goes_out_as_such() {
    let recorder = Recorder::with_sampler(Sampler::AlwaysOff);
    let instrumentation = recorder.instrumentation();
    let traced = Traced::on(recorder, instrumentation, &[]);
    traced.send("order 7").await;
    let message = traced.arrived(1).remove(0);
    assert!(header(&message, "traceparent").unwrap().ends_with("-00"));
    assert!(traced.recorder.spans().is_empty());
}

#[tokio::test]
async fn a_dropped_send_ends_as_cancelled() {
    let traced = Traced::new();
    traced.mock.broker_down(1).unwrap();
    let mut send = Box::pin(traced.send("order 7"));
    assert!(poll!(&mut send).is_pending());
    assert!(traced.recorder.spans().is_empty());
    drop(send);
    let span = traced.recorder.span("send orders");
    assert_eq!(attribute(&span, "error.type").as_deref(), Some("cancelled"));
}

#[tokio::test]
async fn a_send_whose_result_is_awaited_later_lasts_until_then() {
    let traced = Traced::new();
    let record = || FutureRecord::to(TOPIC).key("7").payload("order 7");
    let delivery = traced.producer.send_result(record()).unwrap();
    let dropped = traced.producer.send_result(record()).unwrap();
    assert!(traced.recorder.spans().is_empty());

    let delivered = delivery.await.unwrap().unwrap();
    let span = traced.recorder.span("send orders");
    let offset = attribute(&span, "messaging.kafka.offset");
    assert_eq!(offset, Some(delivered.offset.to_string()));
    let message = traced.arrived(1).remove(0);
    assert_eq!(
        header(&message, "traceparent"),
        Some(traceparent(&span.span_context))
    );

    traced.recorder.forget_spans();
    drop(dropped);
    let span = traced.recorder.span("send orders");
    assert_eq!(attribute(&span, "error.type").as_deref(), Some("cancelled"));
}

#[tokio::test]
async fn a_producer_is_made_from_its_configuration_and_keeps_its_own_calls() {
    let traced = Traced::new();
    let producer: TracedProducer = traced.config.create().unwrap();
    producer.flush(LONG).unwrap();
    assert!(format!("{producer:?}").contains("127.0.0.1"));
    let server = producer.cluster().topic(TOPIC).server.clone().unwrap();
    assert_eq!(server.address, "127.0.0.1");
    drop(producer.clone());
}
