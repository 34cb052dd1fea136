use opentelemetry::trace::{
    Link, SpanContext, SpanKind, SpanRef, TraceContextExt, TraceId, TraceState,
};
use opentelemetry::{Context, KeyValue};
use opentelemetry_sdk::trace::{SamplingDecision, SamplingResult, ShouldSample};

use super::DeferredSampler;

/// OpenTelemetry's member of tracestate, and in it the threshold of consistent sampling.
const OT: &str = "ot";
const THRESHOLD: &str = "th:";

/// Samples a span that links to a sampled one, so that a trace does not end at a receive, a batch,
/// or a hop with [`Correlation::Link`](crate::telemetry::Correlation::Link): for a tracer provider
/// of one's own. [`Builder::linked_sampler`](super::Builder::linked_sampler) has it.
///
/// It is the outermost sampler, and decides by the first of these that there is:
///
/// 1. a local parent: its decision is the span's, so that nothing is missing inside a process;
/// 2. a sampled link among those that the span starts with: sampled;
/// 3. the inner sampler. Unsampled links force nothing.
///
/// So more is sampled than the inner sampler asks for: a span that links to `n` messages, each
/// sampled with the probability `p`, is sampled with `1 - (1 - p)^n`, and what it then causes too.
/// Even with `always_off` inside, what others sampled is followed.
///
/// How probable a forced span was is not known, so it loses the threshold `th` of the member `ot`
/// of its parent's tracestate, and is not extrapolated from by who counts with thresholds. It keeps
/// the randomness `rv`, the other members, and W3C's random flag; so who samples consistently
/// further on decides as elsewhere in the trace (OpenTelemetry 1.50, "Probability Sampling";
/// W3C Trace Context, level 2, "random-trace-id flag").
///
/// ```
/// use opentelemetry_sdk::trace::{Sampler, SdkTracerProvider};
/// use tracehop::setup::{DeferredSampler, LinkedSampler};
///
/// let tenth = Sampler::ParentBased(Box::new(Sampler::TraceIdRatioBased(0.1)));
/// let tracers = SdkTracerProvider::builder()
///     .with_sampler(LinkedSampler::new(DeferredSampler::new(tenth)))
///     .build();
/// ```
#[derive(Clone, Debug)]
pub struct LinkedSampler(Box<dyn ShouldSample>);

impl LinkedSampler {
    /// Around a sampler that decides where no link does.
    pub fn new(inner: impl Into<Box<dyn ShouldSample>>) -> Self {
        Self(inner.into())
    }

    /// Around the sampler that `OTEL_TRACES_SAMPLER` names, with [`DeferredSampler`] between.
    /// Default: `parentbased_always_on`.
    pub fn from_env() -> Self {
        Self::new(DeferredSampler::from_env())
    }
}

impl ShouldSample for LinkedSampler {
    fn should_sample(
        &self,
        parent: Option<&Context>,
        trace_id: TraceId,
        name: &str,
        kind: &SpanKind,
        attributes: &[KeyValue],
        links: &[Link],
    ) -> SamplingResult {
        let span = parent.map(TraceContextExt::span);
        let span_context = span.as_ref().map(SpanRef::span_context);
        let span_context = span_context.filter(|parent| parent.is_valid());
        if let Some(local) = span_context.filter(|parent| !parent.is_remote()) {
            return decided(local.is_sampled(), local.trace_state().clone());
        }
        if links.iter().any(|link| is_sampled(&link.span_context)) {
            let state = span_context.map(|parent| without_threshold(parent.trace_state()));
            return decided(true, state.unwrap_or_default());
        }
        self.0
            .should_sample(parent, trace_id, name, kind, attributes, links)
    }
}

fn is_sampled(link: &SpanContext) -> bool {
    link.is_valid() && link.is_sampled()
}

fn decided(sampled: bool, trace_state: TraceState) -> SamplingResult {
    SamplingResult {
        decision: if sampled {
            SamplingDecision::RecordAndSample
        } else {
            SamplingDecision::Drop
        },
        attributes: Vec::new(),
        trace_state,
    }
}

