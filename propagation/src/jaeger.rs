//! Jaeger's own format (Jaeger 1.x client libraries, "Propagation format"; OpenTelemetry
//! specification 1.50, "Jaeger propagator").
//!
//! Ours, because opentelemetry-jaeger-propagator is deprecated and stands at 0.32.

use std::borrow::Cow;

use opentelemetry::trace::{SpanId, TraceContextExt, TraceId, TraceState};
use percent_encoding::{AsciiSet, CONTROLS, percent_decode_str, utf8_percent_encode};

use crate::{
    Carrier, Extraction, Format, Injection, Sampling,
    format::impl_text_map_propagator,
    hex,
    remote::{Malformed, Reading, Remote, push_short_trace_id, read},
};

const FIELD: &str = "uber-trace-id";
const BAGGAGE: &str = "uberctx-";

/// `<32>:<16>:<16>:<2>`, each character as three.
const LONGEST: usize = 3 * (32 + 1 + 16 + 1 + 16 + 1 + 2);

const SAMPLED: u8 = 0x01;
const DEBUG: u8 = 0x02;

/// What header values must not contain, and what percent-encoding itself needs.
const VALUE: &AsciiSet = &CONTROLS.add(b' ').add(b'"').add(b'%').add(b',').add(b';');

/// Jaeger: `uber-trace-id: <trace id>:<span id>:<parent span id>:<flags>`, and a field
/// `uberctx-<key>` for each baggage member, percent-encoded.
///
/// Ids may lack their leading zeros, and the whole may be percent-encoded. The parent span id is
/// read past, and written as 0. A trace id of 64 bits is written with 64 bits again. Flag 2 is
/// [`Sampling::Debug`]; there is no deferred decision.
#[derive(Clone, Copy, Debug, Default)]
pub struct Jaeger;

impl Format for Jaeger {
    fn name(&self) -> &'static str {
        "jaeger"
    }

    fn fields(&self) -> &[&'static str] {
        &[FIELD, "uberctx-*"]
    }

    fn inject(&self, out: &mut Injection<'_>) {
        let span = out.context().span();
        let span_context = span.span_context();
        if span_context.is_valid() {
            let mut header = String::with_capacity(53);
            push_short_trace_id(&mut header, span_context.trace_id());
            header.push(':');
            hex::push(&mut header, &span_context.span_id().to_bytes());
            header.push_str(match Sampling::of(out.context()) {
                Sampling::NotSampled | Sampling::Deferred => ":0:0",
                Sampling::Sampled => ":0:1",
                Sampling::Debug => ":0:3",
            });
            out.set(FIELD, header);
        }
        out.baggage_fields(BAGGAGE, |value| {
            Some(utf8_percent_encode(value, VALUE).to_string())
        });
    }

    fn extract(&self, carrier: Carrier<'_>, found: &mut Extraction<'_>) {
        found.reading(self.name(), read(carrier, FIELD, parse));
        found.intake().fields(carrier, BAGGAGE, |value| {
            percent_decode_str(value).decode_utf8_lossy()
        });
    }
}

impl_text_map_propagator!(Jaeger);

fn parse(header: &str) -> Reading {
    if header.len() > LONGEST {
        return Err(Malformed);
    }
    let header: Cow<'_, str> = percent_decode_str(header).decode_utf8_lossy();
    let mut parts = header.split(':');
    let mut part = || parts.next().map(str::as_bytes).ok_or(Malformed);
    let trace_id = hex::decode_padded(part()?).ok_or(Malformed)?;
    let span_id = hex::decode_padded(part()?).ok_or(Malformed)?;
    let _parent_span_id = part()?;
    let [flags] = hex::decode_padded(part()?).ok_or(Malformed)?;
    if parts.next().is_some() {
        return Err(Malformed);
    }
    let sampling = match flags {
        flags if flags & DEBUG != 0 => Sampling::Debug,
        flags => Sampling::decided(flags & SAMPLED != 0),
    };
    Remote::new(
        TraceId::from_bytes(trace_id),
        SpanId::from_bytes(span_id),
        sampling,
        TraceState::NONE,
    )
    .map(Some)
}
