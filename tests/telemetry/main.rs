//! What telemetry writes, seen through the SDK.
#![cfg(feature = "testing")]
#![expect(clippy::unwrap_used, reason = "a failed unwrap fails the test")]

mod correlation;
mod exemplars;
mod logs;
mod metrics;
mod options;
mod panics;
mod process;
mod propagation;
mod receive;
mod send;
mod settle;

use std::collections::BTreeMap;
use std::sync::Arc;

use opentelemetry::trace::{SpanContext, SpanId, TraceContextExt, TraceFlags, TraceId, TraceState};
use opentelemetry::{Context, KeyValue};
use opentelemetry_sdk::trace::SpanData;
use tracehop::contract::{Destination, Server, System};

/// The SQS queue `orders`.
fn orders() -> Arc<Destination> {
    let mut destination = Destination::new(System::AwsSqs, "orders");
    destination.server = Some(Server {
        address: "sqs.eu-west-1.amazonaws.com".to_owned(),
        port: Some(443),
    });
    destination.resource = Some("https://sqs.eu-west-1.amazonaws.com/1/orders".to_owned());
    Arc::new(destination)
}

/// A valid, sampled span context from elsewhere.
fn remote(id: u64) -> SpanContext {
    SpanContext::new(
        TraceId::from(u128::from(id)),
        SpanId::from(id),
        TraceFlags::SAMPLED,
        true,
        TraceState::NONE,
    )
}

/// The context of a message that was created there.
fn created(id: u64) -> Context {
    Context::new().with_remote_span_context(remote(id))
}

fn text(attributes: &[KeyValue]) -> BTreeMap<String, String> {
    let known: BTreeMap<_, _> = attributes
        .iter()
        .map(|attribute| (attribute.key.to_string(), attribute.value.to_string()))
        .collect();
    assert_eq!(known.len(), attributes.len(), "an attribute is set twice");
    known
}

fn map(attributes: &[(&str, &str)]) -> BTreeMap<String, String> {
    attributes
        .iter()
        .map(|(key, value)| ((*key).to_owned(), (*value).to_owned()))
        .collect()
}

fn attribute(span: &SpanData, key: &str) -> Option<String> {
    text(&span.attributes).get(key).cloned()
}

/// Trace and span id of each link, with the attributes.
fn links(span: &SpanData) -> Vec<(SpanContext, BTreeMap<String, String>)> {
    span.links
        .iter()
        .map(|link| (link.span_context.clone(), text(&link.attributes)))
        .collect()
}
