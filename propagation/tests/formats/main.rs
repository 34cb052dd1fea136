//! The wire formats, from outside: what is read, what is refused, and what is written.
#![expect(clippy::unwrap_used, reason = "a failed unwrap fails the test")]

mod allocations;
mod any_input;
mod baggage;
mod baggage_written;
mod carrier;
mod composite;
mod extremes;
mod members;
mod names;
mod numbers;
mod policy;
mod priorities;
mod sampling;
mod trace_context;
mod tracestate;
mod vectors;
mod xray;

use std::collections::HashMap;

use opentelemetry::{
    Context,
    propagation::{Extractor, TextMapPropagator},
    trace::{SpanContext, TraceContextExt},
};
use tracehop_propagation::parse_traceparent;

/// A carrier that shows a field as often as it is there, as HTTP does.
#[derive(Debug)]
struct Headers<'a>(&'a [(&'a str, &'a str)]);

impl Extractor for Headers<'_> {
    fn get(&self, key: &str) -> Option<&str> {
        self.get_all(key)?.first().copied()
    }

    fn keys(&self) -> Vec<&str> {
        self.0.iter().map(|(name, _)| *name).collect()
    }

    fn get_all(&self, key: &str) -> Option<Vec<&str>> {
        let all: Vec<_> = self
            .0
            .iter()
            .filter(|(name, _)| *name == key)
            .map(|(_, value)| *value)
            .collect();
        (!all.is_empty()).then_some(all)
    }
}

fn extract(propagator: &impl TextMapPropagator, headers: &[(&str, &str)]) -> Context {
    propagator.extract_with_context(&Context::new(), &Headers(headers))
}

fn inject(propagator: &impl TextMapPropagator, cx: &Context) -> HashMap<String, String> {
    let mut headers = HashMap::new();
    propagator.inject_context(cx, &mut headers);
    headers
}

fn parent(cx: &Context) -> SpanContext {
    cx.span().span_context().clone()
}

fn with_parent(traceparent: &str) -> Context {
    Context::new().with_remote_span_context(parse_traceparent(traceparent).unwrap())
}
