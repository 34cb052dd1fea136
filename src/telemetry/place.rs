use opentelemetry::Context;
use opentelemetry::baggage::{Baggage, BaggageExt};
use opentelemetry::trace::{SpanContext, TraceContextExt};
use tracehop_propagation::with_hints;

use super::options::Correlation;

/// What surrounds the handling of a message.
#[derive(Clone, Copy, Debug)]
pub enum Scope<'a> {
    /// A worker, or a message that was read onto what is current: nothing else is ambient.
    Worker,
    /// The user's own loop, with what is current there. A local span in it is the parent, but for
    /// [`Correlation::Link`].
    Caller(&'a Context),
    /// A batch handler, with what is current there: always the parent.
    Batch(&'a Context),
}

/// Where a process span goes.
pub(super) struct Place {
    pub(super) parent: Context,
    /// What the span is put on: baggage and values, and what is current if there is no span.
    pub(super) onto: Context,
    pub(super) ambient: Option<SpanContext>,
}

impl Place {
    /// That of the span of one message.
    pub(super) fn of(correlation: Correlation, creation: &Context, scope: Scope<'_>) -> Self {
        let local = match scope {
            Scope::Worker => None,
            Scope::Caller(current) | Scope::Batch(current) => local(current),
        };
        let onto = match (scope, &local) {
            (Scope::Worker, _) => creation.clone(),
            (Scope::Caller(current) | Scope::Batch(current), Some(_)) => {
                with_message(current, creation)
            }
            (Scope::Caller(current) | Scope::Batch(current), None) => {
                with_message(current, creation)
                    .with_remote_span_context(creation.span().span_context().clone())
            }
        };
        let (parent, ambient) = match (correlation, scope) {
            // No span, but what processors and samplers may look at.
            (Correlation::Link, Scope::Worker | Scope::Caller(_)) => {
                (with_message(&Context::new(), creation), local)
            }
            (Correlation::ParentAndLink, _) | (_, Scope::Batch(_)) => (onto.clone(), None),
        };
        Self {
            parent,
            onto,
            ambient,
        }
    }
}

/// The parent of the span of a batch, and what it is put on: what is current, but for a remote span.
pub(super) fn parent_of_batch(scope: Scope<'_>) -> Context {
    match scope {
        Scope::Worker => Context::new(),
        Scope::Caller(current) | Scope::Batch(current) if local(current).is_some() => {
            current.clone()
        }
        Scope::Caller(current) | Scope::Batch(current) => {
            current.with_remote_span_context(SpanContext::NONE)
        }
    }
}

/// The span of this process that is current in `cx`.
fn local(cx: &Context) -> Option<SpanContext> {
    let span_context = cx.span().span_context().clone();
    (span_context.is_valid() && !span_context.is_remote()).then_some(span_context)
}

/// `current` with the baggage of a message in place of its own, and the hints beside it.
fn with_message(current: &Context, creation: &Context) -> Context {
    let baggage: Baggage = creation
        .baggage()
        .iter()
        .map(|(key, member)| (key.clone(), member.clone()))
        .collect();
    with_hints(&current.with_baggage(baggage), creation)
}
