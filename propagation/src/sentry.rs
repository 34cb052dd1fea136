//! Sentry's headers (Sentry SDK development documentation, "Trace propagation" and "Dynamic
//! sampling context", as of 2025).
//!
//! Ours, because sentry-opentelemetry stands at OpenTelemetry 0.32 and brings Sentry's SDK.

use opentelemetry::trace::{SpanId, TraceContextExt, TraceId, TraceState};

use crate::{
    Carrier, Extraction, Format, Injection, Sampling,
    baggage::{FIELD as BAGGAGE, Scope},
    format::impl_text_map_propagator,
    hex,
    remote::{Malformed, Reading, Remote, read},
};

const FIELD: &str = "sentry-trace";

/// Sentry: `sentry-trace: <trace id>-<span id>[-<0|1>]`, and the members `sentry-*` of `baggage`.
///
/// Those members are passed on byte for byte, with the trace that they name (`sentry-trace_id`) and
/// no other; the other members of `baggage` are [`W3cBaggage`](crate::W3cBaggage)'s. None are made
/// up where a trace starts here. Without a third part the decision is [`Sampling::Deferred`].
#[derive(Clone, Copy, Debug, Default)]
pub struct Sentry;

impl Format for Sentry {
    fn name(&self) -> &'static str {
        "sentry"
    }

    fn fields(&self) -> &[&'static str] {
        &[FIELD, BAGGAGE]
    }

    fn inject(&self, out: &mut Injection<'_>) {
        let span = out.context().span();
        let span_context = span.span_context();
        if !span_context.is_valid() {
            return;
        }
        let mut header = String::with_capacity(51);
        hex::push(&mut header, &span_context.trace_id().to_bytes());
        header.push('-');
        hex::push(&mut header, &span_context.span_id().to_bytes());
        header.push_str(match Sampling::of(out.context()) {
            Sampling::NotSampled => "-0",
            Sampling::Sampled | Sampling::Debug => "-1",
            Sampling::Deferred => "",
        });
        out.set(FIELD, header);
        out.sentry_header();
    }

    fn extract(&self, carrier: Carrier<'_>, found: &mut Extraction<'_>) {
        found.reading(self.name(), read(carrier, FIELD, parse));
        if found.intake().header(carrier, Scope::Sentry).is_err() {
            found.malformed(self.name());
        }
    }
}

impl_text_map_propagator!(Sentry);

fn parse(header: &str) -> Reading {
    let mut parts = header.split('-');
    let mut part = || parts.next().map(str::as_bytes);
    let trace_id = part().and_then(hex::decode).ok_or(Malformed)?;
    let span_id = part().and_then(hex::decode).ok_or(Malformed)?;
    let sampling = match (part(), part()) {
        (None, _) => Sampling::Deferred,
        (Some(b"1"), None) => Sampling::Sampled,
        (Some(b"0"), None) => Sampling::NotSampled,
        _ => return Err(Malformed),
    };
    Remote::new(
        TraceId::from_bytes(trace_id),
        SpanId::from_bytes(span_id),
        sampling,
        TraceState::NONE,
    )
    .map(Some)
}
