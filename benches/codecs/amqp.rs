//! The headers of an AMQP message, in its properties.

use lapin::BasicProperties;
use lapin::types::{AMQPValue, FieldTable};
use opentelemetry::Context;
use opentelemetry::propagation::{
    Extractor, Injector, TextMapCompositePropagator, TextMapPropagator,
};
use tracehop_amqp::{Budget, HeaderExtractor};
use tracehop_propagation::{Carrier, Composite};

use crate::Carried;

pub(crate) struct Tracehop(pub(crate) Composite);

impl Carried for Tracehop {
    type Message = BasicProperties;

    fn message() -> BasicProperties {
        BasicProperties::default()
    }

    fn inject(&self, cx: &Context, properties: &mut BasicProperties) {
        tracehop_amqp::inject(cx, &self.0, properties, Budget::default());
    }

    fn extract(&self, properties: &BasicProperties) -> Context {
        let carrier = HeaderExtractor::from(properties);
        let found = self
            .0
            .extract_reported(&Context::new(), Carrier::once(&carrier));
        found.context
    }
}

/// Counts nothing, and reads long strings alone.
pub(crate) struct ByHand(pub(crate) TextMapCompositePropagator);

struct Written(FieldTable);

impl Injector for Written {
    fn set(&mut self, key: &str, value: String) {
        self.0
            .insert(key.into(), AMQPValue::LongString(value.into()));
    }
}

struct Received<'a>(&'a FieldTable);

impl Extractor for Received<'_> {
    fn get(&self, key: &str) -> Option<&str> {
        match self.0.inner().get(key)? {
            AMQPValue::LongString(text) => str::from_utf8(text.as_bytes()).ok(),
            _ => None,
        }
    }

    fn keys(&self) -> Vec<&str> {
        self.0
            .inner()
            .keys()
            .map(lapin::types::ShortString::as_str)
            .collect()
    }
}

impl Carried for ByHand {
    type Message = BasicProperties;

    fn message() -> BasicProperties {
        BasicProperties::default()
    }

    fn inject(&self, cx: &Context, properties: &mut BasicProperties) {
        let mut headers = Written(FieldTable::default());
        self.0.inject_context(cx, &mut headers);
        *properties = std::mem::take(properties).with_headers(headers.0);
    }

    fn extract(&self, properties: &BasicProperties) -> Context {
        let headers = properties.headers().as_ref().expect("some headers");
        self.0
            .extract_with_context(&Context::new(), &Received(headers))
    }
}
