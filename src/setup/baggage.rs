use std::time::Duration;

use opentelemetry::baggage::BaggageExt as _;
use opentelemetry::trace::Span as _;
use opentelemetry::{Context, KeyValue};
use opentelemetry_sdk::error::OTelSdkResult;
use opentelemetry_sdk::trace::{Span, SpanData, SpanProcessor};

/// Copies baggage members onto every span as it starts, under their own keys: for a tracer provider
/// of one's own. [`Builder::baggage_attributes`](super::Builder::baggage_attributes) has it.
///
/// A key that ends in `*` stands for all that begin so. Members that are not named stay off spans:
/// baggage may hold what nobody wants in a backend.
#[derive(Clone, Debug, Default)]
pub struct BaggageAttributes {
    keys: Vec<String>,
    prefixes: Vec<String>,
}

impl BaggageAttributes {
    /// Copies these members.
    pub fn new<K: Into<String>>(keys: impl IntoIterator<Item = K>) -> Self {
        let mut attributes = Self::default();
        for key in keys.into_iter().map(Into::into) {
            match key.strip_suffix('*') {
                Some(prefix) => attributes.prefixes.push(prefix.to_owned()),
                None => attributes.keys.push(key),
            }
        }
        attributes
    }

    fn holds(&self, key: &str) -> bool {
        self.keys.iter().any(|known| known == key)
            || self.prefixes.iter().any(|prefix| key.starts_with(prefix))
    }
}

impl SpanProcessor for BaggageAttributes {
    fn on_start(&self, span: &mut Span, cx: &Context) {
        if !span.is_recording() {
            return;
        }
        for (key, (value, _)) in cx.baggage() {
            if self.holds(key.as_str()) {
                span.set_attribute(KeyValue::new(key.clone(), value.clone()));
            }
        }
    }

    fn on_end(&self, _: SpanData) {}

    fn force_flush(&self) -> OTelSdkResult {
        Ok(())
    }

    fn shutdown_with_timeout(&self, _: Duration) -> OTelSdkResult {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a failed unwrap fails the test")]

    use opentelemetry::trace::{Tracer as _, TracerProvider as _};
    use opentelemetry_sdk::trace::{InMemorySpanExporter, SdkTracerProvider};

    use super::*;

    #[test]
    fn the_named_members_are_on_every_span() {
        let exporter = InMemorySpanExporter::default();
        let provider = SdkTracerProvider::builder()
            .with_span_processor(BaggageAttributes::new(["tenant", "team.*"]))
            .with_simple_exporter(exporter.clone())
            .build();
        let members = [
            ("tenant", "acme"),
            ("team.name", "blue"),
            ("team", "not this"),
            ("session", "s3cret"),
        ];
        let cx = Context::new().with_baggage(members.map(|(key, value)| KeyValue::new(key, value)));
        drop(provider.tracer("any").start_with_context("work", &cx));
        let span = exporter.get_finished_spans().unwrap().remove(0);
        let mut attributes: Vec<_> = span
            .attributes
            .iter()
            .map(|attribute| (attribute.key.as_str(), attribute.value.to_string()))
            .collect();
        attributes.sort();
        let expected = [("team.name", "blue"), ("tenant", "acme")];
        assert_eq!(
            attributes,
            expected.map(|(key, value)| (key, value.to_owned()))
        );
    }
}
