//! The carrier, from outside: what gets onto a record, what stays as it was, and what comes back.
#![expect(clippy::unwrap_used, reason = "a failed unwrap fails the test")]

mod any_record;
mod extraction;
mod injection;
mod undo;

use opentelemetry::baggage::BaggageExt;
use opentelemetry::trace::{SpanContext, TraceContextExt, TraceFlags, TraceState};
use opentelemetry::{Context, KeyValue};
use rdkafka::message::OwnedHeaders;
use tracehop_kafka::{RawHeader, RawHeaders, append};
use tracehop_propagation::{Composite, TraceContext, W3cBaggage, XRay};

const TRACEPARENT: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
const SPAN_ID: &str = "00f067aa0ba902b7";

/// A header as the tests write it: any bytes, and null.
type Owned = (Vec<u8>, Option<Vec<u8>>);

fn span_context(state: &[(&str, &str)]) -> SpanContext {
    SpanContext::new(
        0x4bf9_2f35_77b3_4da6_a3ce_929d_0e0e_4736.into(),
        0x00f0_67aa_0ba9_02b7.into(),
        TraceFlags::SAMPLED,
        true,
        TraceState::from_key_value(state.iter().copied()).unwrap(),
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

fn headers(headers: &[(&[u8], Option<&[u8]>)]) -> OwnedHeaders {
    let mut owned = OwnedHeaders::new();
    for (key, value) in headers {
        append(&mut owned, RawHeader { key, value: *value });
    }
    owned
}

fn texts(pairs: &[(&str, &str)]) -> OwnedHeaders {
    let pairs: Vec<_> = pairs
        .iter()
        .map(|(key, value)| (key.as_bytes(), Some(value.as_bytes())))
        .collect();
    headers(&pairs)
}

/// What is on a record, in order.
fn all(headers: &OwnedHeaders) -> Vec<Owned> {
    RawHeaders::new(headers.as_borrowed())
        .map(|header| (header.key.to_vec(), header.value.map(<[u8]>::to_vec)))
        .collect()
}

/// The keys of a record, sorted.
fn keys(headers: Option<&OwnedHeaders>) -> Vec<String> {
    let all = headers.map(all).unwrap_or_default();
    let mut keys: Vec<_> = all
        .into_iter()
        .map(|(key, _)| String::from_utf8(key).unwrap())
        .collect();
    keys.sort_unstable();
    keys
}

/// The values under exactly that key.
fn values(headers: &OwnedHeaders, key: &str) -> Vec<String> {
    all(headers)
        .into_iter()
        .filter(|(known, _)| known == key.as_bytes())
        .map(|(_, value)| String::from_utf8(value.unwrap()).unwrap())
        .collect()
}
