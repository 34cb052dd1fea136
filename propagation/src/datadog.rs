//! Datadog's headers (dd-trace-js 5 and dd-trace-py 3, "datadog" propagation style; Datadog
//! documentation, "Trace context propagation", and for tracestate "W3C trace context, dd key").
//!
//! Ours, because opentelemetry-datadog is deprecated and stands at 0.32, and datadog-opentelemetry
//! is an SDK that pins another patch release of the API.

mod attribute;
mod state;

use opentelemetry::trace::{SpanContext, SpanId, TraceContextExt, TraceId, TraceState};

use crate::{
    Carrier, Extraction, Format, Injection, Sampling,
    baggage::{FIELD as W3C_BAGGAGE, Scope},
    format::impl_text_map_propagator,
    hex,
    ows::trim_ows,
    remote::{Malformed, Reading, Remote, decimal, value},
    trace_context,
};
pub use attribute::DatadogAttribute;
use attribute::Parsed;
use state::State;

const TRACE_ID: &str = "x-datadog-trace-id";
const PARENT_ID: &str = "x-datadog-parent-id";
const PRIORITY: &str = "x-datadog-sampling-priority";
const ORIGIN: &str = "x-datadog-origin";
const TAGS: &str = "x-datadog-tags";
const BAGGAGE: &str = "ot-baggage-";

/// What the names of tags that travel begin with.
const TAG: &str = "_dd.p.";
/// The upper half of the trace id, among the tags.
const UPPER: &str = "_dd.p.tid";
/// What made the sampling decision, among the tags.
const DECISION_MAKER: &str = "dm";
/// What tracers take at most (`DD_TRACE_X_DATADOG_TAGS_MAX_LENGTH`).
const MAX_TAGS: usize = 512;

/// Datadog: `x-datadog-trace-id` and so on, and the same as JSON in the one attribute `_datadog`.
///
/// Ids are decimal and have 64 bits; the upper half of a trace id is the tag `_dd.p.tid`, which is
/// 16 lower-case digits or does not count. Origin, the other `_dd.p.*` tags and a priority of 2 or
/// -1 live in the member `dd` of tracestate, in Datadog's own notation, and come out again from
/// there. A priority that the sampled bit contradicts gives way to 1 or 0, and its
/// decision maker with it. No priority is [`Sampling::Deferred`].
///
/// Baggage is written and read as `baggage` (W3C) and as `ot-baggage-<key>`, because some tracers
/// know only one of them; the values of the latter are not encoded at all.
///
/// `_datadog` is read beside the headers, and after them. Carriers with few places (SQS and SNS)
/// write it instead of them; see [`DatadogAttribute`]. It may hold a `traceparent` alone.
#[derive(Clone, Copy, Debug, Default)]
pub struct Datadog;

impl Format for Datadog {
    fn name(&self) -> &'static str {
        "datadog"
    }

    fn fields(&self) -> &[&'static str] {
        &[
            TRACE_ID,
            PARENT_ID,
            PRIORITY,
            ORIGIN,
            TAGS,
            W3C_BAGGAGE,
            "ot-baggage-*",
            DatadogAttribute::FIELD,
        ]
    }

    fn inject(&self, out: &mut Injection<'_>) {
        let span = out.context().span();
        inject_ids(span.span_context(), out);
        out.baggage_header();
        out.baggage_fields(BAGGAGE, |value| {
            // Nothing is encoded, so what no header may contain cannot be said.
            (!value.contains(char::is_control)).then(|| value.to_owned())
        });
    }

    fn extract(&self, carrier: Carrier<'_>, found: &mut Extraction<'_>) {
        self.extract_parent(carrier, read(carrier), found);
        found.baggage_header(self.name(), carrier);
        found
            .intake()
            .fields(carrier, BAGGAGE, |value| value.into());
        let attribute = match value(carrier, DatadogAttribute::FIELD) {
            Ok(None) => return,
            Ok(Some(json)) => Parsed::new(json),
            Err(Malformed) => None,
        };
        match attribute {
            None => found.malformed(self.name()),
            Some(attribute) => self.extract_attribute(Carrier::once(&attribute), found),
        }
    }
}

impl_text_map_propagator!(Datadog);

impl Datadog {
    /// A priority that cannot be read leaves the ids as they are, and the decision open.
    fn extract_parent(self, carrier: Carrier<'_>, reading: Reading, found: &mut Extraction<'_>) {
        if read_priority(carrier).is_err() {
            found.malformed(self.name());
        }
        found.reading(self.name(), reading);
    }

