use std::sync::{Arc, Mutex};

use opentelemetry::baggage::BaggageExt as _;
use opentelemetry::trace::{
    SpanContext, SpanId, TraceContextExt as _, TraceFlags, TraceId, TraceState,
};
use opentelemetry::{Context, KeyValue};

use tracehop_propagation::traceparent;

use super::journal::{Journal, received, recorded, run};
use super::settling::sent;
use super::{Fixture, QueueKind, message, worker};
use crate::contract::{Message, Sink};
use crate::telemetry::LinkType;
use crate::worker::{Failure, Incoming};

/// The trace goes on in the handler, and the baggage is whole.
pub async fn context_and_baggage_reach_the_handler<F: Fixture>(fixture: &F) {
    let queue = fixture.make_queue(QueueKind::Plain).await;
    let sender = span_context();
    let baggage = [
        KeyValue::new("tenant", "a b=ü"),
        KeyValue::new("plan", "gold"),
    ];
    let cx = Context::new()
        .with_remote_span_context(sender.clone())
        .with_baggage(baggage.clone());
    let confirm = fixture.sink(&queue).enqueue(message("x"), &cx).await;
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

/// What a handler sends on goes out in the context of its own span: the fields of the message in
/// hand are replaced, and none stands there twice.
pub async fn a_forwarded_message_has_no_field_twice<F: Fixture>(fixture: &F) {
    let (first, second) = (
        fixture.make_queue(QueueKind::Plain).await,
        fixture.make_queue(QueueKind::Plain).await,
    );
    let sender = span_context();
    let cx = Context::new()
        .with_remote_span_context(sender.clone())
        .with_baggage([KeyValue::new("tenant", "acme")]);
    let confirm = fixture.sink(&first).enqueue(message("x"), &cx).await;
    confirm.expect("it is enqueued").await.expect("it is sent");

    let sink = Arc::new(fixture.sink(&second));
    let (journal, spans) = (Journal::new(), Arc::new(Mutex::new(Vec::new())));
    let (records, contexts) = (journal.clone(), Arc::clone(&spans));
    let forward = move |incoming: Incoming| {
        let (sink, records) = (Arc::clone(&sink), records.clone());
        let span = Context::current().span().span_context().clone();
        contexts.lock().expect("nobody panicked").push(span);
        async move {
            sink.send(Message::clone(&incoming)).await?;
            records.record(&incoming);
            Ok(())
        }
    };
    run(worker(fixture, &first, forward), journal.has(1)).await;
    let incoming = received(fixture, &second).await;
    for field in ["traceparent", "baggage"] {
        let named = |name: &[u8]| name.eq_ignore_ascii_case(field.as_bytes());
        let fields = incoming.headers.iter().filter(|(name, _)| named(name));
        assert_eq!(fields.count(), 1, "{field}");
    }
    let old = journal.entries()[0].incoming.trace().parent.clone();
    let new = incoming.trace().parent.clone();
    assert_ne!(new, old, "the context of the message in hand was passed on");
    let trace_id = new.map(|parent| parent.trace_id());
    assert_eq!(trace_id, Some(sender.trace_id()));
}

/// A context that the user put on a message stays its creation context.
pub async fn a_context_of_the_users_is_kept<F: Fixture>(fixture: &F) {
    let queue = fixture.make_queue(QueueKind::Plain).await;
    let (users, current) = (span_context(), span_context());
    let traceparent = traceparent(&users).expect("it is valid");
    let sent = message("x").with_header("traceparent", traceparent);
    let cx = Context::new().with_remote_span_context(current);
    let confirm = fixture.sink(&queue).enqueue(sent, &cx).await;
    confirm.expect("it is enqueued").await.expect("it is sent");
    let incoming = received(fixture, &queue).await;
    let parent = incoming.trace().parent.clone().expect("there is a parent");
    assert_eq!(parent.span_id(), users.span_id());
    assert_eq!(parent.trace_id(), users.trace_id());
}

/// What is no context is passed over, and the message is handled in a trace of its own.
pub async fn a_malformed_context_starts_a_new_trace<F: Fixture>(fixture: &F) {
    let queue = fixture.make_queue(QueueKind::Plain).await;
    let sent = message("x")
        .with_header("traceparent", "00-zz-00f067aa0ba902b7-01")
        .with_header("baggage", "broken,tenant=acme");
    // As it comes from elsewhere: nothing of ours is put on it.
    let quiet = Context::new().with_telemetry_suppressed();
    let confirm = fixture.sink(&queue).enqueue(sent, &quiet).await;
    confirm.expect("it is enqueued").await.expect("it is sent");
    let incoming = received(fixture, &queue).await;
    assert_eq!(incoming.trace().parent, None);
    assert_eq!(incoming.trace().links, []);
    let tenant = incoming.creation_context().baggage().get("tenant");
    assert_eq!(tenant, Some(&"acme".into()));
}

fn span_context() -> SpanContext {
    SpanContext::new(
        TraceId::from(fastrand::u128(1..)),
        SpanId::from(fastrand::u64(1..)),
        TraceFlags::SAMPLED,
        false,
        TraceState::NONE,
    )
}
