//! B3, single and multi (openzipkin/b3-propagation, README as of 2024; OpenTelemetry specification
//! 1.50, "B3 requirements").
//!
//! Ours, because opentelemetry-propagator-b3 0.33.1 keeps deferred and debug in flags of the span
//! context (bit 0x02 is W3C's random trace id), so a `traceparent` beside it says something else,
//! and reads the single header's `d` only where the single encoding is switched on.

use opentelemetry::trace::{SpanId, TraceContextExt, TraceId, TraceState};

use crate::{
    Carrier, Extraction, Format, Injection, Sampling,
    format::impl_text_map_propagator,
    hex,
    remote::{Malformed, Reading, Remote, push_short_trace_id, read, value},
};

const SINGLE: &str = "b3";
const TRACE_ID: &str = "x-b3-traceid";
const SPAN_ID: &str = "x-b3-spanid";
const PARENT_SPAN_ID: &str = "x-b3-parentspanid";
const SAMPLED: &str = "x-b3-sampled";
const FLAGS: &str = "x-b3-flags";

/// B3 in one field: `b3: <trace id>-<span id>[-<0|1|d>[-<parent span id>]]`.
///
/// Both encodings are read, the single one first. A trace id of 64 bits is padded with zeros, and
/// written with 64 bits again. No decision is [`Sampling::Deferred`], `d` is [`Sampling::Debug`];
/// the parent span id is read past and not written.
#[derive(Clone, Copy, Debug, Default)]
pub struct B3;

impl Format for B3 {
    fn name(&self) -> &'static str {
        "b3"
    }

    fn fields(&self) -> &[&'static str] {
        &[SINGLE, TRACE_ID, SPAN_ID, PARENT_SPAN_ID, SAMPLED, FLAGS]
    }

    fn inject(&self, out: &mut Injection<'_>) {
        let span = out.context().span();
        let span_context = span.span_context();
        if !span_context.is_valid() {
            return;
        }
        let mut header = String::with_capacity(51);
        push_short_trace_id(&mut header, span_context.trace_id());
        header.push('-');
        hex::push(&mut header, &span_context.span_id().to_bytes());
        header.push_str(match Sampling::of(out.context()) {
            Sampling::NotSampled => "-0",
            Sampling::Sampled => "-1",
            Sampling::Deferred => "",
            Sampling::Debug => "-d",
        });
        out.set(SINGLE, header);
    }

    fn extract(&self, carrier: Carrier<'_>, found: &mut Extraction<'_>) {
        extract(self.name(), carrier, found);
    }
}

impl_text_map_propagator!(B3);

/// B3 in fields of its own: `x-b3-traceid`, `x-b3-spanid`, and `x-b3-sampled` or `x-b3-flags`.
///
/// As [`B3`] in all else.
#[derive(Clone, Copy, Debug, Default)]
pub struct B3Multi;

impl Format for B3Multi {
    fn name(&self) -> &'static str {
        "b3multi"
    }

    fn fields(&self) -> &[&'static str] {
        &[TRACE_ID, SPAN_ID, SAMPLED, FLAGS, PARENT_SPAN_ID, SINGLE]
    }

    fn inject(&self, out: &mut Injection<'_>) {
        let span = out.context().span();
        let span_context = span.span_context();
        if !span_context.is_valid() {
            return;
        }
        let mut trace_id = String::with_capacity(32);
        push_short_trace_id(&mut trace_id, span_context.trace_id());
        out.set(TRACE_ID, trace_id);
        let mut span_id = String::with_capacity(16);
        hex::push(&mut span_id, &span_context.span_id().to_bytes());
        out.set(SPAN_ID, span_id);
        match Sampling::of(out.context()) {
            Sampling::NotSampled => out.set(SAMPLED, "0".to_owned()),
            Sampling::Sampled => out.set(SAMPLED, "1".to_owned()),
            Sampling::Deferred => {}
            // Debug implies sampled, which is then not said.
            Sampling::Debug => out.set(FLAGS, "1".to_owned()),
        }
    }

    fn extract(&self, carrier: Carrier<'_>, found: &mut Extraction<'_>) {
        extract(self.name(), carrier, found);
    }
}

impl_text_map_propagator!(B3Multi);

fn extract(format: &'static str, carrier: Carrier<'_>, found: &mut Extraction<'_>) {
    let single = read(carrier, SINGLE, parse_single);
    let is_parent = matches!(single, Ok(Some(_)));
    found.reading(format, single);
    if !is_parent {
        found.reading(format, read_multi(carrier));
    }
}

fn parse_single(header: &str) -> Reading {
    let mut parts = header.split('-');
    let (Some(trace_id), Some(span_id)) = (parts.next(), parts.next()) else {
        // A decision alone says nothing about a parent.
        return sampling(Some(header)).map(|_| None);
    };
    let sampling = sampling(parts.next())?;
    let is_parent_id = |id: &str| hex::decode::<8>(id.as_bytes()).is_some();
    if !parts.next().is_none_or(is_parent_id) || parts.next().is_some() {
        return Err(Malformed);
    }
    remote(trace_id, span_id, sampling).map(Some)
}

fn read_multi(carrier: Carrier<'_>) -> Reading {
    let (trace_id, span_id) = (value(carrier, TRACE_ID)?, value(carrier, SPAN_ID)?);
    let (sampled, flags) = (value(carrier, SAMPLED)?, value(carrier, FLAGS)?);
    match (trace_id, span_id) {
        (None, None) => Ok(None),
        (Some(trace_id), Some(span_id)) => {
            let sampling = match flags {
                Some("1") => Sampling::Debug,
                _ => sampling(sampled)?,
            };
            remote(trace_id, span_id, sampling).map(Some)
        }
        _ => Err(Malformed),
    }
}

fn remote(trace_id: &str, span_id: &str, sampling: Sampling) -> Result<Remote, Malformed> {
    let trace_id = match trace_id.len() {
        16 => hex::decode(trace_id.as_bytes()).map(|lower| u64::from_be_bytes(lower).into()),
        _ => hex::decode(trace_id.as_bytes()).map(u128::from_be_bytes),
    };
    let trace_id = TraceId::from(trace_id.ok_or(Malformed)?);
    let span_id = hex::decode(span_id.as_bytes()).ok_or(Malformed)?;
    Remote::new(
        trace_id,
        SpanId::from_bytes(span_id),
        sampling,
        TraceState::NONE,
    )
}

fn sampling(text: Option<&str>) -> Result<Sampling, Malformed> {
    Ok(match text {
        None => Sampling::Deferred,
        // `true` and `false` came before the numbers, and some still write them.
        Some("1" | "true") => Sampling::Sampled,
        Some("0" | "false") => Sampling::NotSampled,
        Some("d") => Sampling::Debug,
        Some(_) => return Err(Malformed),
    })
}
