use opentelemetry::{
    Context,
    trace::{SpanContext, SpanId, TraceContextExt, TraceFlags, TraceId, TraceState},
};

use crate::{
    Carrier, Extraction, Format, Injection, Sampling,
    carrier::Values,
    format::impl_text_map_propagator,
    hex,
    ows::trim_ows,
    remote::{Malformed, Reading, Remote},
    tracestate::{self, Parsed},
};

const TRACEPARENT: &str = "traceparent";
const TRACESTATE: &str = "tracestate";

/// `00-<32 digits>-<16 digits>-<2 digits>`
const LENGTH: usize = 55;

/// The trace id is random: goes with the trace, whatever becomes of the sampled flag (level 2, "Random
/// Trace ID Flag").
const RANDOM: TraceFlags = TraceFlags::new(0x02);

/// Sampled (0x01) and random; the other bits are reserved and sent as zero.
const KNOWN_FLAGS: TraceFlags = TraceFlags::new(0x03);

/// W3C Trace Context, level 2: `traceparent` and `tracestate`.
///
/// Strict where the recommendation is: see [`parse_traceparent`]. A `tracestate` that is invalid or
/// has more than 32 members is dropped alone, of a key that it has twice the first counts, and none is
/// written where it would be empty.
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
        let span = span.span_context();
        let remainder = W3cRemainder::of(out.context(), span);
        let Some(traceparent) = write(span, remainder.is_some_and(|kept| kept.random)) else {
            return;
        };
        out.set(TRACEPARENT, traceparent);
        let whole = remainder.and_then(|kept| kept.whole_tracestate(span.trace_state()));
        if let Some(tracestate) = whole.or_else(|| tracestate::format(span.trace_state())) {
            out.set(TRACESTATE, tracestate);
        }
    }

    fn extract(&self, carrier: Carrier<'_>, found: &mut Extraction<'_>) {
        let (reading, remainder) = match read_whole(carrier) {
            Ok(Some((remote, remainder))) => (Ok(Some(remote)), remainder),
            Ok(None) => (Ok(None), None),
            Err(malformed) => (Err(malformed), None),
        };
        found.w3c_remainder(remainder);
        found.reading(Self::NAME, reading);
    }
}

impl_text_map_propagator!(TraceContext);

/// What level 2 wants passed on, and OpenTelemetry 0.33.1 has no place for: the SDK clears the random
/// flag on spans that it does not sample, and the API refuses some keys of a `tracestate`.
#[derive(Clone, Debug)]
pub(crate) struct W3cRemainder {
    trace_id: TraceId,
    random: bool,
    /// The `tracestate` as the API holds it, and all of it.
    tracestate: Option<(TraceState, String)>,
}

impl W3cRemainder {
    fn of<'a>(cx: &'a Context, span: &SpanContext) -> Option<&'a Self> {
        cx.get::<Self>()
            .filter(|kept| kept.trace_id == span.trace_id())
    }

    /// None where `state` has changed since.
    fn whole_tracestate(&self, state: &TraceState) -> Option<String> {
        let (held, whole) = self.tracestate.as_ref()?;
        (held == state).then(|| whole.clone())
    }
}

pub(crate) fn read(carrier: Carrier<'_>) -> Reading {
    Ok(read_whole(carrier)?.map(|(remote, _)| remote))
}

fn read_whole(carrier: Carrier<'_>) -> Result<Option<(Remote, Option<W3cRemainder>)>, Malformed> {
    let parent = match carrier.values(TRACEPARENT) {
        Values::None => return Ok(None),
        Values::One(one) => parse_traceparent(one).ok_or(Malformed)?,
        // The specification knows one traceparent; nothing says which of two would count.
        Values::Several(_) => return Err(Malformed),
    };
    let tracestate = match carrier.values(TRACESTATE) {
        Values::None => None,
        Values::One(one) => tracestate::parse(&[one]),
        Values::Several(headers) => tracestate::parse(&headers),
    };
    let sampling = Sampling::decided(parent.is_sampled());
    let random = parent.trace_flags() & RANDOM == RANDOM;
    let mut refused = None;
    let span_context = match tracestate {
        None => parent,
        Some(Parsed { state, whole }) => {
            refused = whole.map(|whole| (state.clone(), whole));
            with_state(&parent, state)
        }
    };
    let remainder = (random || refused.is_some()).then(|| W3cRemainder {
        trace_id: span_context.trace_id(),
        random,
        tracestate: refused,
    });
    let remote = Remote {
        span_context,
        sampling,
    };
    Ok(Some((remote, remainder)))
}

/// Writes `span_context` as a `traceparent` of version 00; `None` if it is not valid.
///
/// The flags sampled and random are written, the others are cleared (W3C Trace Context, level 2,
/// "trace-flags").
pub fn traceparent(span_context: &SpanContext) -> Option<String> {
    write(span_context, false)
}

fn write(span_context: &SpanContext, random: bool) -> Option<String> {
    if !span_context.is_valid() {
        return None;
    }
    let mut flags = span_context.trace_flags() & KNOWN_FLAGS;
    if random {
        flags = flags | RANDOM;
    }
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