/// A member that is changed moves to the front (W3C Trace Context, level 2, "mutating the
/// tracestate field"), one without anything left goes.
fn without_threshold(state: &TraceState) -> TraceState {
    let Some(ot) = state.get(OT) else {
        return state.clone();
    };
    let (thresholds, rest): (Vec<_>, Vec<_>) =
        ot.split(';').partition(|item| item.starts_with(THRESHOLD));
    let changed = match (thresholds.is_empty(), rest.is_empty()) {
        (true, _) => return state.clone(),
        (false, true) => state.delete(OT),
        (false, false) => state.insert(OT, rest.join(";")),
    };
    changed.unwrap_or_default()
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a failed unwrap fails the test")]

    use opentelemetry::trace::{Span as _, SpanId, TraceFlags, Tracer as _, TracerProvider as _};
    use opentelemetry_sdk::trace::{Sampler, SdkTracer, SdkTracerProvider, Span};

    use super::*;

    const RANDOM: TraceFlags = TraceFlags::new(0x02);

    fn tracer(inner: Sampler) -> SdkTracer {
        let provider = SdkTracerProvider::builder().with_sampler(LinkedSampler::new(inner));
        provider.build().tracer("test")
    }

    fn remote(id: u64, flags: TraceFlags) -> SpanContext {
        let (trace_id, span_id) = (TraceId::from(u128::from(id)), SpanId::from(id));
        SpanContext::new(trace_id, span_id, flags, true, TraceState::NONE)
    }

    fn start(tracer: &SdkTracer, parent: &Context, links: &[SpanContext]) -> Span {
        let links = links.iter().cloned().map(Link::with_context).collect();
        let builder = tracer.span_builder("process orders").with_links(links);
        tracer.build_with_context(builder, parent)
    }

    fn samplers() -> [Sampler; 4] {
        [
            Sampler::AlwaysOff,
            Sampler::TraceIdRatioBased(0.0),
            Sampler::ParentBased(Box::new(Sampler::AlwaysOff)),
            Sampler::ParentBased(Box::new(Sampler::TraceIdRatioBased(0.0))),
        ]
    }

    #[test]
    fn a_sampled_link_forces_sampling_whatever_is_inside() {
        let (on, off) = (
            remote(1, TraceFlags::SAMPLED),
            remote(2, TraceFlags::NOT_SAMPLED),
        );
        let unsampled = Context::new().with_remote_span_context(off.clone());
        for tracer in samplers().map(tracer) {
            for parent in [&Context::new(), &unsampled] {
                let forced = start(&tracer, parent, &[off.clone(), on.clone()]);
                assert!(forced.span_context().is_sampled() && forced.is_recording());
                let plain = start(&tracer, parent, &[]);
                assert!(!plain.span_context().is_sampled() && !plain.is_recording());
            }
        }
    }

    #[test]
    fn an_unsampled_link_forces_nothing() {
        let off = [remote(2, TraceFlags::NOT_SAMPLED), remote(3, RANDOM)];
        for (inner, sampled) in [(Sampler::AlwaysOn, true), (Sampler::AlwaysOff, false)] {
            let span = start(&tracer(inner), &Context::new(), &off);
            assert_eq!(span.span_context().is_sampled(), sampled);
        }
    }

    #[test]
    fn a_link_that_names_no_span_forces_nothing() {
        let nobody = SpanContext::new(
            TraceId::INVALID,
            SpanId::from(1),
            TraceFlags::SAMPLED,
            true,
            TraceState::NONE,
        );
        let kind = SpanKind::Consumer;
        let links = [Link::with_context(nobody)];
        let sampler = LinkedSampler::new(Sampler::AlwaysOff);
        let result = sampler.should_sample(None, TraceId::from(7), "any", &kind, &[], &links);
        assert_eq!(result.decision, SamplingDecision::Drop);
    }

    #[test]
    fn the_decision_of_a_local_parent_stands() {
        let on = [remote(1, TraceFlags::SAMPLED)];
        // A forced span is followed even where the inner sampler would drop each of its children.
        let tracer_off = tracer(Sampler::AlwaysOff);
        let forced = start(&tracer_off, &Context::new(), &on);
        let inside = start(&tracer_off, &Context::new().with_span(forced), &[]);
        assert!(inside.span_context().is_sampled());

        let unsampled = start(&tracer_off, &Context::new(), &[]);
        let inside = start(&tracer_off, &Context::new().with_span(unsampled), &on);
        assert!(!inside.span_context().is_sampled());
    }

    /// The tracestate of a span below a remote parent that has this one.
    fn state_below(parent: &str, links: &[SpanContext], inner: Sampler) -> String {
        let state = parent
            .split(',')
            .map(|member| member.split_once('=').unwrap());
        let state = TraceState::from_key_value(state).unwrap();
        let (trace_id, span_id) = (TraceId::from(7), SpanId::from(7));
        let parent = SpanContext::new(trace_id, span_id, RANDOM, true, state);
        let parent = Context::new().with_remote_span_context(parent);
        let span = start(&tracer(inner), &parent, links);
        span.span_context().trace_state().header()
    }

    #[test]
    fn a_forced_span_loses_its_threshold_and_keeps_the_rest() {
        let on = [remote(1, TraceFlags::SAMPLED)];
        for (parent, below) in [
            ("ot=th:c;rv:6e6d1a75832a2f", "ot=rv:6e6d1a75832a2f"),
            (
                "a=1,ot=rv:6e6d1a75832a2f;th:0;p:1",
                "ot=rv:6e6d1a75832a2f;p:1,a=1",
            ),
            ("a=1,ot=th:fd70a4,b=2", "a=1,b=2"),
            ("ot=th:c", ""),
            ("a=1,ot=rv:6e6d1a75832a2f", "a=1,ot=rv:6e6d1a75832a2f"),
            ("a=th:1,b=2", "a=th:1,b=2"),
        ] {
            assert_eq!(state_below(parent, &on, Sampler::AlwaysOff), below);
        }
    }

    #[test]
    fn a_span_that_is_not_forced_keeps_its_threshold() {
        let off = [remote(1, TraceFlags::NOT_SAMPLED)];
        let parent = "ot=th:c;rv:6e6d1a75832a2f";
        for links in [&off[..], &[]] {
            assert_eq!(state_below(parent, links, Sampler::AlwaysOn), parent);
        }
    }

    #[test]
    fn the_random_flag_of_the_trace_survives() {
        let on = [remote(1, TraceFlags::SAMPLED)];
        for (flags, below) in [(RANDOM, 0x03), (TraceFlags::NOT_SAMPLED, 0x01)] {
            let parent = Context::new().with_remote_span_context(remote(7, flags));
            let forced = start(&tracer(Sampler::AlwaysOff), &parent, &on);
            assert_eq!(forced.span_context().trace_flags().to_u8(), below);
        }
    }

    /// The table of README.md, "Sampling".
    #[test]
    fn the_rate_of_batches_is_as_the_arithmetic_has_it() {
        const TRIALS: u32 = 4_000;
        let tracer = tracer(Sampler::AlwaysOff);
        let mut random = fastrand::Rng::with_seed(7);
        let (on, off) = (
            remote(1, TraceFlags::SAMPLED),
            remote(2, TraceFlags::NOT_SAMPLED),
        );
        for (p, n, rate) in [
            (0.01, 10, 0.10),
            (0.05, 10, 0.40),
            (0.10, 10, 0.65),
            (0.25, 10, 0.94),
            (0.01, 100, 0.63),
            (0.05, 100, 0.99),
            (0.25, 1, 0.25),
        ] {
            let sampled = (0..TRIALS).filter(|_| {
                let links: Vec<_> = (0..n)
                    .map(|_| if random.f64() < p { &on } else { &off })
                    .cloned()
                    .collect();
                let batch = start(&tracer, &Context::new(), &links);
                batch.span_context().is_sampled()
            });
            let sampled = u32::try_from(sampled.count()).unwrap();
            let seen = f64::from(sampled) / f64::from(TRIALS);
            assert!((seen - rate).abs() < 0.03, "{p}, {n}: {seen}");
            assert!((1.0 - (1.0 - p).powi(n) - rate).abs() < 0.006, "{p}, {n}");
        }
    }
}
