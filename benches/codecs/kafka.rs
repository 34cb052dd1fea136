//! The headers of a Kafka record.

use opentelemetry::Context;
use opentelemetry::propagation::{
    Extractor, Injector, TextMapCompositePropagator, TextMapPropagator,
};
use rdkafka::message::{BorrowedHeaders, Header, Headers, OwnedHeaders};
use tracehop_propagation::Composite;

use crate::Carried;

pub(crate) struct Tracehop(pub(crate) Composite);

impl Carried for Tracehop {
    type Message = Option<OwnedHeaders>;

    fn message() -> Self::Message {
        None
    }

    fn inject(&self, cx: &Context, headers: &mut Self::Message) {
        tracehop_kafka::inject(cx, &self.0, headers);
    }

    fn extract(&self, headers: &Self::Message) -> Context {
        let headers = headers.as_ref().map(OwnedHeaders::as_borrowed);
        tracehop_kafka::extract_reported(&self.0, headers).context
    }
}

/// Replaces nothing, and panics on a key that is not UTF-8.
pub(crate) struct ByHand(pub(crate) TextMapCompositePropagator);

struct Written<'a>(&'a mut Option<OwnedHeaders>);

impl Injector for Written<'_> {
    fn set(&mut self, key: &str, value: String) {
        let headers = self.0.take().unwrap_or_default();
        let value = Some(value.as_str());
        *self.0 = Some(headers.insert(Header { key, value }));
    }
}

struct Received<'a>(&'a BorrowedHeaders);

impl Extractor for Received<'_> {
    fn get(&self, key: &str) -> Option<&str> {
        let found = self.0.iter().find(|header| header.key == key)?;
        str::from_utf8(found.value?).ok()
    }

    fn keys(&self) -> Vec<&str> {
        self.0.iter().map(|header| header.key).collect()
    }
}

impl Carried for ByHand {
    type Message = Option<OwnedHeaders>;

    fn message() -> Self::Message {
        None
    }

    fn inject(&self, cx: &Context, headers: &mut Self::Message) {
        self.0.inject_context(cx, &mut Written(headers));
    }

    fn extract(&self, headers: &Self::Message) -> Context {
        let headers = headers.as_ref().expect("some headers").as_borrowed();
        self.0
            .extract_with_context(&Context::new(), &Received(headers))
    }
}
