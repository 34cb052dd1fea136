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
    let name = variable(SAMPLER);
    DecideDeferred(match name.as_deref().map(str::trim) {
        None | Some("parentbased_always_on") => parent_based(Sampler::AlwaysOn),
        Some("always_on") => Sampler::AlwaysOn,
        Some("always_off") => Sampler::AlwaysOff,
        Some("traceidratio") => Sampler::TraceIdRatioBased(ratio()),
        Some("parentbased_always_off") => parent_based(Sampler::AlwaysOff),
        Some("parentbased_traceidratio") => parent_based(Sampler::TraceIdRatioBased(ratio())),
        Some(other) => {
            tracing::warn!(
                value = other,
                "{SAMPLER} is not known; parentbased_always_on is used"
            );
            parent_based(Sampler::AlwaysOn)
        }
    })
}

fn parent_based(root: Sampler) -> Sampler {
    Sampler::ParentBased(Box::new(root))
}

fn ratio() -> f64 {
    let argument = variable(ARGUMENT);
    let ratio = argument
        .as_deref()
        .and_then(|argument| argument.trim().parse().ok());
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
