//! What the user plugged into the SDK and panics.

use std::time::Duration;

use opentelemetry::trace::{Link, SpanKind, TraceId};
use opentelemetry::{Context, KeyValue};
use opentelemetry_sdk::error::OTelSdkResult;
use opentelemetry_sdk::trace::{
    SamplingResult, SdkTracerProvider, ShouldSample, Span, SpanData, SpanProcessor,
};
use tracehop::telemetry::{Instrumentation, Processed, Scope};

use super::process::start;
use super::{created, orders};

#[derive(Clone, Debug)]
struct PanickingSampler;

impl ShouldSample for PanickingSampler {
    fn should_sample(
        &self,
        _: Option<&Context>,
        _: TraceId,
        _: &str,
        _: &SpanKind,
        _: &[KeyValue],
        _: &[Link],
    ) -> SamplingResult {
        panic!("a panic of this test");
    }
}

/// Panics at the start of spans, else at their end.
#[derive(Debug)]
struct PanickingProcessor {
    at_start: bool,
}

impl SpanProcessor for PanickingProcessor {
    fn on_start(&self, _: &mut Span, _: &Context) {
        assert!(!self.at_start, "a panic of this test");
    }

    // The SDK ends a span that is dropped by a panic: a second one there would end the process.
    fn on_end(&self, _: SpanData) {
        assert!(self.at_start, "a panic of this test");
    }

    fn force_flush(&self) -> OTelSdkResult {
        Ok(())
    }

    fn shutdown_with_timeout(&self, _: Duration) -> OTelSdkResult {
        Ok(())
    }
}

fn process(provider: SdkTracerProvider) -> bool {
    let builder = Instrumentation::builder().tracer_provider(provider);
    let (queue, creation) = (orders(), created(7));
    let starting = start(&queue, &creation, Scope::Worker);
    let process = builder.build().process(&starting);
    let has_span = process.span_context().is_some();
    process.end(&Processed::default());
    has_span
}

#[test]
fn a_sampler_that_panics_leaves_no_span_and_fails_nothing() {
    let provider = SdkTracerProvider::builder().with_sampler(PanickingSampler);
    assert!(!process(provider.build()));
}

#[test]
fn a_processor_that_panics_fails_nothing() {
    for at_start in [true, false] {
        let processor = PanickingProcessor { at_start };
        let provider = SdkTracerProvider::builder().with_span_processor(processor);
        assert_eq!(process(provider.build()), !at_start);
    }
}
