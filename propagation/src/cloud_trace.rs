//! Google Cloud Trace's own header (Cloud Trace documentation, "Trace context", legacy header, as
//! of 2025).
//!
//! Ours, because opentelemetry-stackdriver is deprecated and stands at 0.32.

use opentelemetry::trace::{SpanId, TraceContextExt, TraceId, TraceState};

use crate::{
    Carrier, Extraction, Format, Injection, Sampling,
    format::impl_text_map_propagator,
    hex,
    remote::{Malformed, Reading, Remote, decimal, read},
};

const FIELD: &str = "x-cloud-trace-context";

const SAMPLED: u64 = 0x01;

/// Google Cloud Trace: `x-cloud-trace-context: <trace id>/<span id, decimal>[;o=<0|1>]`.
///
/// A header without a span id, or with 0, is a load balancer's that recorded nothing, and no
/// parent. Without `o` the decision is [`Sampling::Deferred`].
#[derive(Clone, Copy, Debug, Default)]
pub struct CloudTrace;

impl Format for CloudTrace {
    fn name(&self) -> &'static str {
        "gcp"
    }

    fn fields(&self) -> &[&'static str] {
        &[FIELD]
    }

    fn inject(&self, out: &mut Injection<'_>) {
        let span = out.context().span();
        let span_context = span.span_context();
        if !span_context.is_valid() {
            return;
        }
        let mut header = String::with_capacity(57);
        hex::push(&mut header, &span_context.trace_id().to_bytes());
        header.push('/');
        let span_id = u64::from_be_bytes(span_context.span_id().to_bytes());
        header.push_str(&span_id.to_string());
        header.push_str(match Sampling::of(out.context()) {
            Sampling::NotSampled => ";o=0",
            Sampling::Sampled | Sampling::Debug => ";o=1",
            Sampling::Deferred => "",
        });
        out.set(FIELD, header);
    }

    fn extract(&self, carrier: Carrier<'_>, found: &mut Extraction<'_>) {
        found.reading(self.name(), read(carrier, FIELD, parse));
    }
}

impl_text_map_propagator!(CloudTrace);

fn parse(header: &str) -> Reading {
    let (ids, options) = match header.split_once(';') {
        None => (header, None),
        Some((ids, options)) => (ids, Some(options)),
    };
    let (trace_id, span_id) = match ids.split_once('/') {
        None => (ids, "0"),
        Some(ids) => ids,
    };
    let trace_id = Some(trace_id).filter(|trace_id| trace_id.len() == 32);
    let trace_id = trace_id.and_then(|trace_id| hex::decode_padded(trace_id.as_bytes()));
    let trace_id = TraceId::from_bytes(trace_id.ok_or(Malformed)?);
    let span_id = match span_id {
        "" => 0,
        span_id => decimal(span_id).ok_or(Malformed)?,
    };
    let sampling = match options {
        None => Sampling::Deferred,
        Some(options) => {
            let options = options.strip_prefix("o=").and_then(decimal);
            Sampling::decided(options.ok_or(Malformed)? & SAMPLED != 0)
        }
    };
    if span_id == 0 && trace_id != TraceId::INVALID {
        return Ok(None);
    }
    Remote::new(trace_id, SpanId::from(span_id), sampling, TraceState::NONE).map(Some)
}
