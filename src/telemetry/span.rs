use std::sync::Arc;
use std::time::{Instant, SystemTime};

use opentelemetry::global::BoxedSpan;
use opentelemetry::trace::{Span as _, Status, TraceContextExt};
use opentelemetry::{Context, KeyValue};

use super::facts::{MessageFacts, OperationError};
use super::guarded;
use super::instrumentation::{Instrumentation, with};
use super::names::{self, Op};
use super::prepared::Prepared;
use super::start::Start;

/// An operation in progress: its span, if it has one, and what its metrics need. It ends once, by
/// [`end`](Self::end) or as `cancelled` when it is dropped.
#[derive(Debug)]
pub(super) struct Live {
    op: Op,
    context: Context,
    span: Spanned,
    /// `None` once it has ended, and where nobody hears of its end.
    pending: Option<Pending>,
}

/// The span of an operation.
#[derive(Debug)]
enum Spanned {
    /// There is none.
    None,
    /// One that is not recorded, and of which nothing is kept but its place in the context.
    Unrecorded,
    /// One that nobody else adds to.
    Own(BoxedSpan),
    /// The one of the context, which is current in a handler.
    Current,
}

#[derive(Debug)]
struct Pending {
    instrumentation: Instrumentation,
    prepared: Arc<Prepared>,
    /// Where it is measured.
    started: Option<Instant>,
    partition: Option<i32>,
    messages: u64,
    ends_at: Option<SystemTime>,
}

impl Live {
    pub(super) fn begin(instrumentation: &Instrumentation, mut start: Start<'_>) -> Self {
        let suppressed = start.onto.is_telemetry_suppressed();
        let prepared = (!suppressed)
            .then(|| instrumentation.prepared(start.destination))
            .flatten();
        let Some(prepared) = prepared else {
            return Self {
                op: start.op,
                context: start.onto.clone(),
                span: Spanned::None,
                pending: None,
            };
        };
        let measured = instrumentation.metrics().is_some();
        let span = start.span.then(|| start.build(instrumentation, &prepared));
        let (context, span) = match span.flatten() {
            None => (start.onto.clone(), Spanned::None),
            Some(span) => placed(span, &start, measured),
        };
        let heard = measured || !matches!(span, Spanned::None | Spanned::Unrecorded);
        let pending = heard.then(|| Pending {
            instrumentation: instrumentation.clone(),
            started: measured.then(|| start.clock.unwrap_or_else(Instant::now)),
            partition: start.facts.partition,
            messages: start.batch_count.map_or(1, |count| count as u64),
            prepared,
            ends_at: None,
        });
        Self {
            op: start.op,
            context,
            span,
            pending,
        }
    }

    /// What there is to end once its context went where it goes: nothing where nobody hears of the
    /// end, as of a span that is not recorded, without metrics. They alone need the context again.
    pub(super) fn pending(mut self) -> Option<Self> {
        if self.pending.as_ref()?.started.is_none() {
            self.context = Context::new();
        }
        Some(self)
    }

    /// The span's context, else the one that the operation was given; not that of a receive or a
    /// settle, which goes nowhere.
    pub(super) fn context(&self) -> &Context {
        &self.context
    }

    /// Whether there is a span, sampled or not.
    pub(super) fn has_span(&self) -> bool {
        !matches!(self.span, Spanned::None)
    }

    /// Sets an attribute if the span is recorded.
    pub(super) fn set(&mut self, key: &'static str, value: impl Into<opentelemetry::Value>) {
        match &mut self.span {
            Spanned::None | Spanned::Unrecorded => {}
            Spanned::Own(span) => span.set_attribute(KeyValue::new(key, value)),
            Spanned::Current => self.context.span().set_attribute(KeyValue::new(key, value)),
        }
    }

    /// Adds what is known of the message by now; a partition is told once.
    pub(super) fn describe(&mut self, facts: &MessageFacts<'_>) {
        let Some(pending) = &mut self.pending else {
            return;
        };
        if let Spanned::Own(span) = &mut self.span {
            let body_size = pending.instrumentation.options().body_size;
            facts.describe(pending.prepared.system(), body_size, |attribute| {
                span.set_attribute(attribute);
            });
            if let (None, Some(partition)) = (pending.partition, facts.partition()) {
                span.set_attribute(partition);
            }
        }
        pending.partition = pending.partition.or(facts.partition);
    }

    /// How many messages metrics count. Default: those of the batch call, and 1 for a single call.
    pub(super) fn is_about(&mut self, messages: usize) {
        if let Some(pending) = &mut self.pending {
            pending.messages = messages as u64;
        }
    }

