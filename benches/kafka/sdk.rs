//! What the SDK itself spends: the same spans with the same attributes, built, queued and exported.

use std::sync::Arc;

use opentelemetry::global::{self, BoxedTracer};
use opentelemetry::trace::{
    Link, Span as _, SpanBuilder, SpanContext, SpanId, SpanKind, TraceFlags, TraceId, TraceState,
    Tracer as _,
};
use opentelemetry::{Context, KeyValue};

use super::produce::KEY;
use super::rounds::{MESSAGES, Mode, WARM_UP};

pub(crate) fn spans<S>(mode: Mode, start: impl FnOnce() -> S) -> S {
    let tracer = global::tracer("bench");
    let spans: Vec<Prepared> = match mode {
        Mode::Produce => vec![Prepared::new("send", "send", SpanKind::Producer)],
        Mode::Poll => vec![Prepared::new("poll", "receive", SpanKind::Client)],
        Mode::Consume => vec![
            Prepared::new("poll", "receive", SpanKind::Client),
            Prepared::new("process", "process", SpanKind::Consumer),
        ],
    };
    let write = |count| {
        for offset in 0..count {
            for span in &spans {
                span.write(&tracer, i64::from(offset));
            }
        }
    };
    write(WARM_UP);
    let started = start();
    write(MESSAGES);
    started
}

/// A span that differs from message to message in what a record's differ in.
struct Prepared {
    name: String,
    kind: SpanKind,
    attributes: Vec<KeyValue>,
}

impl Prepared {
    fn new(name: &'static str, operation_type: &'static str, kind: SpanKind) -> Self {
        let text = |key: &'static str, value: &str| KeyValue::new(key, Arc::<str>::from(value));
        let mut attributes = vec![
            KeyValue::new("messaging.operation.name", name),
            KeyValue::new("messaging.operation.type", operation_type),
            KeyValue::new("messaging.system", "kafka"),
            text("messaging.destination.name", "bench-0123456789abcdef"),
            text("server.address", "127.0.0.1"),
            KeyValue::new("server.port", 9092),
        ];
        if kind == SpanKind::Consumer {
            attributes.push(KeyValue::new("tracehop.message.attempt", 1));
        }
        Self {
            name: format!("{name} bench-0123456789abcdef"),
            kind,
            attributes,
        }
    }

    fn write(&self, tracer: &BoxedTracer, offset: i64) {
        let mut attributes = Vec::with_capacity(self.attributes.len() + 3);
        attributes.extend_from_slice(&self.attributes);
        attributes.extend(Self::message(offset));
        let mut builder = SpanBuilder::from_name(self.name.clone());
        builder.span_kind = Some(self.kind.clone());
        builder.attributes = Some(attributes);
        builder.links = match self.kind {
            SpanKind::Producer => None,
            SpanKind::Consumer => Some(vec![Self::link(Self::message(offset).to_vec())]),
            _ => Some(vec![Self::link(Vec::new())]),
        };
        tracer.build_with_context(builder, &Context::new()).end();
    }

    fn message(offset: i64) -> [KeyValue; 3] {
        [
            KeyValue::new("messaging.kafka.offset", offset),
            KeyValue::new("messaging.kafka.message.key", KEY.to_owned()),
            KeyValue::new("messaging.destination.partition.id", 0.to_string()),
        ]
    }

    fn link(mut attributes: Vec<KeyValue>) -> Link {
        attributes.push(KeyValue::new("tracehop.link.type", "creation"));
        let (trace, span) = (TraceId::from(7), SpanId::from(7));
        let to = SpanContext::new(trace, span, TraceFlags::SAMPLED, true, TraceState::NONE);
        Link::new(to, attributes, 0)
    }
}
