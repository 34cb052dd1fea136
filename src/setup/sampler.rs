use opentelemetry::trace::{Link, SpanKind, TraceContextExt, TraceId};
use opentelemetry::{Context, KeyValue};
use opentelemetry_sdk::trace::{Sampler, SamplingResult, ShouldSample};
use tracehop_propagation::Deferred;

use super::variable;

const SAMPLER: &str = "OTEL_TRACES_SAMPLER";
const ARGUMENT: &str = "OTEL_TRACES_SAMPLER_ARG";

/// The sampler that `OTEL_TRACES_SAMPLER` names (OpenTelemetry 1.50), which also decides where the
/// sender left the decision to us.
pub(super) fn from_env() -> DecideDeferred {
    DecideDeferred(named(
        variable(SAMPLER).as_deref(),
        variable(ARGUMENT).as_deref(),
    ))
}

fn named(name: Option<&str>, argument: Option<&str>) -> Sampler {
    match name.map(str::trim) {
        None | Some("parentbased_always_on") => parent_based(Sampler::AlwaysOn),
        Some("always_on") => Sampler::AlwaysOn,
        Some("always_off") => Sampler::AlwaysOff,
        Some("traceidratio") => Sampler::TraceIdRatioBased(ratio(argument)),
        Some("parentbased_always_off") => parent_based(Sampler::AlwaysOff),
        Some("parentbased_traceidratio") => {
            parent_based(Sampler::TraceIdRatioBased(ratio(argument)))
        }
        Some(other) => {
            tracing::warn!(
                value = other,
                "{SAMPLER} is not known; parentbased_always_on is used"
            );
            parent_based(Sampler::AlwaysOn)
        }
    }
}

fn parent_based(root: Sampler) -> Sampler {
    Sampler::ParentBased(Box::new(root))
}

fn ratio(argument: Option<&str>) -> f64 {
    let ratio = argument.and_then(|argument| argument.trim().parse().ok());
    let ratio = ratio.filter(|ratio| (0.0..=1.0).contains(ratio));
    if argument.is_some() && ratio.is_none() {
        tracing::warn!("{ARGUMENT} is no number from 0 to 1; 1 is used");
    }
    ratio.unwrap_or(1.0)
}

/// Takes a remote parent whose decision is [`Deferred`] as a root decision on its trace id.
#[derive(Clone, Debug)]
pub(super) struct DecideDeferred(Sampler);

impl ShouldSample for DecideDeferred {
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
            result.trace_state = cx.span().span_context().trace_state().clone();
        }
        result
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use opentelemetry::propagation::TextMapPropagator;
    use opentelemetry_sdk::trace::SamplingDecision;
    use tracehop_propagation::XRay;

    use super::*;

    /// The context of an X-Ray header with that decision.
    fn parent(sampled: &str) -> Context {
        let header =
            format!("Root=1-00000000-000000000000000000000007;Parent=0000000000000007;{sampled}");
        let carrier = HashMap::from([("x-amzn-trace-id".to_owned(), header)]);
        XRay.extract_with_context(&Context::new(), &carrier)
    }

    fn sampled(name: Option<&str>, argument: Option<&str>, parent: Option<&Context>) -> bool {
        let sampler = DecideDeferred(named(name, argument));
        let kind = SpanKind::Consumer;
        let result = sampler.should_sample(parent, TraceId::from(7), "process", &kind, &[], &[]);
        result.decision == SamplingDecision::RecordAndSample
    }

    #[test]
    fn the_samplers_of_the_specification_are_known_by_name() {
        let (on, off) = (parent("Sampled=1"), parent("Sampled=0"));
        let decisions = |name, argument| {
            [None, Some(&on), Some(&off)].map(|parent| sampled(name, argument, parent))
        };
        assert_eq!(decisions(None, None), [true, true, false]);
        assert_eq!(decisions(Some("no such"), None), [true, true, false]);
        assert_eq!(decisions(Some("always_on"), None), [true, true, true]);
        assert_eq!(decisions(Some("always_off"), None), [false, false, false]);
        assert_eq!(
            decisions(Some("traceidratio"), Some("0")),
            [false, false, false]
        );
        assert_eq!(
            decisions(Some("traceidratio"), Some("1")),
            [true, true, true]
        );
        assert_eq!(
            decisions(Some("traceidratio"), Some("many")),
            [true, true, true]
        );
        assert_eq!(
            decisions(Some("parentbased_always_on"), None),
            [true, true, false]
        );
        assert_eq!(
            decisions(Some("parentbased_always_off"), None),
            [false, true, false]
        );
        assert_eq!(
            decisions(Some("parentbased_traceidratio"), Some("0")),
            [false, true, false]
        );
    }

    #[test]
    fn a_deferred_decision_is_taken_as_at_a_root() {
        for header in ["Sampled=?", ""] {
            let deferred = parent(header);
            assert!(sampled(None, None, Some(&deferred)), "{header:?}");
            let off = Some("parentbased_always_off");
            assert!(!sampled(off, None, Some(&deferred)), "{header:?}");
        }
    }
}
