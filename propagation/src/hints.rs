//! What a [`Context`] carries from a message that OpenTelemetry's own types have no place for.

use opentelemetry::{
    Context,
    trace::{SpanContext, SpanId, TraceContextExt, TraceId},
};

/// Says that the sender left the sampling decision to the receiver (X-Ray `Sampled=?` or none).
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
