//! `MessageExt::process` and `TracedConsumer::process`.

use std::future::{Ready, ready};
use std::panic::AssertUnwindSafe;

use futures_util::{FutureExt as _, poll};
use opentelemetry::baggage::BaggageExt as _;
use opentelemetry::trace::{SpanId, SpanKind, Status, TraceContextExt as _};
use opentelemetry::{Context, KeyValue};
use rdkafka::message::{Message as _, OwnedMessage};
use rdkafka::producer::FutureRecord;
use tracehop::kafka::MessageExt as _;
use tracehop::telemetry::Correlation;

use crate::support::{TOPIC, Traced, attribute, links, next, same, texts, traceparent};

async fn received(traced: &Traced) -> (OwnedMessage, opentelemetry::trace::SpanContext) {
    let created = traced.created("order 7").await;
    (traced.arrived(1).remove(0), created)
}

fn fine() -> Ready<Result<(), String>> {
    ready(Ok(()))
}

#[tokio::test]
async fn a_process_span_is_the_child_of_the_creation_context_and_links_to_it() {
    let traced = Traced::new();
    let created = traced.created("order 7").await;
    let consumer = traced.base_consumer();
    let message = next(&consumer);
    let current = async { Ok::<_, String>(Context::current().span().span_context().clone()) };
    let current = message.process(&traced.cluster, current).await.unwrap();

    let span = traced.recorder.span("process orders");
    assert_eq!(span.span_context, current);
    assert_eq!(
        (&span.span_kind, &span.status),
        (&SpanKind::Consumer, &Status::Unset)
    );
    assert_eq!(span.parent_span_id, created.span_id());
    assert!(same(&links(&span)[0], &created));
    let group = attribute(&span, "messaging.consumer.group.name");
    assert_eq!(group.as_deref(), Some("billing"));
    assert_eq!(
        attribute(&span, "messaging.kafka.offset").as_deref(),
        Some("0")
    );
    assert_eq!(
        attribute(&span, "tracehop.message.attempt").as_deref(),
        Some("1")
    );
    assert_eq!(
        traced.recorder.metric("tracehop.message.queue_time")[0].count,
        1
    );
    assert_eq!(
        traced.recorder.metric("messaging.process.duration")[0].count,
        1
    );
}

#[tokio::test]
async fn a_span_that_is_current_is_the_parent() {
    let traced = Traced::new();
    let (message, created) = received(&traced).await;
    traced
        .in_caller(message.process(&traced.cluster, fine()))
        .await
        .unwrap();
    let (caller, span) = (
        traced.recorder.span("caller"),
        traced.recorder.span("process orders"),
    );
    assert_eq!(span.parent_span_id, caller.span_context.span_id());
    assert!(same(&links(&span)[0], &created));
}

#[tokio::test]
async fn with_links_alone_each_hop_is_a_trace_of_its_own() {
    let traced = Traced::with(|builder| builder.correlation(Correlation::Link));
    let (message, created) = received(&traced).await;
    message.process(&traced.cluster, fine()).await.unwrap();
    let span = traced.recorder.span("process orders");
    assert_eq!(span.parent_span_id, SpanId::INVALID);
    assert_ne!(span.span_context.trace_id(), created.trace_id());
    assert!(same(&links(&span)[0], &created));
}

#[tokio::test]
async fn the_records_baggage_is_the_handlers() {
    for correlation in [Correlation::ParentAndLink, Correlation::Link] {
        let traced = Traced::with(|builder| builder.correlation(correlation));
        let cx = Context::new().with_baggage([KeyValue::new("tenant", "acme")]);
        traced.in_context(cx, traced.send("order 7")).await;
        let message = traced.arrived(1).remove(0);
        let handler = async { Ok::<_, String>(Context::current()) };
        let seen = message.process(&traced.cluster, handler).await.unwrap();
        assert_eq!(seen.baggage().get("tenant").unwrap().as_str(), "acme");
    }
}

#[tokio::test]
async fn an_error_stands_on_the_span_and_is_handed_on() {
    let traced = Traced::new();
    let (message, _) = received(&traced).await;
    let handler = async { Err::<(), _>("no stock") };
    assert_eq!(
        message.process(&traced.cluster, handler).await,
        Err("no stock")
    );
    let span = traced.recorder.span("process orders");
    assert_eq!(span.status, Status::error("no stock"));
}

#[tokio::test]
async fn a_panic_stands_on_the_span_and_goes_on() {
    let traced = Traced::new();
    let (message, _) = received(&traced).await;
    let handler = async {
        assert!(message.payload().is_none(), "a panic of this test");
        Ok::<_, String>(())
    };
    let run = AssertUnwindSafe(message.process(&traced.cluster, handler));
    run.catch_unwind().await.unwrap_err();
    let span = traced.recorder.span("process orders");
    assert_eq!(attribute(&span, "error.type").as_deref(), Some("panic"));
}

#[tokio::test]
async fn a_dropped_handler_ends_as_cancelled() {
    let traced = Traced::new();
    let (message, _) = received(&traced).await;
    let handler = std::future::pending::<Result<(), String>>();
    let mut run = Box::pin(message.process(&traced.cluster, handler));
    assert!(poll!(&mut run).is_pending());
    drop(run);
    let span = traced.recorder.span("process orders");
    assert_eq!(attribute(&span, "error.type").as_deref(), Some("cancelled"));
}

#[tokio::test]
async fn a_dead_letter_links_to_its_last_attempt() {
    let traced = Traced::new();
    let attempt = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
    let record = FutureRecord::to(TOPIC).key("7").payload("order");
    let untraced: &rdkafka::producer::FutureProducer = &traced.producer;
    let headers = texts(&[("tracehop-previous", attempt)]);
    untraced
        .send(record.headers(headers), crate::support::LONG)
        .await
        .unwrap();
    let message = traced.arrived(1).remove(0);
    message.process(&traced.cluster, fine()).await.unwrap();
    let links = links(&traced.recorder.span("process orders"));
    assert_eq!(
        (links.len(), traceparent(&links[0])),
        (1, attempt.to_owned())
    );
}
