//! `TracedDelivery::process`: process spans for a loop of one's own.

use std::future::{Ready, pending, ready};
use std::panic::AssertUnwindSafe;

use futures_util::{FutureExt as _, StreamExt as _};
use lapin::BasicProperties;
use lapin::options::{BasicAckOptions, BasicNackOptions};
use lapin::types::AMQPValue;
use opentelemetry::baggage::BaggageExt as _;
use opentelemetry::trace::{SpanId, SpanKind, Status, TraceContextExt as _};
use opentelemetry::{Context, KeyValue};
use tracehop::telemetry::Correlation;

use crate::support::{Traced, attribute, links, same, table, text, with_headers};

fn succeed() -> Ready<Result<(), String>> {
    ready(Ok(()))
}

#[tokio::test]
async fn a_process_span_is_a_child_of_the_creation_context_and_links_to_it() {
    let Some(traced) = Traced::new().await else {
        return;
    };
    let (delivery, created) = traced.delivered().await;
    let handler = async { Ok::<_, String>(Context::current().span().span_context().clone()) };
    let current = delivery.process(handler).await.unwrap();

    let span = traced.span("process");
    assert_eq!(current, span.span_context);
    assert_eq!(span.span_kind, SpanKind::Consumer);
    assert_eq!(span.parent_span_id, created.span_id());
    assert_eq!(span.span_context.trace_id(), created.trace_id());
    assert_eq!(links(&span).len(), 1);
    assert!(same(&links(&span)[0], &created));
    assert_eq!(
        attribute(&span, "tracehop.message.attempt").as_deref(),
        Some("1")
    );
    let tag = attribute(&span, "messaging.rabbitmq.message.delivery_tag");
    assert_eq!(tag.as_deref(), Some("1"));
    assert_eq!(span.status, Status::Unset);
}

#[tokio::test]
async fn under_a_span_of_the_callers_that_is_the_parent() {
    let Some(traced) = Traced::new().await else {
        return;
    };
    let (delivery, created) = traced.delivered().await;
    traced.in_caller(delivery.process(succeed())).await.unwrap();
    let span = traced.span("process");
    let caller = traced.recorder.span("caller");
    assert_eq!(span.parent_span_id, caller.span_context.span_id());
    assert_eq!(links(&span).len(), 1);
    assert!(same(&links(&span)[0], &created));
}

#[tokio::test]
async fn with_links_alone_each_hop_is_a_trace_of_its_own() {
    let Some(traced) = Traced::with(|builder| builder.correlation(Correlation::Link)).await else {
        return;
    };
    let (delivery, created) = traced.delivered().await;
    traced.in_caller(delivery.process(succeed())).await.unwrap();
    let span = traced.span("process");
    let caller = traced.recorder.span("caller");
    assert_eq!(span.parent_span_id, SpanId::INVALID);
    assert_ne!(span.span_context.trace_id(), created.trace_id());
    let expected = [created, caller.span_context];
    assert_eq!(links(&span).len(), 2);
    assert!(
        links(&span)
            .iter()
            .zip(&expected)
            .all(|(link, to)| same(link, to))
    );
}

#[tokio::test]
async fn the_messages_baggage_is_the_handlers() {
    let Some(traced) = Traced::new().await else {
        return;
    };
    let with = |value: &'static str| Context::new().with_baggage([KeyValue::new("tenant", value)]);
    traced.in_context(with("acme"), traced.send_empty()).await;
    let delivery = traced.take().await;
    let handler = async {
        let tenant = Context::current()
            .baggage()
            .get("tenant")
            .map(ToString::to_string);
        tenant.ok_or("no baggage")
    };
    let process = delivery.process(handler);
    assert_eq!(
        traced.in_context(with("mine"), process).await.unwrap(),
        "acme"
    );
}

#[tokio::test]
async fn the_context_of_a_message_can_be_had_alone() {
    let Some(traced) = Traced::new().await else {
        return;
    };
    let (delivery, created) = traced.delivered().await;
    assert!(same(
        delivery.extract_context().span().span_context(),
        &created
    ));
    assert_eq!(delivery.destination().name, traced.queue);
    assert!(traced.recorder.spans().is_empty());
    assert_eq!(delivery.into_inner().data, b"order 7");
}

#[tokio::test]
async fn a_redelivery_says_which_attempt_it_is() {
    for (kind, attempts) in [("classic", ["1", "2", "2"]), ("quorum", ["1", "2", "3"])] {
        let Some(mut traced) = Traced::new().await else {
            return;
        };
        traced.queue = format!("{}-{kind}", traced.queue);
        traced
            .declare(&traced.queue, &[("x-queue-type", text(kind))])
            .await;
        traced.send_empty().await;
        let mut consumer = traced.consume().await;
        for attempt in attempts {
            traced.recorder.forget_spans();
            let delivery = consumer.next().await.unwrap().unwrap();
            delivery.process(succeed()).await.unwrap();
            let told = attribute(&traced.span("process"), "tracehop.message.attempt");
            assert_eq!(told.as_deref(), Some(attempt), "{kind}");
            let options = BasicNackOptions {
                requeue: true,
                ..BasicNackOptions::default()
            };
            assert!(delivery.nack(options).await.unwrap());
        }
    }
}

