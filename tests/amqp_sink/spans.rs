//! Spans of a sink, and the context on its messages.

use lapin::message::Delivery;
use lapin::types::AMQPValue;
use opentelemetry::baggage::BaggageExt as _;
use opentelemetry::trace::{
    SpanContext, SpanId, SpanKind, Status, TraceContextExt as _, TraceFlags, TraceId, TraceState,
    Tracer as _,
};
use opentelemetry::{Context, KeyValue};
use tracehop::amqp::AmqpSink;
use tracehop::contract::{Message, Sink};
use tracehop::telemetry::FreshLineage;
use tracehop::testing::Recorder;

use crate::common;
use crate::common::spans::attribute;
use crate::support::Rabbit;

fn traced(rabbit: &Rabbit) -> (Recorder, AmqpSink) {
    let recorder = Recorder::new();
    let sink = rabbit.builder().instrumentation(recorder.instrumentation());
    (recorder, sink.build().unwrap())
}

fn caller(recorder: &Recorder) -> Context {
    let tenant = KeyValue::new("tenant", "acme");
    Context::new()
        .with_span(recorder.tracer().start("caller"))
        .with_baggage([tenant])
}

fn header(delivery: &Delivery, name: &str) -> Option<String> {
    let headers = delivery.properties.headers().clone().unwrap_or_default();
    match headers.inner().get(name)? {
        AMQPValue::LongString(text) => Some(text.to_string()),
        other => panic!("{name}: {other:?}"),
    }
}

#[tokio::test]
async fn a_send_has_a_producer_span_under_its_caller_and_its_context_on_the_message() {
    let Some(rabbit) = Rabbit::new().await else {
        return;
    };
    let (recorder, sink) = traced(&rabbit);
    let caller = caller(&recorder);
    let confirm = sink.enqueue(Message::new("an order"), &caller).await;
    let sent = confirm.unwrap().await.unwrap();
    let span = recorder.span(&format!("publish {}", rabbit.queue));
    assert_eq!(span.span_kind, SpanKind::Producer);
    assert_eq!(span.parent_span_id, caller.span().span_context().span_id());
    assert_eq!(span.status, Status::Unset);
    let attribute = |key| attribute(&span, key);
    assert_eq!(attribute("messaging.system").as_deref(), Some("rabbitmq"));
    assert_eq!(attribute("messaging.message.id"), sent.message_id);
    assert_eq!(attribute("server.address").as_deref(), Some("127.0.0.1"));
    let got = rabbit.get().await.unwrap();
    let traceparent = header(&got, "traceparent").unwrap();
    assert_eq!(traceparent[36..52], span.span_context.span_id().to_string());
    assert_eq!(header(&got, "baggage").as_deref(), Some("tenant=acme"));
    let count = recorder.total("messaging.client.sent.messages", &[]);
    assert_eq!(count, Some(1.0));
}

#[tokio::test]
async fn a_message_that_is_returned_is_an_error_on_its_span() {
    let Some(rabbit) = Rabbit::new().await else {
        return;
    };
    let recorder = Recorder::new();
    let nowhere = common::unique("nowhere");
    let sink = AmqpSink::builder(rabbit.url.as_str(), "")
        .routing_key(nowhere.as_str())
        .instrumentation(recorder.instrumentation())
        .build()
        .unwrap();
    sink.send(Message::new("an order")).await.unwrap_err();
    let span = recorder.span(&format!("publish {nowhere}"));
    let error = KeyValue::new("error.type", "NO_ROUTE");
    assert!(span.attributes.contains(&error), "{:?}", span.attributes);
    assert!(matches!(span.status, Status::Error { .. }));
}

#[tokio::test]
async fn a_context_of_the_users_is_kept_and_linked_to() {
    let Some(rabbit) = Rabbit::new().await else {
        return;
    };
    let (recorder, sink) = traced(&rabbit);
    let users = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
    let message = Message::new("an order").with_header("traceparent", users);
    let confirm = sink.enqueue(message, &caller(&recorder)).await;
    confirm.unwrap().await.unwrap();
    let span = recorder.span(&format!("publish {}", rabbit.queue));
    assert_eq!(span.span_kind, SpanKind::Client);
    let linked = span.links[0].span_context.span_id();
    assert_eq!(linked.to_string(), users[36..52]);
    let got = rabbit.get().await.unwrap();
    assert_eq!(header(&got, "traceparent").as_deref(), Some(users));
}

#[tokio::test]
async fn a_stale_context_and_lineage_give_way_and_fresh_lineage_goes_out() {
    let Some(rabbit) = Rabbit::new().await else {
        return;
    };
    let (recorder, sink) = traced(&rabbit);
    let stale = SpanContext::new(
        TraceId::from(7),
        SpanId::from(7),
        TraceFlags::SAMPLED,
        true,
        TraceState::NONE,
    );
    let forwarding = Context::new().with_remote_span_context(stale);
    let message = || {
        let traceparent = format!("00-{:032x}-{:016x}-01", 7, 7);
        Message::new("an order")
            .with_header("traceparent", traceparent)
            .with_header("tracehop-attempt", "3")
    };
    for parent in [forwarding.clone(), forwarding.with_value(FreshLineage)] {
        let confirm = sink.enqueue(message(), &parent).await;
        confirm.unwrap().await.unwrap();
        let got = rabbit.get().await.unwrap();
        let traceparent = header(&got, "traceparent").unwrap();
        assert_eq!(traceparent[..36], format!("00-{:032x}-", 7));
        assert_ne!(traceparent[36..52], format!("{:016x}", 7));
        let fresh = parent.get::<FreshLineage>().is_some();
        let told = header(&got, "tracehop-attempt");
        assert_eq!(told.as_deref(), fresh.then_some("3"));
    }
    assert_eq!(recorder.spans().len(), 2);
}

/// What is no trace of ours goes first where a header frame has no room for all.
#[tokio::test]
async fn context_never_makes_a_message_too_large() {
    let Some(rabbit) = Rabbit::new().await else {
        return;
    };
    let (recorder, sink) = traced(&rabbit);
    let message = Message::new("an order").with_header("large", "x".repeat(128_000));
    let confirm = sink.enqueue(message, &caller(&recorder)).await;
    confirm.unwrap().await.unwrap();
    let got = rabbit.get().await.unwrap();
    assert_eq!(header(&got, "traceparent"), None);
    assert_eq!(header(&got, "large").unwrap().len(), 128_000);
}
