//! `MessageExt`: process spans for a loop of one's own.

use std::future::{Ready, pending, ready};
use std::panic::AssertUnwindSafe;
use std::time::{Duration, SystemTime};

use futures_util::FutureExt as _;
use opentelemetry::baggage::BaggageExt as _;
use opentelemetry::trace::{SpanId, SpanKind, Status, TraceContextExt as _};
use opentelemetry::{Context, KeyValue};
use tracehop::sqs::MessageExt as _;
use tracehop::telemetry::Correlation;

use crate::support::{Traced, attribute, links, same};

fn succeed() -> Ready<Result<(), String>> {
    ready(Ok(()))
}

#[tokio::test]
async fn a_process_span_is_a_child_of_the_creation_context_and_links_to_it() {
    let traced = Traced::new().await;
    let (message, created) = traced.delivered("order 7").await;
    let before = SystemTime::now();
    let handler = async { Ok::<_, String>(Context::current().span().span_context().clone()) };
    let current = message.process(&traced.queue, handler).await.unwrap();

    let span = traced.recorder.span("process orders");
    assert_eq!(current, span.span_context);
    assert_eq!(span.span_kind, SpanKind::Consumer);
    assert_eq!(span.parent_span_id, created.span_id());
    assert_eq!(span.span_context.trace_id(), created.trace_id());
    assert_eq!(links(&span).len(), 1);
    assert!(same(&links(&span)[0], &created));
    assert!(before <= span.start_time);
    let id = attribute(&span, "messaging.message.id");
    assert_eq!(id.as_deref(), message.message_id());
    assert_eq!(
        attribute(&span, "tracehop.message.attempt").as_deref(),
        Some("1")
    );
    assert_eq!(span.status, Status::Unset);
    let queue_time = traced.recorder.metric("tracehop.message.queue_time");
    assert_eq!(queue_time.iter().map(|series| series.count).sum::<u64>(), 1);
}

#[tokio::test]
async fn under_a_span_of_the_callers_that_is_the_parent() {
    let traced = Traced::new().await;
    let (message, created) = traced.delivered("order 7").await;
    traced
        .in_caller(message.process(&traced.queue, succeed()))
        .await
        .unwrap();
    let span = traced.recorder.span("process orders");
    let caller = traced.recorder.span("caller");
    assert_eq!(span.parent_span_id, caller.span_context.span_id());
    assert_eq!(links(&span).len(), 1);
    assert!(same(&links(&span)[0], &created));
}

#[tokio::test]
async fn with_links_alone_each_hop_is_a_trace_of_its_own() {
    let traced = Traced::with(|builder| builder.correlation(Correlation::Link)).await;
    let (message, created) = traced.delivered("order 7").await;
    traced
        .in_caller(message.process(&traced.queue, succeed()))
        .await
        .unwrap();
    let span = traced.recorder.span("process orders");
    let caller = traced.recorder.span("caller");
    assert_eq!(span.parent_span_id, SpanId::INVALID);
    assert_ne!(span.span_context.trace_id(), created.trace_id());
    let expected = [created, caller.span_context];
    assert!(
        links(&span)
            .iter()
            .zip(&expected)
            .all(|(link, to)| same(link, to))
    );
    assert_eq!(links(&span).len(), 2);
}

#[tokio::test]
async fn the_messages_baggage_is_the_handlers() {
    let traced = Traced::new().await;
    let with = |value: &'static str| Context::new().with_baggage([KeyValue::new("tenant", value)]);
    traced
        .in_context(with("acme"), traced.send("order 7"))
        .await;
    let message = traced.receive().await.remove(0);
    let handler = async {
        let tenant = Context::current()
            .baggage()
            .get("tenant")
            .map(ToString::to_string);
        tenant.ok_or("no baggage")
    };
    let process = message.process(&traced.queue, handler);
    assert_eq!(
        traced.in_context(with("mine"), process).await.unwrap(),
        "acme"
    );
}

#[tokio::test]
async fn the_context_of_a_message_can_be_had_alone() {
    let traced = Traced::new().await;
    let (message, created) = traced.delivered("order 7").await;
    for cx in [
        message.extract_context(),
        traced.queue.extract_context(&message),
    ] {
        assert!(same(cx.span().span_context(), &created));
    }
    assert!(traced.recorder.spans().is_empty());
}

#[tokio::test]
async fn a_redelivery_says_which_attempt_it_is() {
    let traced = Traced::new().await;
    traced.delivered("order 7").await;
    traced.sqs.advance(Duration::from_secs(31));
    let message = traced.receive().await.remove(0);
    message.process(&traced.queue, succeed()).await.unwrap();
    let span = traced.recorder.span("process orders");
    assert_eq!(
        attribute(&span, "tracehop.message.attempt").as_deref(),
        Some("2")
    );
}

#[tokio::test]
async fn an_error_is_recorded_and_handed_on() {
    let traced = Traced::new().await;
    let (message, _) = traced.delivered("order 7").await;
    let handler = async { Err::<(), _>("out of stock") };
    assert_eq!(
        message.process(&traced.queue, handler).await,
        Err("out of stock")
    );
    let span = traced.recorder.span("process orders");
    assert_eq!(span.status, Status::error("out of stock"));
    assert_eq!(attribute(&span, "error.type").as_deref(), Some("_OTHER"));
}

#[tokio::test]
async fn a_panic_is_recorded_and_goes_on() {
    let traced = Traced::new().await;
    let (message, _) = traced.delivered("order 7").await;
    let handler = async {
        if true {
            panic!("order 7 is cursed")
        } else {
            Ok::<(), String>(())
        }
    };
    let process = message.process(&traced.queue, handler);
    let panicked = AssertUnwindSafe(process).catch_unwind().await.unwrap_err();
    assert_eq!(panicked.downcast_ref::<&str>(), Some(&"order 7 is cursed"));
    let span = traced.recorder.span("process orders");
    assert_eq!(span.status, Status::error("order 7 is cursed"));
    assert_eq!(attribute(&span, "error.type").as_deref(), Some("panic"));
}

#[tokio::test]
async fn dropping_the_future_ends_the_span_as_cancelled() {
    let traced = Traced::new().await;
    let (message, _) = traced.delivered("order 7").await;
    let mut process = Box::pin(message.process(&traced.queue, pending::<Result<(), String>>()));
    assert!((&mut process).now_or_never().is_none());
    assert!(traced.recorder.spans().is_empty());
    drop(process);
    let error = attribute(&traced.recorder.span("process orders"), "error.type");
    assert_eq!(error.as_deref(), Some("cancelled"));
}

#[tokio::test]
async fn a_future_that_is_never_polled_has_no_span() {
    let traced = Traced::new().await;
    let (message, _) = traced.delivered("order 7").await;
    drop(message.process(&traced.queue, succeed()));
    assert!(traced.recorder.spans().is_empty());
}

#[tokio::test]
async fn messages_are_processed_in_tasks_too() {
    let traced = Traced::new().await;
    let (message, _) = traced.delivered("order 7").await;
    let queue = traced.queue.clone();
    let task = tokio::spawn(async move { message.process(&queue, succeed()).await });
    task.await.unwrap().unwrap();
    assert_eq!(traced.names(), ["process orders"]);
}