    fn extract_attribute(self, attribute: Carrier<'_>, found: &mut Extraction<'_>) {
        let reading = match read(attribute) {
            Ok(None) => trace_context::read(attribute),
            reading => reading,
        };
        self.extract_parent(attribute, reading, found);
        if let Some(header) = attribute.get(W3C_BAGGAGE)
            && found.intake().more(header, Scope::All).is_err()
        {
            found.malformed(self.name());
        }
        found
            .intake()
            .fields(attribute, BAGGAGE, |value| value.into());
    }
}

fn inject_ids(span_context: &SpanContext, out: &mut Injection<'_>) {
    let trace_id = span_context.trace_id().to_bytes();
    let (upper, lower) = trace_id.split_at(8);
    let lower = lower.iter().fold(0, |id, byte| id << 8 | u64::from(*byte));
    // Its readers take a trace id of 0 for none, whatever the upper half is.
    if !span_context.is_valid() || lower == 0 {
        return;
    }
    out.set(TRACE_ID, lower.to_string());
    let parent_id = u64::from_be_bytes(span_context.span_id().to_bytes());
    out.set(PARENT_ID, parent_id.to_string());

    let state = State::of(span_context);
    let sampling = Sampling::of(out.context());
    let priority = priority(sampling, state.priority);
    if let Some(priority) = priority {
        out.set(PRIORITY, priority.to_string());
    }
    if let Some(origin) = &state.origin {
        out.set(ORIGIN, origin.clone().into_owned());
    }
    let mut tags = String::new();
    if upper.iter().any(|byte| *byte != 0) {
        tags.extend([UPPER, "="]);
        hex::push(&mut tags, upper);
    }
    let is_contradicted = state.priority.is_some() && priority != state.priority;
    for (key, value) in state.tags {
        let comma = usize::from(!tags.is_empty());
        let length = comma + TAG.len() + key.len() + 1 + value.len();
        if tags.len() + length > MAX_TAGS || key == DECISION_MAKER && is_contradicted {
            continue;
        }
        if comma == 1 {
            tags.push(',');
        }
        tags.extend([TAG, key, "=", &value]);
    }
    out.set(TAGS, tags);
}

/// Positive priorities are sampled; 2 and -1 were decided by a person or a rule.
fn priority(sampling: Sampling, kept: Option<i32>) -> Option<i32> {
    match sampling {
        Sampling::Deferred => None,
        Sampling::Debug => Some(2),
        Sampling::Sampled => Some(kept.filter(|kept| *kept > 0).unwrap_or(1)),
        Sampling::NotSampled => Some(kept.filter(|kept| *kept <= 0).unwrap_or(0)),
    }
}

fn read_priority(carrier: Carrier<'_>) -> Result<Option<i32>, Malformed> {
    let priority = value(carrier, PRIORITY)?.map(str::parse);
    priority.transpose().map_err(|_| Malformed)
}

fn read(carrier: Carrier<'_>) -> Reading {
    let Some(lower) = value(carrier, TRACE_ID)? else {
        return Ok(None);
    };
    let lower = decimal(lower)
        .filter(|lower| *lower != 0)
        .ok_or(Malformed)?;
    // A trace that a browser test or a load balancer starts has no span yet.
    let parent_id = match value(carrier, PARENT_ID)? {
        None => 0,
        Some(parent_id) => decimal(parent_id).ok_or(Malformed)?,
    };
    if parent_id == 0 {
        return Ok(None);
    }
    let priority = read_priority(carrier).unwrap_or_default();
    let tags = carrier.get(TAGS).unwrap_or_default();
    let tags = || {
        tags.split(',')
            .filter_map(|tag| trim_ows(tag).split_once('='))
    };
    let upper = tags().find(|(key, _)| *key == UPPER);
    let upper = upper.and_then(|(_, value)| hex::decode(value.as_bytes()));
    let upper = upper.map_or(0, u64::from_be_bytes);
    let kept = tags().filter_map(|(key, value)| Some((key.strip_prefix(TAG)?, value)));
    let state = state::write(
        priority,
        value(carrier, ORIGIN)?,
        kept.filter(|(key, _)| *key != "tid"),
    );
    let state = state.map_or(TraceState::NONE, |dd| {
        TraceState::from_key_value([("dd", dd)]).unwrap_or_default()
    });
    let sampling = priority.map_or(Sampling::Deferred, |priority| {
        Sampling::decided(priority > 0)
    });
    let trace_id = u128::from(upper) << 64 | u128::from(lower);
    let (trace_id, span_id) = (TraceId::from(trace_id), SpanId::from(parent_id));
    Remote::new(trace_id, span_id, sampling, state).map(Some)
}