    /// When the span ends, if it is not when it is told to.
    pub(super) fn ends_at(&mut self, at: Option<SystemTime>) {
        if let Some(pending) = &mut self.pending {
            pending.ends_at = at;
        }
    }

    /// Records the time in the queue with the span's context current.
    pub(super) fn queue_time(&self, facts: &MessageFacts<'_>) {
        if let (Some(pending), Some(enqueued_at)) = (&self.pending, facts.enqueued_at)
            && let Some(metrics) = pending.instrumentation.metrics()
        {
            let waited = super::queue_time(enqueued_at, SystemTime::now());
            let _current = self.has_span().then(|| self.context.clone().attach());
            metrics
                .queue_time
                .record(waited.as_secs_f64(), &pending.prepared.metric);
        }
    }

    /// Ends the operation; of `failed` messages a batch call tells.
    pub(super) fn end(mut self, error: Option<&OperationError<'_>>, failed: usize) {
        self.finish(error, failed);
    }

    fn finish(&mut self, error: Option<&OperationError<'_>>, failed: usize) {
        let Some(pending) = self.pending.take() else {
            return;
        };
        self.measure(&pending, error, failed as u64);
        if let Some(error) = error {
            self.fail(error);
        }
        guarded(|| match &mut self.span {
            // Nobody hears of its end.
            Spanned::None | Spanned::Unrecorded => {}
            Spanned::Own(span) => match pending.ends_at {
                Some(at) => span.end_with_timestamp(at),
                None => span.end(),
            },
            Spanned::Current => self.context.span().end(),
        });
    }

    fn fail(&mut self, error: &OperationError<'_>) {
        let error_type = || KeyValue::new(names::ERROR_TYPE, error.error_type().to_owned());
        let status = || Status::error(error.description().to_owned());
        match &mut self.span {
            Spanned::None | Spanned::Unrecorded => {}
            Spanned::Own(span) => {
                span.set_attribute(error_type());
                span.set_status(status());
            }
            Spanned::Current => {
                let span = self.context.span();
                span.set_attribute(error_type());
                span.set_status(status());
            }
        }
    }

    fn measure(&self, pending: &Pending, error: Option<&OperationError<'_>>, failed: u64) {
        let (Some(metrics), Some(started)) = (pending.instrumentation.metrics(), pending.started)
        else {
            return;
        };
        let duration = match (self.op, self.op.operation_type()) {
            (Op::Process, _) => &metrics.process_duration,
            (Op::Create, _) | (_, None) => return,
            _ => &metrics.operation_duration,
        };
        let prepared = &pending.prepared.operation(self.op).metric;
        let extended = pending
            .partition
            .map(|partition| with(prepared, [names::partition(partition)]));
        let fine = extended.as_deref().unwrap_or(prepared);
        let failure = error.map(|error| {
            let error_type = error.error_type().to_owned();
            with(fine, [KeyValue::new(names::ERROR_TYPE, error_type)])
        });
        let attributes = failure.as_deref().unwrap_or(fine);
        let _current = self.has_span().then(|| self.context.clone().attach());
        duration.record(started.elapsed().as_secs_f64(), attributes);
        let all = pending.messages;
        match self.op {
            Op::Send => {
                let failed = if failed == 0 && error.is_some() {
                    all
                } else {
                    failed.min(all)
                };
                if failed > 0 {
                    metrics.sent_messages.add(failed, attributes);
                }
                if failed < all {
                    metrics.sent_messages.add(all - failed, fine);
                }
            }
            Op::Receive if all > 0 => metrics.consumed_messages.add(all, attributes),
            _ => {}
        }
    }
}

/// The context of an operation with a span, and who has the span. One that nobody but us adds to is
/// not in the context, where each addition would take a lock: its place in the trace is.
fn placed(span: BoxedSpan, start: &Start<'_>, measured: bool) -> (Context, Spanned) {
    if span.is_recording() && start.op == Op::Process {
        return (start.onto.with_span(span), Spanned::Current);
    }
    // Metrics are recorded where the span is current.
    let context = if start.op.has_context() || measured {
        let span_context = span.span_context().clone();
        start.onto.with_remote_span_context(span_context)
    } else {
        Context::new()
    };
    let span = span.is_recording().then_some(span);
    (context, span.map_or(Spanned::Unrecorded, Spanned::Own))
}

impl Drop for Live {
    fn drop(&mut self) {
        if self.pending.is_some() {
            self.finish(Some(&OperationError::cancelled()), 0);
        }
    }
}
