//! Reads and writes headers. Each line of JSON that comes in names `formats`, as `OTEL_PROPAGATORS`
//! does, and is answered by one: `headers` by the `context` that is in them, a `context` by its
//! `headers`.
//!
//! A context is `trace_id`, `span_id`, `sampled` (`null`: that is left to the receiver), `debug` and
//! `baggage`.
//!
//! ```sh
//! echo '{"formats": "b3", "headers": {"b3": "80f198ee56343ba864fe8b2a57d3eff7-e457b5a2e4d86bd1-1"}}' |
//!     cargo run --package tracehop-propagation --example headers
//! ```

use std::collections::{BTreeMap, HashMap};
use std::error::Error;
use std::io::{self, BufRead, Write};

use opentelemetry::baggage::BaggageExt;
use opentelemetry::propagation::TextMapPropagator;
use opentelemetry::trace::{SpanContext, SpanId, TraceContextExt, TraceFlags, TraceId, TraceState};
use opentelemetry::{Context, KeyValue};
use serde::{Deserialize, Serialize};
use tracehop_propagation::{B3Multi, Composite, DebugFlag, Deferred};

#[derive(Deserialize)]
struct Question {
    formats: String,
    #[serde(flatten)]
    subject: Subject,
}

/// What a line holds, and what its answer holds.
#[derive(Deserialize, Serialize)]
#[serde(rename_all = "lowercase")]
enum Subject {
    Headers(HashMap<String, String>),
    Context(Described),
}

#[derive(Deserialize, Serialize)]
struct Described {
    trace_id: String,
    span_id: String,
    sampled: Option<bool>,
    #[serde(default)]
    debug: bool,
    baggage: BTreeMap<String, String>,
}

fn main() -> Result<(), Box<dyn Error>> {
    for line in io::stdin().lock().lines() {
        let question: Question = serde_json::from_str(&line?)?;
        let propagator = Composite::from_names(&question.formats);
        let answer = match question.subject {
            Subject::Headers(headers) => Subject::Context(describe(&read(&propagator, headers))),
            Subject::Context(described) => Subject::Headers(write(&propagator, &described)?),
        };
        writeln!(io::stdout(), "{}", serde_json::to_string(&answer)?)?;
    }
    Ok(())
}

fn read(propagator: &Composite, headers: HashMap<String, String>) -> Context {
    // A map as a carrier is asked for names in lower case.
    let headers = headers.into_iter();
    let carrier: HashMap<_, _> = headers
        .map(|(name, value)| (name.to_lowercase(), value))
        .collect();
    propagator.extract_with_context(&Context::new(), &carrier)
}

fn write(
    propagator: &Composite,
    described: &Described,
) -> Result<HashMap<String, String>, Box<dyn Error>> {
    let mut headers = HashMap::new();
    propagator.inject_context(&context(described)?, &mut headers);
    Ok(headers)
}

fn describe(cx: &Context) -> Described {
    let span = cx.span();
    let span_context = span.span_context();
    let baggage = cx.baggage().iter();
    Described {
        trace_id: span_context.trace_id().to_string(),
        span_id: span_context.span_id().to_string(),
        sampled: (!Deferred::is_set(cx)).then(|| span_context.is_sampled()),
        debug: DebugFlag::is_set(cx),
        baggage: baggage
            .map(|(key, (value, _))| (key.to_string(), value.to_string()))
            .collect(),
    }
}

fn context(described: &Described) -> Result<Context, Box<dyn Error>> {
    let baggage = described.baggage.iter();
    let baggage = baggage.map(|(key, value)| KeyValue::new(key.clone(), value.clone()));
    let baggage = Context::new().with_baggage(baggage);
    let sampled = match described.sampled {
        Some(sampled) if !described.debug => sampled,
        _ => return Ok(received(described, &baggage)),
    };
    Ok(baggage.with_remote_span_context(SpanContext::new(
        TraceId::from_hex(&described.trace_id)?,
        SpanId::from_hex(&described.span_id)?,
        TraceFlags::NOT_SAMPLED.with_sampled(sampled),
        true,
        TraceState::NONE,
    )))
}

/// Only a message can leave the decision to the receiver, or ask for debugging.
fn received(described: &Described, cx: &Context) -> Context {
    let flags = if described.debug { "1" } else { "0" };
    let headers = HashMap::from([
        ("x-b3-traceid".to_owned(), described.trace_id.clone()),
        ("x-b3-spanid".to_owned(), described.span_id.clone()),
        ("x-b3-flags".to_owned(), flags.to_owned()),
    ]);
    B3Multi.extract_with_context(cx, &headers)
}
