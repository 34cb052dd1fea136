use opentelemetry::{
    propagation::Extractor,
    trace::{SpanContext, SpanId, TraceContextExt, TraceFlags, TraceId, TraceState},
};

use crate::{
    Extraction, Format, Injection, Sampling,
    format::impl_text_map_propagator,
    hex,
    ows::trim_ows,
    remote::{Malformed, Reading, Remote},
    tracestate,
};

const TRACEPARENT: &str = "traceparent";
const TRACESTATE: &str = "tracestate";

/// `00-<32 digits>-<16 digits>-<2 digits>`
const LENGTH: usize = 55;

/// Sampled (0x01) and random trace id (0x02); the other bits are reserved and sent as zero.
const KNOWN_FLAGS: TraceFlags = TraceFlags::new(0x03);

/// W3C Trace Context, level 2: `traceparent` and `tracestate`.
///
/// Strict where the recommendation is: see [`parse_traceparent`]. A `tracestate` that is invalid,
/// has more than 32 members or a key twice is dropped alone, and none is written where it would be
/// empty.
#[derive(Clone, Copy, Debug, Default)]
pub struct TraceContext;

impl TraceContext {
    pub(crate) const NAME: &'static str = "tracecontext";
}

impl Format for TraceContext {
    fn name(&self) -> &'static str {
        Self::NAME
    }

    fn fields(&self) -> &[&'static str] {
        &[TRACEPARENT, TRACESTATE]
    }

    fn inject(&self, out: &mut Injection<'_>) {
        let span = out.context().span();
        let Some(traceparent) = traceparent(span.span_context()) else {
            return;
        };
        out.set(TRACEPARENT, traceparent);
        if let Some(tracestate) = tracestate::format(span.span_context().trace_state()) {
            out.set(TRACESTATE, tracestate);
        }
    }

    fn extract(&self, carrier: &dyn Extractor, found: &mut Extraction<'_>) {
        found.reading(Self::NAME, read(carrier));
    }
}

impl_text_map_propagator!(TraceContext);

pub(crate) fn read(carrier: &dyn Extractor) -> Reading {
    let parent = match carrier.get_all(TRACEPARENT).as_deref() {
        None | Some([]) => return Ok(None),
        Some([one]) => parse_traceparent(one).ok_or(Malformed)?,
        // The specification knows one traceparent; nothing says which of two would count.
        Some(_) => return Err(Malformed),
    };
    let state = carrier
        .get_all(TRACESTATE)
        .and_then(|headers| tracestate::parse(&headers));
    let sampling = Sampling::decided(parent.is_sampled());
    let span_context = match state {
        None => parent,
        Some(state) => with_state(&parent, state),
    };
    Ok(Some(Remote {
        span_context,
        sampling,
    }))
}

/// Writes `span_context` as a `traceparent` of version 00; `None` if it is not valid.
///
/// The flags sampled and random are written, the others are cleared (W3C Trace Context, level 2,
/// "trace-flags").
pub fn traceparent(span_context: &SpanContext) -> Option<String> {
    if !span_context.is_valid() {
        return None;
    }
    let flags = span_context.trace_flags() & KNOWN_FLAGS;
    let mut text = *b"00-................................-................-..";
    hex::encode(&mut text[3..35], &span_context.trace_id().to_bytes());
    hex::encode(&mut text[36..52], &span_context.span_id().to_bytes());
    hex::encode(&mut text[53..], &[flags.to_u8()]);
    String::from_utf8(text.to_vec()).ok()
}

/// Reads a `traceparent` into a remote span context without state; `None` if it is malformed.
///
/// Version 00 has exactly 55 characters; 01 to fe are read by their first 55 if nothing or a `-`
/// follows; ff is forbidden. Digits are lower case, ids are not zero (W3C Trace Context, level 2,
/// "traceparent header" and "versioning of traceparent"). Spaces and tabs around the value are no part of it.
pub fn parse_traceparent(header: &str) -> Option<SpanContext> {
    let header = trim_ows(header).as_bytes();
    let (known, rest) = header.split_at_checked(LENGTH)?;
    let [version] = hex::decode(&known[..2])?;
    let fits = match version {
        0x00 => rest.is_empty(),
        0xff => false,
        _ => matches!(rest, [] | [b'-', ..]),
    };
    if !fits || known[2] != b'-' || known[35] != b'-' || known[52] != b'-' {
        return None;
    }
    let [flags] = hex::decode(&known[53..])?;
    let span_context = SpanContext::new(
        TraceId::from_bytes(hex::decode(&known[3..35])?),
        SpanId::from_bytes(hex::decode(&known[36..52])?),
        TraceFlags::new(flags) & KNOWN_FLAGS,
        true,
        TraceState::NONE,
    );
    span_context.is_valid().then_some(span_context)
}

fn with_state(parent: &SpanContext, state: TraceState) -> SpanContext {
    SpanContext::new(
        parent.trace_id(),
        parent.span_id(),
        parent.trace_flags(),
        true,
        state,
    )
}
