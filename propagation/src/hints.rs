//! What a [`Context`] carries from a message that OpenTelemetry's own types have no place for.

use opentelemetry::{
    Context,
    trace::{SpanContext, SpanId, TraceContextExt, TraceId},
};

use crate::{ReceivedBaggage, XRayLineage, trace_context::W3cRemainder};

/// `cx` with what a message brought beside its span context and its baggage: the hints, and the
/// forms in which parts of it go on unchanged. For those who put a message's baggage into a context
/// of their own; `of` is what was extracted.
#[must_use]
pub fn with_hints(cx: &Context, of: &Context) -> Context {
    fn copy<T: Clone + Send + Sync + 'static>(cx: Context, of: &Context) -> Context {
        match of.get::<T>() {
            Some(value) => cx.with_value(value.clone()),
            None => cx,
        }
    }
    let cx = copy::<ReceivedBaggage>(cx.clone(), of);
    let cx = copy::<XRayLineage>(cx, of);
    let cx = copy::<W3cRemainder>(cx, of);
    let cx = copy::<Deferred>(cx, of);
    copy::<DebugFlag>(cx, of)
}

/// Says that the sender left the sampling decision to the receiver (X-Ray `Sampled=?` or none; no
/// decision in B3, Datadog, Cloud Trace and Sentry).
///
/// The remote span context itself is unsampled, for whoever does not ask. The hint names the span
/// it is about, so it ends by itself where a new local span, or another message, takes over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Deferred {
    trace_id: TraceId,
    span_id: SpanId,
}

impl Deferred {
    pub(crate) fn new(span_context: &SpanContext) -> Self {
        Self {
            trace_id: span_context.trace_id(),
            span_id: span_context.span_id(),
        }
    }

    /// Whether the span that is current in `cx` is a remote one with its decision deferred.
    pub fn is_set(cx: &Context) -> bool {
        cx.get::<Self>()
            .is_some_and(|hint| *hint == Self::new(cx.span().span_context()))
    }
}

/// Says that the trace is one to debug: the flag of B3 and Jaeger that forces recording.
///
/// The remote span context is sampled. The hint names the trace and not the span, because it holds
/// for all that follows in it (OpenTelemetry specification 1.50, "B3 extract"); it ends where
/// another trace takes over, and counts for nothing on a span that is not sampled.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DebugFlag(TraceId);

impl DebugFlag {
    pub(crate) fn new(span_context: &SpanContext) -> Self {
        Self(span_context.trace_id())
    }

    /// Whether the span that is current in `cx` is sampled, and of a trace to debug.
    pub fn is_set(cx: &Context) -> bool {
        cx.get::<Self>().is_some_and(|hint| {
            let span = cx.span();
            let current = span.span_context();
            current.is_sampled() && *hint == Self::new(current)
        })
    }
}

/// A remote span context to link to that must not become the parent; see
/// [`Extracted::or_aws_trace_header`](crate::Extracted::or_aws_trace_header).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RemoteLink(SpanContext);

impl RemoteLink {
    pub(crate) fn new(span_context: SpanContext) -> Self {
        Self(span_context)
    }

    /// The span context to link to, if the extraction that made `cx` left one.
    pub fn of(cx: &Context) -> Option<&SpanContext> {
        cx.get::<Self>().map(|link| &link.0)
    }
}
