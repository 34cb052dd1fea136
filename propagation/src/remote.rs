use opentelemetry::trace::{SpanContext, SpanId, TraceId, TraceState};

use crate::{Carrier, Sampling, carrier::Values, hex, ows::trim_ows};

/// What the fields of one format say: a parent, nothing, or something that cannot be used.
pub(crate) type Reading = Result<Option<Remote>, Malformed>;

/// The fields are there, and no parent can be made of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Malformed;

/// A valid remote span context and what was decided about it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Remote {
    pub(crate) span_context: SpanContext,
    pub(crate) sampling: Sampling,
}

impl Remote {
    /// Ids of zeros are malformed in every format.
    pub(crate) fn new(
        trace_id: TraceId,
        span_id: SpanId,
        sampling: Sampling,
        state: TraceState,
    ) -> Result<Self, Malformed> {
        let span_context = SpanContext::new(trace_id, span_id, sampling.flags(), true, state);
        if !span_context.is_valid() {
            return Err(Malformed);
        }
        Ok(Self {
            span_context,
            sampling,
        })
    }
}

/// The value of a field, `None` where it is missing or blank. Two of them are malformed: no format
/// says which would count.
pub(crate) fn value<'a>(carrier: Carrier<'a>, field: &str) -> Result<Option<&'a str>, Malformed> {
    match carrier.values(field) {
        Values::None => Ok(None),
        Values::One(one) => Ok(Some(trim_ows(one)).filter(|value| !value.is_empty())),
        Values::Several(_) => Err(Malformed),
    }
}

/// Reads a format that is one field.
pub(crate) fn read(
    carrier: Carrier<'_>,
    field: &str,
    parse: impl FnOnce(&str) -> Reading,
) -> Reading {
    match value(carrier, field)? {
        None => Ok(None),
        Some(value) => parse(value),
    }
}

/// A trace id as Zipkin and Jaeger have it: without the upper half where that is zero, for systems
/// whose ids have 64 bits.
pub(crate) fn push_short_trace_id(text: &mut String, trace_id: TraceId) {
    let bytes = trace_id.to_bytes();
    let (upper, lower) = bytes.split_at(8);
    if upper.iter().any(|byte| *byte != 0) {
        hex::push(text, upper);
    }
    hex::push(text, lower);
}

/// A decimal id; no sign, no fraction, nothing over 64 bits.
pub(crate) fn decimal(text: &str) -> Option<u64> {
    let digits = text.bytes().all(|byte| byte.is_ascii_digit());
    digits.then(|| text.parse().ok()).flatten()
}
