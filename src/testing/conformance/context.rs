use std::sync::{Arc, Mutex};

use opentelemetry::baggage::BaggageExt as _;
use opentelemetry::trace::{
    SpanContext, SpanId, TraceContextExt as _, TraceFlags, TraceId, TraceState,
};
use opentelemetry::{Context, KeyValue};

use super::journal::{Journal, recorded, run, text};
use super::settling::{recording, sent};
use super::{Fixture, QueueKind, worker};
use crate::contract::{Message, Sink, Value};
use crate::telemetry::LinkType;
use crate::worker::{Failure, Incoming};

/// The trace goes on in the handler, and the baggage is whole.
pub async fn context_and_baggage_reach_the_handler<F: Fixture>(fixture: &F) {
    let queue = fixture.make_queue(QueueKind::Plain).await;
    let sender = SpanContext::new(
        TraceId::from(fastrand::u128(1..)),
        SpanId::from(fastrand::u64(1..)),
        TraceFlags::SAMPLED,
        false,
        TraceState::NONE,
    );
    let baggage = [
        KeyValue::new("tenant", "a b=ü"),
        KeyValue::new("plan", "gold"),
    ];
    let cx = Context::new()
        .with_remote_span_context(sender.clone())
        .with_baggage(baggage.clone());
    let confirm = fixture.sink(&queue).enqueue(Message::new("x"), &cx).await;
    confirm.expect("it is enqueued").await.expect("it is sent");

    let (journal, seen) = (Journal::new(), Arc::new(Mutex::new(None)));
    let (records, contexts) = (journal.clone(), Arc::clone(&seen));
    let handler = move |incoming: Incoming| {
        // The context is current in the call itself as in what it awaits.
        let called_in = Context::current();
        let (records, contexts) = (records.clone(), Arc::clone(&contexts));
        async move {
            tokio::task::yield_now().await;
            *contexts.lock().expect("nobody panicked") = Some((called_in, Context::current()));
            records.record(&incoming);
            Ok(())
        }
    };
    run(worker(fixture, &queue, handler), journal.has(1)).await;
    let (called_in, cx) = seen
        .lock()
        .expect("nobody panicked")
        .take()
        .expect("it was handled");
    assert_eq!(called_in.span().span_context(), cx.span().span_context());
    assert_eq!(cx.span().span_context().trace_id(), sender.trace_id());
    for member in &baggage {
        assert_eq!(
            cx.baggage().get(&member.key),
            Some(&member.value.as_str().into_owned().into())
        );
    }
    let trace = journal.entries()[0].incoming.trace().clone();
    let parent = trace.parent.expect("the creation context is the parent");
    assert_eq!(parent.trace_id(), sender.trace_id());
    assert_eq!(trace.links[0].1, LinkType::Creation);
    assert_eq!(trace.links[0].0, parent);
}

/// The process span of a retry links to that of the attempt before.
pub async fn a_retry_links_to_the_attempt_before<F: Fixture>(fixture: &F) {
    let queue = sent(fixture, "x").await;
    let (journal, spans) = (Journal::new(), Arc::new(Mutex::new(Vec::new())));
    let contexts = Arc::clone(&spans);
    let handler = recorded(&journal, move |incoming: Incoming| {
        let span = Context::current().span().span_context().clone();
        contexts.lock().expect("nobody panicked").push(span);
        async move {
            match incoming.attempt() {
                1 => Err(Failure::new("once")),
                _ => Ok(()),
            }
        }
    });
    run(worker(fixture, &queue, handler), journal.has(2)).await;
    let first = spans.lock().expect("nobody panicked")[0].clone();
    let entries = journal.entries();
    let previous = |entry: usize| {
        let links = &entries[entry].incoming.trace().links;
        let mut links = links
            .iter()
            .filter(|link| link.1 == LinkType::PreviousAttempt);
        links.next().map(|link| link.0.span_id())
    };
    assert_eq!(previous(0), None);
    assert_eq!(previous(1), Some(first.span_id()));
}

/// Payload, headers and group arrive as they were sent.
pub async fn what_a_message_carries_arrives<F: Fixture>(fixture: &F) {
    let queue = fixture.make_queue(QueueKind::Lanes).await;
    let message = Message::new("zwölf Boxkämpfer")
        .with_group("ring")
        .with_dedup_id(fastrand::u64(..).to_string())
        .with_header("kind", "fight")
        .with_header("round", "3");
    fixture
        .sink(&queue)
        .send(message)
        .await
        .expect("it is sent");
    let journal = Journal::new();
    run(worker(fixture, &queue, recording(&journal)), journal.has(1)).await;
    let incoming = journal.entries()[0].incoming.clone();
    assert_eq!(text(&incoming), "zwölf Boxkämpfer");
    assert_eq!(
        incoming.headers.get("kind").and_then(Value::as_str),
        Some("fight")
    );
    assert_eq!(
        incoming.headers.get("round").and_then(Value::as_str),
        Some("3")
    );
    assert_eq!(incoming.group.as_deref(), Some(b"ring".as_slice()));
    assert_eq!(
        incoming.lane().map(|lane| lane.name().as_ref()),
        Some(b"ring".as_slice())
    );
    assert_eq!(incoming.attempt(), 1);
    assert!(incoming.id().is_some());
    assert!(incoming.queue_time().is_some());
}
