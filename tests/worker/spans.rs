use std::time::Duration;

use opentelemetry::trace::{
    SpanContext, SpanId, SpanKind, Status, TraceContextExt as _, TraceFlags, TraceId, TraceState,
};
use opentelemetry::{Context, KeyValue};
use opentelemetry_sdk::trace::SpanData;
use tokio::time::sleep;
use tracehop::contract::{Message, Sink};
use tracehop::worker::{Backoff, Batch, Batches, DeadLetter, Failure};

use crate::bench::{Bench, DEAD, QUEUE, Seen};

const SECOND: Duration = Duration::from_secs(1);

pub(crate) fn attribute(span: &SpanData, key: &str) -> Option<String> {
    value(&span.attributes, key)
}

fn value(attributes: &[KeyValue], key: &str) -> Option<String> {
    let found = attributes.iter().find(|known| known.key.as_str() == key)?;
    Some(found.value.to_string())
}

fn processed(bench: &Bench) -> Vec<SpanData> {
    let mut spans = bench.recorder.spans();
    spans.retain(|span| span.name == "process orders");
    spans
}

/// Span ids and types of a span's links.
fn links(span: &SpanData) -> Vec<(SpanId, String)> {
    let links = span.links.iter();
    links
        .map(|link| {
            let link_type = value(&link.attributes, "tracehop.link.type").unwrap();
            (link.span_context.span_id(), link_type)
        })
        .collect()
}

#[tokio::test(start_paused = true)]
async fn one_trace_shows_the_way_and_every_attempt() {
    let bench = Bench::with(&["one"]).await;
    let seen = Seen::new();
    let worker = bench.worker(seen.then(|incoming| async move {
        match incoming.attempt() {
            1 => Err(Failure::new("out of stock").with_type("out_of_stock")),
            2 => panic!("a panic of this test"),
            _ => Ok(()),
        }
    }));
    worker.run_until(bench.emptied()).await.unwrap();
    let sent = bench.recorder.span("send orders");
    let spans = processed(&bench);
    let told: Vec<_> = spans
        .iter()
        .map(|span| {
            [
                attribute(span, "tracehop.message.attempt"),
                attribute(span, "tracehop.settlement"),
                attribute(span, "error.type"),
            ]
            .map(Option::unwrap_or_default)
        })
        .collect();
    assert_eq!(
        told,
        [
            ["1", "nack", "out_of_stock"],
            ["2", "nack", "panic"],
            ["3", "ack", ""],
        ]
    );
    assert_eq!(spans[0].status, Status::error("out of stock"));
    assert_eq!(spans[1].status, Status::error("a panic of this test"));
    let creation = (sent.span_context.span_id(), "creation".to_owned());
    for (index, span) in spans.iter().enumerate() {
        assert_eq!(span.span_kind, SpanKind::Consumer);
        assert_eq!(span.span_context.trace_id(), sent.span_context.trace_id());
        assert_eq!(span.parent_span_id, creation.0);
        let mut expected = vec![creation.clone()];
        if index > 0 {
            let before = spans[index - 1].span_context.span_id();
            expected.push((before, "previous_attempt".to_owned()));
        }
        assert_eq!(links(span), expected);
    }
}

