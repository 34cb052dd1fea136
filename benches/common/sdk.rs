//! What the SDK itself spends: the same spans with the same attributes, built, queued and exported.

use std::sync::Arc;

use opentelemetry::global::{self, BoxedTracer};
use opentelemetry::trace::{
    Link, Span as _, SpanBuilder, SpanContext, SpanId, SpanKind, TraceFlags, TraceId, TraceState,
    Tracer as _,
};
use opentelemetry::{Context, KeyValue};

/// A span, and how it differs from message to message.
pub(crate) struct Template {
    name: String,
    kind: SpanKind,
    attributes: Vec<KeyValue>,
    message: Message,
    links: Links,
    every: u32,
}

/// Adds what is said of one message.
pub(crate) type Message = fn(i64, &mut Vec<KeyValue>);

/// What is said of one message at most.
const MOST_TOLD: usize = 4;

/// What a span links to.
#[derive(Clone, Copy)]
pub(crate) enum Links {
    None,
    /// The message, of which the span says it all.
    Bare,
    /// So many messages, with what is said of each.
    Told(u32),
}

impl Template {
    /// A span for each message, of an operation on `destination`.
    pub(crate) fn new(
        (system, operation, operation_type): (&'static str, &'static str, &'static str),
        destination: &str,
        kind: SpanKind,
        links: Links,
        message: Message,
    ) -> Self {
        Self {
            name: format!("{operation} {destination}"),
            kind,
            attributes: vec![
                KeyValue::new("messaging.operation.name", operation),
                KeyValue::new("messaging.operation.type", operation_type),
                KeyValue::new("messaging.system", system),
                text("messaging.destination.name", destination),
                text("server.address", "127.0.0.1"),
                KeyValue::new("server.port", 9092),
            ],
            message,
            links,
            every: 1,
        }
    }

    /// With one more attribute, the same for all.
    pub(crate) fn with(mut self, attribute: KeyValue) -> Self {
        self.attributes.push(attribute);
        self
    }

    /// Only for every so manieth message.
    pub(crate) fn every(mut self, messages: u32) -> Self {
        self.every = messages;
        self
    }

    fn write(&self, tracer: &BoxedTracer, number: u32) {
        let number = i64::from(number);
        let mut attributes = Vec::with_capacity(self.attributes.len() + MOST_TOLD);
        attributes.extend_from_slice(&self.attributes);
        if !matches!(self.links, Links::Told(2..)) {
            (self.message)(number, &mut attributes);
        }
        let mut builder = SpanBuilder::from_name(self.name.clone());
        builder.span_kind = Some(self.kind.clone());
        builder.attributes = Some(attributes);
        builder.links = match self.links {
            Links::None => None,
            Links::Bare => Some(vec![link(Vec::new())]),
            Links::Told(count) => Some((0..count).map(|_| self.told(number)).collect()),
        };
        tracer.build_with_context(builder, &Context::new()).end();
    }

    fn told(&self, number: i64) -> Link {
        let mut attributes = Vec::with_capacity(1 + MOST_TOLD);
        (self.message)(number, &mut attributes);
        link(attributes)
    }
}

/// Writes the spans of `warm_up` messages, and those of `messages` from when `start` is called.
pub(crate) fn spans<S>(
    templates: &[Template],
    (warm_up, messages): (u32, u32),
    start: impl FnOnce() -> S,
) -> S {
    let tracer = global::tracer("bench");
    let write = |count| {
        for number in 1..=count {
            for template in templates {
                if number % template.every == 0 {
                    template.write(&tracer, number);
                }
            }
        }
    };
    write(warm_up);
    let started = start();
    write(messages);
    started
}

/// A value that is shared by all spans.
pub(crate) fn text(key: &'static str, value: &str) -> KeyValue {
    KeyValue::new(key, Arc::<str>::from(value))
}

fn link(mut attributes: Vec<KeyValue>) -> Link {
    attributes.push(KeyValue::new("tracehop.link.type", "creation"));
    let (trace, span) = (TraceId::from(7), SpanId::from(7));
    let to = SpanContext::new(trace, span, TraceFlags::SAMPLED, true, TraceState::NONE);
    Link::new(to, attributes, 0)
}
