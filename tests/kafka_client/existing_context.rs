//! Context that is on a record already.

use opentelemetry::Context;
use opentelemetry::baggage::BaggageExt as _;
use opentelemetry::context::FutureExt as _;
use opentelemetry::trace::SpanKind;
use rdkafka::message::OwnedHeaders;
use rdkafka::producer::FutureRecord;
use tracehop::kafka::MessageExt as _;
use tracehop::telemetry::FreshLineage;

use crate::support::{TOPIC, Traced, header, links, next, sent, texts, traceparent};

const USERS: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";

fn record(headers: OwnedHeaders) -> FutureRecord<'static, str, str> {
    FutureRecord::to(TOPIC)
        .key("7")
        .payload("order")
        .headers(headers)
}

#[tokio::test]
async fn a_context_of_the_users_is_kept_and_linked_to() {
    let traced = Traced::new();
    let users = texts(&[("traceparent", USERS), ("tracestate", "congo=t61")]);
    traced.in_caller(traced.send_record(record(users))).await;

    let (caller, span) = (
        traced.recorder.span("caller"),
        traced.recorder.span("send orders"),
    );
    assert_eq!(span.span_kind, SpanKind::Client);
    assert_eq!(span.parent_span_id, caller.span_context.span_id());
    let links = links(&span);
    assert_eq!((links.len(), traceparent(&links[0])), (1, USERS.to_owned()));
    let message = traced.arrived(1).remove(0);
    assert_eq!(header(&message, "traceparent").as_deref(), Some(USERS));
    assert_eq!(header(&message, "tracestate").as_deref(), Some("congo=t61"));
    assert_eq!(sent(&message).len(), 2);
}

#[tokio::test]
async fn baggage_is_added_to_a_context_of_the_users_only_where_there_is_none() {
    let traced = Traced::new();
    let baggage = [opentelemetry::KeyValue::new("tenant", "acme")];
    let cx = Context::new().with_baggage(baggage);
    let without = record(texts(&[("traceparent", USERS)]));
    let with = record(texts(&[("traceparent", USERS), ("Baggage", "mine=1")]));
    traced.send_record(without).with_context(cx.clone()).await;
    traced.send_record(with).with_context(cx).await;
    let messages = traced.arrived(2);
    assert_eq!(
        header(&messages[0], "baggage").as_deref(),
        Some("tenant=acme")
    );
    assert_eq!(header(&messages[1], "Baggage").as_deref(), Some("mine=1"));
    assert_eq!(header(&messages[1], "baggage"), None);
}

#[tokio::test]
async fn the_context_of_the_record_in_hand_is_replaced_when_it_is_forwarded() {
    let traced = Traced::new();
    let created = traced.created("order 7").await;
    let consumer = traced.base_consumer();
    let received = next(&consumer);
    let forward = async {
        let headers = received.detach().detach_headers().unwrap();
        assert_eq!(sent(&received.detach())[0].1, traceparent(&created));
        traced.send_record(record(headers)).await;
        Ok::<_, String>(())
    };
    received.process(&traced.cluster, forward).await.unwrap();

    let (process, span) = (
        traced.recorder.span("process orders"),
        traced.recorder.span("send orders"),
    );
    assert_eq!(span.span_kind, SpanKind::Producer);
    assert_eq!(span.parent_span_id, process.span_context.span_id());
    let forwarded = traced.arrived(2).remove(1);
    let expected = traceparent(&span.span_context);
    assert_eq!(sent(&forwarded), [("traceparent".to_owned(), expected)]);
}

#[tokio::test]
async fn a_context_that_is_not_valid_is_replaced() {
    let traced = Traced::new();
    let invalid = texts(&[("traceparent", "00-0-0-01"), ("traceparent", "none")]);
    traced.send_record(record(invalid)).await;
    let span = traced.recorder.span("send orders");
    assert_eq!(
        (&span.span_kind, span.links.len()),
        (&SpanKind::Producer, 0)
    );
    let message = traced.arrived(1).remove(0);
    let expected = traceparent(&span.span_context);
    assert_eq!(header(&message, "traceparent"), Some(expected));
}

#[tokio::test]
async fn lineage_goes_with_the_record_that_it_was_written_for_and_no_other() {
    let traced = Traced::new();
    let lineage = || record(texts(&[("tracehop-attempt", "3")]));
    let fresh = Context::new().with_value(FreshLineage);
    traced.send_record(lineage()).await;
    traced.send_record(lineage()).with_context(fresh).await;
    let messages = traced.arrived(2);
    assert_eq!(header(&messages[0], "tracehop-attempt"), None);
    assert_eq!(
        header(&messages[1], "tracehop-attempt").as_deref(),
        Some("3")
    );
}

#[tokio::test]
async fn a_record_that_is_sent_again_after_it_was_refused_has_one_context() {
    let traced = Traced::set(&[
        ("queue.buffering.max.messages", "1"),
        ("reconnect.backoff.max.ms", "500"),
    ]);
    traced.mock.broker_down(1).unwrap();
    let first = traced.producer.send_result(record(texts(&[]))).unwrap();
    let refused = traced
        .producer
        .send_result(record(texts(&[("user", "mine")])));
    let (_, refused) = refused.expect_err("the queue is full");
    traced.mock.broker_up(1).unwrap();
    first.await.unwrap().unwrap();
    traced.recorder.forget_spans();

    traced.send_record(refused).await;
    let span = traced.recorder.span("send orders");
    assert_eq!(
        (&span.span_kind, span.links.len()),
        (&SpanKind::Producer, 0)
    );
    let message = traced.arrived(2).remove(1);
    let created = header(&message, "traceparent").unwrap();
    assert_eq!(created, traceparent(&span.span_context));
    assert_eq!(sent(&message).len(), 2);
}
