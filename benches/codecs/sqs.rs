//! The attributes of an SQS message: a request where they are written, a message where they are
//! read.

use std::collections::HashMap;

use aws_sdk_sqs::operation::send_message::SendMessageInput;
use aws_sdk_sqs::types::{
    Message, MessageAttributeValue, MessageSystemAttributeNameForSends as SystemName,
    MessageSystemAttributeValue,
};
use opentelemetry::Context;
use opentelemetry::propagation::{
    Extractor, Injector, TextMapCompositePropagator, TextMapPropagator,
};
use opentelemetry::trace::TraceContextExt;
use tracehop_propagation::Composite;
use tracehop_sqs::Budget;

use crate::Carried;

/// The attributes move from the request to the message.
pub(crate) struct Sqs {
    request: SendMessageInput,
    received: Message,
}

impl Sqs {
    fn new() -> Self {
        let request = SendMessageInput::builder().message_body("an order").build();
        Self {
            request: request.expect("a request"),
            received: Message::builder().build(),
        }
    }

    fn deliver(&mut self) {
        self.received.message_attributes = self.request.message_attributes.take();
    }
}

pub(crate) struct Tracehop(pub(crate) Composite);

impl Carried for Tracehop {
    type Message = Sqs;

    fn message() -> Sqs {
        Sqs::new()
    }

    fn inject(&self, cx: &Context, message: &mut Sqs) {
        tracehop_sqs::inject(cx, &self.0, &mut message.request, Budget::sqs());
        message.deliver();
    }

    fn extract(&self, message: &Sqs) -> Context {
        tracehop_sqs::extract_reported(&self.0, &message.received).context
    }
}

/// Writes `AWSTraceHeader` too, but counts nothing and replaces nothing.
pub(crate) struct ByHand(pub(crate) TextMapCompositePropagator);

struct Attributes<'a>(&'a mut HashMap<String, MessageAttributeValue>);

impl Injector for Attributes<'_> {
    fn set(&mut self, key: &str, value: String) {
        // The SDK's propagator sets a `tracestate` that is empty, which SQS refuses.
        if value.is_empty() {
            return;
        }
        let value = MessageAttributeValue::builder()
            .data_type("String")
            .string_value(value);
        let value = value.build().expect("its type is there");
        self.0.insert(key.to_owned(), value);
    }
}

fn trace_header(cx: &Context) -> MessageSystemAttributeValue {
    let span = cx.span();
    let span_context = span.span_context();
    let trace_id = span_context.trace_id().to_string();
    let (time, unique) = trace_id.split_at(8);
    let (span_id, sampled) = (span_context.span_id(), span_context.trace_flags());
    let header = format!("Root=1-{time}-{unique};Parent={span_id};Sampled={sampled:x}");
    let value = MessageSystemAttributeValue::builder()
        .data_type("String")
        .string_value(header);
    value.build().expect("its type is there")
}

struct Received<'a>(&'a Message);

impl Extractor for Received<'_> {
    fn get(&self, key: &str) -> Option<&str> {
        self.0.message_attributes()?.get(key)?.string_value()
    }

    fn keys(&self) -> Vec<&str> {
        let attributes = self.0.message_attributes().into_iter().flatten();
        attributes.map(|(name, _)| name.as_str()).collect()
    }
}

impl Carried for ByHand {
    type Message = Sqs;

    fn message() -> Sqs {
        Sqs::new()
    }

    fn inject(&self, cx: &Context, message: &mut Sqs) {
        let attributes = message.request.message_attributes.get_or_insert_default();
        self.0.inject_context(cx, &mut Attributes(attributes));
        let system = &mut message.request.message_system_attributes;
        system
            .get_or_insert_default()
            .insert(SystemName::AwsTraceHeader, trace_header(cx));
        message.deliver();
    }

    fn extract(&self, message: &Sqs) -> Context {
        let carrier = Received(&message.received);
        self.0.extract_with_context(&Context::new(), &carrier)
    }
}
