use std::time::{SystemTime, UNIX_EPOCH};

use opentelemetry::trace::SpanId;
use opentelemetry_sdk::trace::SpanData;

use super::{Event, Link, Span};

impl Span {
    /// A span of the OpenTelemetry SDK, which does not know its service.
    pub fn of(service: impl Into<String>, span: &SpanData) -> Self {
        Self {
            service: service.into(),
            name: span.name.to_string(),
            kind: span.span_kind.clone(),
            trace_id: span.span_context.trace_id(),
            span_id: span.span_context.span_id(),
            parent_span_id: (span.parent_span_id != SpanId::INVALID).then_some(span.parent_span_id),
            start_unix_nano: unix_nano(span.start_time),
            end_unix_nano: unix_nano(span.end_time),
            status: span.status.clone(),
            attributes: span.attributes.clone(),
            links: span
                .links
                .iter()
                .map(|link| Link {
                    trace_id: link.span_context.trace_id(),
                    span_id: link.span_context.span_id(),
                    attributes: link.attributes.clone(),
                })
                .collect(),
            events: span
                .events
                .iter()
                .map(|event| Event {
                    name: event.name.to_string(),
                    time_unix_nano: unix_nano(event.timestamp),
                    attributes: event.attributes.clone(),
                })
                .collect(),
        }
    }
}

impl From<&SpanData> for Span {
    fn from(span: &SpanData) -> Self {
        Self::of("", span)
    }
}

impl From<SpanData> for Span {
    fn from(span: SpanData) -> Self {
        Self::from(&span)
    }
}

/// Times before 1970 count as 0, those after 2554 as the last that fits.
fn unix_nano(time: SystemTime) -> u64 {
    time.duration_since(UNIX_EPOCH).map_or(0, |since| {
        u64::try_from(since.as_nanos()).unwrap_or(u64::MAX)
    })
}
