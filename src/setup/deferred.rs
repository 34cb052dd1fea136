use opentelemetry::trace::{Link, SpanKind, TraceContextExt, TraceId, TraceState};
use opentelemetry::{Context, KeyValue};
use opentelemetry_sdk::trace::{SamplingResult, ShouldSample};
use tracehop_propagation::Deferred;

use super::sampler;

/// Takes a remote parent whose decision is [`Deferred`] as a root decision on its trace id: for a
/// tracer provider of one's own. [`init`](super::init) has it.
///
/// X-Ray (`Sampled=?`, or none), B3, Datadog, Cloud Trace and Sentry can leave the decision to the
/// receiver. A sampler that does not ask sees an unsampled parent there, and records nothing of what
/// nobody decided against.
#[derive(Clone, Debug)]
pub struct DeferredSampler(Box<dyn ShouldSample>);

impl DeferredSampler {
    /// Around a sampler that decides as at a root, and everything else.
    pub fn new(inner: impl Into<Box<dyn ShouldSample>>) -> Self {
        Self(inner.into())
    }

    /// Around the sampler that `OTEL_TRACES_SAMPLER` names (OpenTelemetry 1.50). Default:
    /// `parentbased_always_on`.
    pub fn from_env() -> Self {
        Self::new(sampler::from_env())
    }
}

impl ShouldSample for DeferredSampler {
    fn should_sample(
        &self,
        parent: Option<&Context>,
        trace_id: TraceId,
        name: &str,
        kind: &SpanKind,
        attributes: &[KeyValue],
        links: &[Link],
    ) -> SamplingResult {
        let deferred = parent.filter(|cx| Deferred::is_set(cx));
        let parent = if deferred.is_some() { None } else { parent };
        let mut result = self
            .0
            .should_sample(parent, trace_id, name, kind, attributes, links);
        if let Some(cx) = deferred {
            let kept = cx.span().span_context().trace_state().clone();
            result.trace_state = with_members(kept, &result.trace_state);
        }
        result
    }
}

/// `state` with the members of `added` before its own, as W3C Trace Context, level 2, has it.
fn with_members(state: TraceState, added: &TraceState) -> TraceState {
    let added: Vec<_> = added.into_iter().collect();
    added.into_iter().rev().fold(state, |state, (key, value)| {
        let both = state.insert(key, value);
        both.unwrap_or(state)
    })
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a failed unwrap fails the test")]

    use std::collections::HashMap;

    use opentelemetry::propagation::TextMapPropagator;
    use opentelemetry::trace::{Span as _, SpanContext, Tracer as _, TracerProvider as _};
    use opentelemetry_sdk::trace::{Sampler, SamplingDecision, SdkTracerProvider};
    use tracehop_propagation::{Datadog, Sampling, XRay, xray_header};

    use super::*;

    /// The context of an X-Ray header with that decision.
    fn xray(sampled: &str) -> Context {
        let header =
            format!("Root=1-00000000-000000000000000000000007;Parent=0000000000000007;{sampled}");
        let carrier = HashMap::from([("x-amzn-trace-id".to_owned(), header)]);
        XRay.extract_with_context(&Context::new(), &carrier)
    }

    /// A span below `parent`, and its context.
    fn child(root: Sampler, parent: &Context) -> (SpanContext, Context) {
        let inner = Sampler::ParentBased(Box::new(root));
        let provider = SdkTracerProvider::builder().with_sampler(DeferredSampler::new(inner));
        let tracer = provider.build().tracer("test");
        let span = tracer.start_with_context("process orders", parent);
        (span.span_context().clone(), parent.with_span(span))
    }

    #[test]
    fn a_deferred_decision_is_taken_as_at_a_root_of_the_same_trace() {
        for header in ["Sampled=?", ""] {
            let deferred = xray(header);
            let (on, _) = child(Sampler::AlwaysOn, &deferred);
            assert!(on.is_sampled(), "{header:?}");
            assert_eq!(on.trace_id(), TraceId::from(7));
            let (off, _) = child(Sampler::AlwaysOff, &deferred);
            assert!(!off.is_sampled(), "{header:?}");
        }
    }

    #[test]
    fn a_decision_that_was_taken_stands() {
        for (header, sampled) in [("Sampled=1", true), ("Sampled=0", false)] {
            for root in [Sampler::AlwaysOn, Sampler::AlwaysOff] {
                let (span, _) = child(root, &xray(header));
                assert_eq!(span.is_sampled(), sampled, "{header}");
            }
        }
    }

    #[test]
    fn what_is_sent_on_says_what_was_decided() {
        let deferred = xray("Sampled=?");
        assert!(xray_header(&deferred).unwrap().ends_with("Sampled=?"));
        for (root, decided) in [
            (Sampler::AlwaysOn, Sampling::Sampled),
            (Sampler::AlwaysOff, Sampling::NotSampled),
        ] {
            let (_, cx) = child(root, &deferred);
            assert_eq!(Sampling::of(&cx), decided);
        }
    }

    /// A span of Datadog's without a priority, and with an origin in its tracestate.
    fn datadog(trace_id: &str) -> Context {
        let fields = [
            ("x-datadog-trace-id", trace_id),
            ("x-datadog-parent-id", "7"),
            ("x-datadog-origin", "rum"),
        ];
        let carrier: HashMap<_, _> = fields
            .map(|(field, value)| (field.to_owned(), value.to_owned()))
            .into();
        Datadog.extract_with_context(&Context::new(), &carrier)
    }

    #[test]
    fn the_ratio_of_a_trace_id_decides_and_tracestate_is_kept() {
        for (trace_id, sampled) in [("7", true), ("18446744073709551615", false)] {
            let (span, _) = child(Sampler::TraceIdRatioBased(0.5), &datadog(trace_id));
            assert_eq!(span.is_sampled(), sampled, "{trace_id}");
            assert_eq!(span.trace_state().get("dd"), Some("o:rum"));
        }
    }

    /// Samples all, and says so in tracestate.
    #[derive(Clone, Debug)]
    struct Consistent;

    impl ShouldSample for Consistent {
        fn should_sample(
            &self,
            parent: Option<&Context>,
            _: TraceId,
            _: &str,
            _: &SpanKind,
            _: &[KeyValue],
            _: &[Link],
        ) -> SamplingResult {
            assert!(parent.is_none(), "a root has none");
            SamplingResult {
                decision: SamplingDecision::RecordAndSample,
                attributes: Vec::new(),
                trace_state: TraceState::from_key_value([("ot", "th:0"), ("a", "1")]).unwrap(),
            }
        }
    }

    #[test]
    fn what_the_sampler_says_in_tracestate_comes_before_what_is_kept() {
        let sampler = DeferredSampler::new(Consistent);
        let (kind, parent) = (SpanKind::Consumer, datadog("7"));
        let trace_id = TraceId::from(7);
        let result = sampler.should_sample(Some(&parent), trace_id, "any", &kind, &[], &[]);
        assert_eq!(result.trace_state.header(), "ot=th:0,a=1,dd=o:rum");
    }
}
