//! The carrier, from outside: what gets onto a message, what is left out, and what comes back.
#![expect(clippy::unwrap_used, reason = "a failed unwrap fails the test")]

mod any_message;
mod budget;
mod extraction;
mod injection;

use lapin::{
    BasicProperties,
    types::{AMQPValue, FieldTable},
};
use opentelemetry::{
    Context, KeyValue,
    baggage::BaggageExt,
    trace::{SpanContext, TraceContextExt, TraceFlags, TraceState},
};
use tracehop_propagation::{Composite, TraceContext, W3cBaggage, XRay};

const TRACEPARENT: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
/// What `traceparent` costs: name with its length, type, value with its length.
const TRACEPARENT_BYTES: usize = 1 + 11 + 1 + 4 + 55;
/// A header frame with a table of headers that is empty.
const EMPTY_FRAME_BYTES: usize = 22 + 4;

fn span_context(state: &[(&str, &str)]) -> SpanContext {
    let state = TraceState::from_key_value(state.iter().copied()).unwrap();
    SpanContext::new(
        0x4bf9_2f35_77b3_4da6_a3ce_929d_0e0e_4736.into(),
        0x00f0_67aa_0ba9_02b7.into(),
        TraceFlags::SAMPLED,
        true,
        state,
    )
}

fn traced() -> Context {
    Context::new().with_remote_span_context(span_context(&[]))
}

/// Trace context with state, and three members of baggage.
fn rich() -> Context {
    let members = ["a", "b", "c"].map(|key| KeyValue::new(key, "v".repeat(8)));
    Context::new()
        .with_remote_span_context(span_context(&[("congo", "t61")]))
        .with_baggage(members)
}

fn every_format() -> Composite {
    Composite::none()
        .with(TraceContext)
        .with(W3cBaggage)
        .with(XRay)
}

fn string(value: &str) -> AMQPValue {
    AMQPValue::LongString(value.into())
}

fn headers<'a>(headers: impl IntoIterator<Item = (&'a str, AMQPValue)>) -> FieldTable {
    let mut table = FieldTable::default();
    for (name, value) in headers {
        table.insert(name.into(), value);
    }
    table
}

fn message<'a>(of: impl IntoIterator<Item = (&'a str, AMQPValue)>) -> BasicProperties {
    BasicProperties::default().with_headers(headers(of))
}

fn table(properties: &BasicProperties) -> &FieldTable {
    properties.headers().as_ref().unwrap()
}

/// The names of the headers that are not `user-*`, sorted.
fn written(properties: &BasicProperties) -> Vec<&str> {
    let headers = properties.headers().iter().flatten();
    let names = headers.map(|(name, _)| name.as_str());
    names.filter(|name| !name.starts_with("user-")).collect()
}

fn value<'a>(properties: &'a BasicProperties, name: &str) -> Option<&'a str> {
    let value = table(properties).inner().get(name)?;
    str::from_utf8(value.as_long_string()?.as_bytes()).ok()
}