#[tokio::test(start_paused = true)]
async fn the_span_around_a_worker_is_not_ambient() {
    use opentelemetry::trace::{FutureExt as _, Tracer as _};
    let bench = Bench::with(&["one"]).await;
    let around = bench.recorder.tracer().start("around");
    let cx = Context::new().with_span(around);
    let worker = bench.worker(Seen::new().ok());
    worker
        .run_until(bench.emptied())
        .with_context(cx)
        .await
        .unwrap();
    let sent = bench.recorder.span("send orders");
    let span = bench.recorder.span("process orders");
    assert_eq!(span.parent_span_id, sent.span_context.span_id());
    assert_eq!(span.links.len(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_lost_lease_and_a_cancelled_handler_stand_on_their_spans() {
    let bench = Bench::with(&["one"]).await;
    let seen = Seen::new();
    let worker = bench
        .worker(seen.then(|_| async {
            sleep(Duration::from_hours(1)).await;
            Ok(())
        }))
        .drain(SECOND);
    let shutdown = async {
        seen.has(1).await;
        bench.broker.revoke_all(QUEUE);
        seen.has(2).await;
    };
    worker.run_until(shutdown).await.unwrap();
    let spans = processed(&bench);
    assert_eq!(
        attribute(&spans[0], "tracehop.lease.lost").as_deref(),
        Some("true")
    );
    assert_eq!(
        attribute(&spans[0], "error.type").as_deref(),
        Some("lease_lost")
    );
    assert_eq!(attribute(&spans[0], "tracehop.settlement"), None);
    assert_eq!(
        attribute(&spans[1], "error.type").as_deref(),
        Some("cancelled")
    );
    let total = |name| bench.recorder.total(name, &[]);
    assert_eq!(total("tracehop.worker.leases_lost"), Some(1.0));
    assert_eq!(total("tracehop.worker.in_flight"), Some(0.0));
    let nacked = [("tracehop.settlement", "nack")];
    assert_eq!(
        bench.recorder.total("tracehop.worker.settled", &nacked),
        Some(1.0)
    );
}

#[tokio::test(start_paused = true)]
async fn a_dropped_worker_ends_its_spans_as_cancelled() {
    let bench = Bench::with(&["one"]).await;
    let seen = Seen::new();
    let worker = bench.worker(seen.then(|_| async {
        sleep(Duration::from_hours(1)).await;
        Ok(())
    }));
    let dropped = tokio::time::timeout(SECOND, worker.run_until(std::future::pending::<()>()));
    assert!(dropped.await.is_err());
    tokio::task::yield_now().await;
    let span = bench.recorder.span("process orders");
    assert_eq!(attribute(&span, "error.type").as_deref(), Some("cancelled"));
}

#[tokio::test(start_paused = true)]
async fn a_dead_letter_stays_in_its_trace_and_knows_the_last_attempt() {
    let bench = Bench::with(&["one"]).await;
    let worker = bench
        .worker(Seen::new().then(|_| async { Err(Failure::reject("never")) }))
        .on_reject(DeadLetter::to(bench.broker.sink(DEAD)));
    worker.run_until(bench.emptied()).await.unwrap();
    let reading = Seen::new();
    let reader = tracehop::worker::Worker::new(bench.broker.source(DEAD), reading.ok())
        .instrumentation(bench.recorder.instrumentation());
    reader.run_until(reading.has(1)).await.unwrap();

    let process = bench.recorder.span("process orders");
    assert_eq!(
        attribute(&process, "tracehop.settlement").as_deref(),
        Some("reject")
    );
    let letter = bench.recorder.span("send orders-dead");
    assert_eq!(letter.span_kind, SpanKind::Producer);
    assert_eq!(letter.parent_span_id, process.span_context.span_id());
    let read = bench.recorder.span("process orders-dead");
    assert_eq!(read.parent_span_id, letter.span_context.span_id());
    let expected = [
        (letter.span_context.span_id(), "creation".to_owned()),
        (
            process.span_context.span_id(),
            "previous_attempt".to_owned(),
        ),
    ];
    assert_eq!(links(&read), expected);
}

#[tokio::test(start_paused = true)]
async fn a_batch_is_a_root_that_links_to_each_message_and_has_children() {
    let bench = Bench::with(&["one", "two"]).await;
    let work = |batch: Batch| async move {
        for item in &batch {
            item.process(async {
                match (item.text(), item.attempt()) {
                    (Some("one"), 1) => Err(Failure::new("once").with_type("first")),
                    _ => Ok(()),
                }
            })
            .await;
        }
        Ok(())
    };
    let worker = bench
        .worker(Batches::of(2, work))
        .backoff(Backoff::new(Duration::ZERO, Duration::ZERO));
    worker.run_until(bench.emptied()).await.unwrap();

    let mut sent = bench.recorder.spans();
    sent.retain(|span| span.name == "send orders");
    let spans = processed(&bench);
    let [one, two, batch, again, second] = spans.as_slice() else {
        panic!("five process spans, not {}", spans.len());
    };
    assert_eq!(batch.parent_span_id, SpanId::INVALID);
    assert_eq!(
        attribute(batch, "messaging.batch.message_count").as_deref(),
        Some("2")
    );
    assert_eq!(
        attribute(batch, "tracehop.batch.failed_count").as_deref(),
        Some("1")
    );
    assert_eq!(attribute(batch, "error.type").as_deref(), Some("first"));
    let creations: Vec<_> = sent
        .iter()
        .map(|span| (span.span_context.span_id(), "creation".to_owned()))
        .collect();
    assert_eq!(links(batch), creations);
    for (child, creation) in [one, two].into_iter().zip(&creations) {
        assert_eq!(child.parent_span_id, batch.span_context.span_id());
        assert_eq!(links(child), std::slice::from_ref(creation));
    }
    assert_eq!(again.parent_span_id, second.span_context.span_id());
    let before = (one.span_context.span_id(), "previous_attempt".to_owned());
    assert_eq!(links(again), [creations[0].clone(), before]);
}

#[tokio::test(start_paused = true)]
async fn a_context_of_the_users_own_on_a_message_is_kept_and_a_forwarded_one_replaced() {
    let bench = Bench::new();
    let users = SpanContext::new(
        TraceId::from(7),
        SpanId::from(9),
        TraceFlags::SAMPLED,
        true,
        TraceState::NONE,
    );
    let own = "00-00000000000000000000000000000007-0000000000000009-01";
    let marked = Message::new("one").with_header("traceparent", own);
    bench.send(marked).await;
    let sink = bench.broker.sink("next");
    let forward = move |incoming: tracehop::worker::Incoming| {
        let sink = sink.clone();
        async move {
            sink.send(incoming.into_message()).await?;
            Ok(())
        }
    };
    bench
        .worker(forward)
        .run_until(bench.emptied())
        .await
        .unwrap();

    let sent = bench.recorder.span("send orders");
    assert_eq!(sent.span_kind, SpanKind::Client);
    assert_eq!(sent.links[0].span_context.span_id(), users.span_id());
    let process = bench.recorder.span("process orders");
    assert_eq!(process.span_context.trace_id(), users.trace_id());
    assert_eq!(process.parent_span_id, users.span_id());
    let next = bench.recorder.span("send next");
    assert_eq!(next.span_kind, SpanKind::Producer);
    assert_eq!(next.parent_span_id, process.span_context.span_id());
    let reading = Seen::new();
    let reader = tracehop::worker::Worker::new(bench.broker.source("next"), reading.ok())
        .instrumentation(bench.recorder.instrumentation());
    reader.run_until(reading.has(1)).await.unwrap();
    let last = bench.recorder.span("process next");
    assert_eq!(last.parent_span_id, next.span_context.span_id());
}
