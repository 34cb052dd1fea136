//! The carrier, from outside: what gets onto a message, what is left out, and what comes back.
#![cfg(feature = "sqs")]
#![expect(clippy::unwrap_used, reason = "a failed unwrap fails the test")]

mod any_message;
mod batch;
mod budget;
mod envelope;
mod extraction;
mod formats;
mod injection;
mod present;
#[cfg(feature = "sns")]
mod sns;

use std::collections::HashMap;

use aws_sdk_sqs::{
    operation::send_message::SendMessageInput,
    primitives::Blob,
    types::{
        Message, MessageAttributeValue, MessageSystemAttributeName,
        MessageSystemAttributeNameForSends,
    },
};
use opentelemetry::{
    Context, KeyValue,
    baggage::BaggageExt,
    trace::{SpanContext, TraceContextExt, TraceFlags, TraceState},
};
use tracehop_propagation::{Composite, TraceContext, W3cBaggage, XRay};

type Attributes = Option<HashMap<String, MessageAttributeValue>>;

const TRACEPARENT: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
const AWS: &str = "Root=1-4bf92f35-77b34da6a3ce929d0e0e4736;Parent=00f067aa0ba902b7;Sampled=1";
/// What `traceparent` costs: name, type and value.
const TRACEPARENT_BYTES: usize = 11 + 6 + 55;

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

fn string(value: &str) -> MessageAttributeValue {
    MessageAttributeValue::builder()
        .data_type("String")
        .string_value(value)
        .build()
        .unwrap()
}

fn binary(value: &[u8]) -> MessageAttributeValue {
    MessageAttributeValue::builder()
        .data_type("Binary")
        .binary_value(Blob::new(value))
        .build()
        .unwrap()
}

fn user_attributes(count: usize) -> Attributes {
    (count > 0).then(|| {
        (0..count)
            .map(|i| (format!("user-{i}"), string("mine")))
            .collect()
    })
}

fn request(attributes: Attributes, body: &str) -> SendMessageInput {
    SendMessageInput::builder()
        .message_body(body)
        .set_message_attributes(attributes)
        .build()
        .unwrap()
}

/// The names of the attributes that are not `user-*`, sorted.
fn written(attributes: &Attributes) -> Vec<&str> {
    let names = attributes.iter().flatten().map(|(name, _)| name.as_str());
    let mut names: Vec<_> = names.filter(|name| !name.starts_with("user-")).collect();
    names.sort_unstable();
    names
}

fn value<'a>(attributes: &'a Attributes, name: &str) -> Option<&'a str> {
    attributes.as_ref()?.get(name)?.string_value()
}

fn aws_trace_header(request: &SendMessageInput) -> Option<&str> {
    let attributes = request.message_system_attributes()?;
    attributes
        .get(&MessageSystemAttributeNameForSends::AwsTraceHeader)?
        .string_value()
}

/// What a consumer gets of a request.
fn delivered(request: &SendMessageInput) -> Message {
    let message = Message::builder().set_message_attributes(request.message_attributes.clone());
    match aws_trace_header(request) {
        None => message.build(),
        Some(header) => message
            .attributes(MessageSystemAttributeName::AwsTraceHeader, header)
            .build(),
    }
}
