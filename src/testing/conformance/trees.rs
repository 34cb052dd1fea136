use std::sync::atomic::{AtomicBool, Ordering};

use opentelemetry::Context;
use opentelemetry::trace::{SpanKind, TraceContextExt as _, Tracer as _};

use super::journal::{Journal, recorded, run};
use super::{Fixture, QueueKind, message, worker};
use crate::contract::Sink as _;
use crate::journey::Span;
use crate::testing::SpanTree;
use crate::worker::{Failure, Incoming};

/// One trace shows where a message was produced and every attempt at it, each with what became of
/// it; links say the same, and of a retry what it follows.
///
/// Brokers call their operations by their own words, and have spans besides for what their clients
/// do. So spans are compared by what producers and consumers they are.
pub async fn the_spans_of_a_message_are_a_tree<F: Fixture>(fixture: &F) {
    let queue = fixture.make_queue(QueueKind::Plain).await;
    let around = fixture.recorder().tracer().start("place order");
    let cx = Context::new().with_span(around);
    let order = cx.span().span_context().clone();
    let confirm = fixture.sink(&queue).enqueue(message("x"), &cx).await;
    confirm.expect("it is enqueued").await.expect("it is sent");
    cx.span().end();

    let journal = Journal::new();
    let first = AtomicBool::new(true);
    let handler = recorded(&journal, move |_: Incoming| {
        let failing = first.swap(false, Ordering::Relaxed);
        async move {
            if failing {
                return Err(Failure::new("out of stock").with_type("out_of_stock"));
            }
            Ok(())
        }
    });
    run(worker(fixture, &queue, handler), journal.has(2)).await;

    let spans = fixture.recorder().spans();
    let spans = spans.iter().filter_map(|span| {
        let mut span: Span = span.clone().into();
        let name = match span.kind {
            SpanKind::Producer => "produce",
            SpanKind::Consumer => "process",
            SpanKind::Internal => "place order",
            _ => return None,
        };
        name.clone_into(&mut span.name);
        (span.trace_id == order.trace_id()).then_some(span)
    });
    SpanTree::new(spans)
        .attributes([
            "tracehop.message.attempt",
            "tracehop.settlement",
            "error.type",
            "tracehop.link.type",
        ])
        .assert_is(
            "
            place order INTERNAL
              produce PRODUCER
                process CONSUMER ERROR \"out of stock\" {tracehop.message.attempt=1, \
                   tracehop.settlement=nack, error.type=out_of_stock} \
                   -> produce (parent) {tracehop.link.type=creation}
                process CONSUMER {tracehop.message.attempt=2, tracehop.settlement=ack} \
                   -> process {tracehop.link.type=previous_attempt}, \
                   produce (parent) {tracehop.link.type=creation}
            ",
        );
}
