//! Short ways to a span, and to what one says.

use std::collections::BTreeMap;

use opentelemetry::trace::{SpanContext, SpanId, TraceFlags, TraceId, TraceState};
use opentelemetry_sdk::trace::SpanData;

/// The span of somebody who sends: of a trace of its own, and sampled.
pub(crate) fn sender() -> SpanContext {
    SpanContext::new(
        TraceId::from(fastrand::u128(1..)),
        SpanId::from(fastrand::u64(1..)),
        TraceFlags::SAMPLED,
        true,
        TraceState::NONE,
    )
}

/// The attributes of a span, as text.
pub(crate) fn attributes(span: &SpanData) -> BTreeMap<String, String> {
    let attributes = span.attributes.iter();
    attributes
        .map(|attribute| (attribute.key.to_string(), attribute.value.to_string()))
        .collect()
}

pub(crate) fn attribute(span: &SpanData, key: &str) -> Option<String> {
    attributes(span).remove(key)
}

/// What a span links to, in order.
pub(crate) fn links(span: &SpanData) -> Vec<SpanContext> {
    let links = span.links.iter();
    links.map(|link| link.span_context.clone()).collect()
}

/// Whether two span contexts name one span, remote or not.
pub(crate) fn same(one: &SpanContext, other: &SpanContext) -> bool {
    (one.trace_id(), one.span_id()) == (other.trace_id(), other.span_id())
}

/// The `traceparent` of a span.
pub(crate) fn traceparent(span: &SpanContext) -> String {
    let flags = span.trace_flags().to_u8();
    format!("00-{}-{}-{flags:02x}", span.trace_id(), span.span_id())
}

/// The header of X-Ray of a span.
pub(crate) fn trace_header(span: &SpanContext) -> String {
    let trace_id = span.trace_id().to_string();
    let (time, unique) = trace_id.split_at(8);
    let sampled = u8::from(span.is_sampled());
    format!(
        "Root=1-{time}-{unique};Parent={};Sampled={sampled}",
        span.span_id()
    )
}
