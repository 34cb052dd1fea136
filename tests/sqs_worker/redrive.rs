//! The queue's own redrive: what fails too often reaches the worker of the dead-letter queue, in
//! the same trace and with its baggage.

use std::time::Duration;

use opentelemetry::baggage::BaggageExt as _;
use opentelemetry::trace::TraceContextExt as _;
use opentelemetry::{Context, KeyValue};
use tokio::sync::mpsc;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;
use tracehop::contract::{Message, Sink as _};
use tracehop::telemetry::LinkType;
use tracehop::testing::conformance::{Fixture as _, QueueKind};
use tracehop::worker::{Backoff, Failure, Incoming, Worker};

use crate::common;
use crate::common::spans::sender;
use crate::fixture::Sqs;

const LIMIT: Duration = Duration::from_secs(30);

#[tokio::test]
async fn on_the_in_process_endpoint() {
    what_fails_too_often_keeps_its_context(Sqs::in_process().await).await;
}

#[tokio::test]
async fn on_localstack() {
    if let Some(url) = common::localstack() {
        what_fails_too_often_keeps_its_context(Sqs::at(&url)).await;
    }
}

#[tokio::test]
async fn on_elasticmq() {
    if let Some(url) = common::elasticmq() {
        what_fails_too_often_keeps_its_context(Sqs::at(&url)).await;
    }
}

async fn what_fails_too_often_keeps_its_context(sqs: Sqs) {
    let dead = sqs.make_queue(QueueKind::Plain).await;
    let queue = sqs.make_queue_with_redrive(&dead, 2).await;
    let sender = sender();
    let cx = Context::new()
        .with_remote_span_context(sender.clone())
        .with_baggage([KeyValue::new("tenant", "acme")]);
    let confirm = sqs.sink(&queue).enqueue(Message::new("order 7"), &cx).await;
    confirm.unwrap().await.unwrap();

    let (seen, mut letters) = mpsc::unbounded_channel();
    let (failed, mut failures) = mpsc::unbounded_channel();
    let failing = Worker::new(sqs.source(&queue), move |incoming: Incoming| {
        let sent = failed.send((incoming.attempt(), incoming.trace().clone()));
        async move { sent.map_err(Failure::from).and(Err(Failure::new("again"))) }
    });
    let failing = failing
        .backoff(Backoff::new(Duration::ZERO, Duration::ZERO))
        .instrumentation(sqs.instrumentation());
    let reading = Worker::new(sqs.source(&dead), move |letter: Incoming| {
        let sent = seen.send((letter, Context::current()));
        async move { sent.map_err(Failure::from) }
    });
    let reading = reading.instrumentation(sqs.instrumentation());
    let stop = CancellationToken::new();
    let until_it_is_there = async {
        let letter = timeout(LIMIT, letters.recv()).await;
        stop.cancel();
        letter.expect("a dead letter in time").unwrap()
    };
    let (failing, reading, (letter, cx)) = tokio::join!(
        failing.run_until(stop.cancelled()),
        reading.run_until(stop.cancelled()),
        until_it_is_there,
    );
    failing.unwrap().complete().unwrap();
    reading.unwrap().complete().unwrap();

    let created = letter.trace().parent.clone().unwrap();
    assert_eq!(letter.text(), Some("order 7"));
    assert_eq!(created.trace_id(), sender.trace_id());
    assert_eq!(
        letter.trace().links[0],
        (created.clone(), LinkType::Creation)
    );
    assert_eq!(cx.span().span_context().trace_id(), sender.trace_id());
    assert_eq!(cx.baggage().get("tenant"), Some(&"acme".into()));
    for attempt in [1, 2] {
        let (counted, trace) = failures.recv().await.unwrap();
        assert_eq!(counted, attempt);
        assert_eq!(trace.parent.as_ref(), Some(&created));
    }
    assert!(failures.recv().await.is_none(), "handled a third time");
}
