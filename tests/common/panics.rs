//! Something plugged into telemetry that panics.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, PoisonError};

use opentelemetry::trace::{Link, SpanKind, TraceId, TraceState};
use opentelemetry::{Context, KeyValue};
use opentelemetry_sdk::trace::{SamplingDecision, SamplingResult, ShouldSample};

/// Panics the first time that it is asked about a span of each name.
#[derive(Clone, Debug, Default)]
pub(crate) struct PanicsAtFirst(Arc<Mutex<BTreeSet<String>>>);

impl PanicsAtFirst {
    /// How often it has panicked.
    pub(crate) fn count(&self) -> usize {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).len()
    }
}

impl ShouldSample for PanicsAtFirst {
    fn should_sample(
        &self,
        _: Option<&Context>,
        _: TraceId,
        name: &str,
        _: &SpanKind,
        _: &[KeyValue],
        _: &[Link],
    ) -> SamplingResult {
        let first = {
            let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
            known.insert(name.to_owned())
        };
        assert!(!first, "a panic of this test");
        SamplingResult {
            decision: SamplingDecision::Drop,
            attributes: Vec::new(),
            trace_state: TraceState::NONE,
        }
    }
}