#[tokio::test]
async fn the_time_in_the_queue_is_told_where_the_broker_says_when_it_took_the_message() {
    let Some(traced) = Traced::new().await else {
        return;
    };
    let queue_time = || traced.recorder.metric("tracehop.message.queue_time");
    // The sender's, which may be anything.
    traced
        .send(BasicProperties::default().with_timestamp(7))
        .await;
    let delivery = traced.take().await;
    delivery.process(succeed()).await.unwrap();
    assert!(queue_time().is_empty());
    delivery.ack(BasicAckOptions::default()).await.unwrap();

    let minute_ago = std::time::SystemTime::now() - std::time::Duration::from_mins(1);
    let millis = minute_ago
        .duration_since(std::time::UNIX_EPOCH)
        .unwrap()
        .as_millis();
    let millis = AMQPValue::LongLongInt(i64::try_from(millis).unwrap());
    traced
        .send(with_headers([("timestamp_in_ms", millis)]))
        .await;
    let delivery = traced.take().await;
    delivery.process(succeed()).await.unwrap();
    let waited = queue_time().remove(0).value;
    assert!((60.0..90.0).contains(&waited), "{waited}");
}

#[tokio::test]
async fn a_dead_letter_links_to_its_creation_and_to_the_last_attempt() {
    let Some(traced) = Traced::new().await else {
        return;
    };
    let dead = format!("{}-dead", traced.queue);
    traced.declare(&dead, &[]).await;
    let source = format!("{}-source", traced.queue);
    let arguments = [
        ("x-dead-letter-exchange", text("")),
        ("x-dead-letter-routing-key", text(&dead)),
    ];
    traced.declare(&source, &arguments).await;
    let previous = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
    let headers = [
        ("tracehop-previous", text(previous)),
        ("nested", table([]).into()),
    ];
    let traced = Traced {
        queue: source,
        ..traced
    };
    // Ours is stale on a message that goes out, so the last attempt is told past us.
    let options = lapin::options::BasicPublishOptions::default();
    let publish = traced.raw.basic_publish(
        "".into(),
        traced.queue.as_str().into(),
        options,
        b"",
        with_headers(headers),
    );
    publish.await.unwrap().await.unwrap();
    let delivery = traced.consume().await.next().await.unwrap().unwrap();
    delivery
        .reject(lapin::options::BasicRejectOptions { requeue: false })
        .await
        .unwrap();
    let traced = Traced {
        queue: dead,
        ..traced
    };
    let letter = traced.consume().await.next().await.unwrap().unwrap();
    letter.process(succeed()).await.unwrap();
    let span = traced.span("process");
    let linked: Vec<String> = links(&span)
        .iter()
        .map(crate::support::traceparent)
        .collect();
    assert_eq!(linked, [previous]);
    assert_eq!(letter.destination().name, traced.queue);
}

#[tokio::test]
async fn an_error_is_recorded_and_handed_on() {
    let Some(traced) = Traced::new().await else {
        return;
    };
    let (delivery, _) = traced.delivered().await;
    let handler = async { Err::<(), _>("out of stock") };
    assert_eq!(delivery.process(handler).await, Err("out of stock"));
    let span = traced.span("process");
    assert_eq!(span.status, Status::error("out of stock"));
    assert_eq!(attribute(&span, "error.type").as_deref(), Some("_OTHER"));
}

#[tokio::test]
async fn a_panic_is_recorded_and_goes_on() {
    let Some(traced) = Traced::new().await else {
        return;
    };
    let (delivery, _) = traced.delivered().await;
    let handler = async {
        if true {
            panic!("order 7 is cursed")
        } else {
            Ok::<(), String>(())
        }
    };
    let process = delivery.process(handler);
    let panicked = AssertUnwindSafe(process).catch_unwind().await.unwrap_err();
    assert_eq!(panicked.downcast_ref::<&str>(), Some(&"order 7 is cursed"));
    let span = traced.span("process");
    assert_eq!(attribute(&span, "error.type").as_deref(), Some("panic"));
}

#[tokio::test]
async fn dropping_the_future_ends_the_span_as_cancelled() {
    let Some(traced) = Traced::new().await else {
        return;
    };
    let (delivery, _) = traced.delivered().await;
    let mut process = Box::pin(delivery.process(pending::<Result<(), String>>()));
    assert!((&mut process).now_or_never().is_none());
    assert!(traced.recorder.spans().is_empty());
    drop(process);
    let error = attribute(&traced.span("process"), "error.type");
    assert_eq!(error.as_deref(), Some("cancelled"));
}

#[tokio::test]
async fn messages_are_processed_in_tasks_too() {
    let Some(traced) = Traced::new().await else {
        return;
    };
    let (delivery, _) = traced.delivered().await;
    let task = tokio::spawn(async move { delivery.process(succeed()).await });
    task.await.unwrap().unwrap();
    assert_eq!(traced.recorder.spans().len(), 1);
}
