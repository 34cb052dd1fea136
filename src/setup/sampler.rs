use opentelemetry_sdk::trace::Sampler;

use super::variable;

const SAMPLER: &str = "OTEL_TRACES_SAMPLER";
const ARGUMENT: &str = "OTEL_TRACES_SAMPLER_ARG";

/// The sampler that `OTEL_TRACES_SAMPLER` names (OpenTelemetry 1.50).
pub(super) fn from_env() -> Sampler {
    named(variable(SAMPLER).as_deref(), variable(ARGUMENT).as_deref())
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

#[cfg(test)]
mod tests {
    use opentelemetry::Context;
    use opentelemetry::trace::{
        SpanContext, SpanId, SpanKind, TraceContextExt, TraceFlags, TraceId, TraceState,
    };
    use opentelemetry_sdk::trace::{SamplingDecision, ShouldSample};

    use super::*;

    fn parent(flags: TraceFlags) -> Context {
        let (trace_id, span_id) = (TraceId::from(7), SpanId::from(7));
        let parent = SpanContext::new(trace_id, span_id, flags, true, TraceState::NONE);
        Context::new().with_remote_span_context(parent)
    }

    #[test]
    fn the_samplers_of_the_specification_are_known_by_name() {
        let (on, off) = (parent(TraceFlags::SAMPLED), parent(TraceFlags::NOT_SAMPLED));
        let decisions = |name, argument| {
            [None, Some(&on), Some(&off)].map(|parent| {
                let kind = SpanKind::Consumer;
                let sampler = named(name, argument);
                let sampled =
                    sampler.should_sample(parent, TraceId::from(7), "process", &kind, &[], &[]);
                sampled.decision == SamplingDecision::RecordAndSample
            })
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
}
