use std::borrow::Cow;
use std::sync::{Arc, OnceLock};
use std::time::{Duration, SystemTime};

use opentelemetry::baggage::BaggageExt as _;
use opentelemetry::global::{self, BoxedTracer};
use opentelemetry::propagation::{Extractor, Injector};
use opentelemetry::trace::{
    Span as _, SpanBuilder, SpanContext, SpanId, TraceContextExt, TraceFlags, TraceId, TraceState,
    Tracer as _,
};
use opentelemetry::{Context, KeyValue};
use tracehop_propagation::Extracted;

use super::metrics::{self, Metrics};
use super::names;
use super::options::{Correlation, InstrumentationBuilder, Options};
use super::prepared::{Destinations, Prepared};
use super::propagator::Propagator;
use crate::contract::Destination;

/// How everything in this crate writes spans and metrics, and reads and writes context.
///
/// Clones share one instrumentation. The default uses the global providers and propagator, as they
/// are when it is first used: install the SDK before the first message.
#[derive(Clone, Debug, Default)]
pub struct Instrumentation(Arc<Inner>);

#[derive(Debug, Default)]
struct Inner {
    options: Options,
    resolved: OnceLock<Resolved>,
    destinations: Destinations,
}

/// What is global, as it was at first use.
#[derive(Debug)]
struct Resolved {
    /// `None` with the no-op tracer, for which no attribute need be copied.
    tracer: Option<BoxedTracer>,
    /// `None` where they are switched off, and with the no-op meter.
    metrics: Option<Metrics>,
    propagator: Propagator,
}

impl Instrumentation {
    /// Sets an instrumentation up.
    pub fn builder() -> InstrumentationBuilder {
        InstrumentationBuilder::default()
    }

    pub(super) fn new(options: Options) -> Self {
        Self(Arc::new(Inner {
            options,
            ..Inner::default()
        }))
    }

    /// How process spans belong to creation contexts.
    pub fn correlation(&self) -> Correlation {
        self.0.options.correlation
    }

    /// Whether each message of a batch call has a create span.
    pub fn create_spans(&self) -> bool {
        self.0.options.create_spans
    }

    /// Whether SQS messages carry the system attribute `AWSTraceHeader`.
    pub fn aws_trace_header(&self) -> bool {
        self.0.options.aws_trace_header
    }

    /// Whether context is looked for in envelopes around SQS messages.
    pub fn envelopes(&self) -> bool {
        self.0.options.envelopes
    }

    /// Whether there is anything that records: without an SDK there is not.
    pub fn records(&self) -> bool {
        self.tracer().is_some() || self.metrics().is_some()
    }

    /// Whether an operation where `current` is current has anything to do: to record it, or to pass
    /// on what is current. With telemetry suppressed it has not.
    pub fn concerns(&self, current: &Context) -> bool {
        !current.is_telemetry_suppressed()
            && (self.records()
                || current.span().span_context().is_valid()
                || !current.baggage().is_empty())
    }

    /// What reads and writes context, where a destination has no formats of its own.
    pub fn propagator(&self) -> &Propagator {
        &self.resolved().propagator
    }

    /// What reads and writes the context of messages from and to `destination`.
    pub fn propagator_for(&self, destination: &Arc<Destination>) -> Cow<'_, Propagator> {
        let own = self.0.options.formats.as_ref().and_then(|_| {
            let prepared = self.0.destinations.get(destination, &self.0.options);
            prepared.formats.clone()
        });
        own.map_or_else(|| Cow::Borrowed(self.propagator()), Cow::Owned)
    }

    /// Reads the context that a message from `destination` carries, and counts what was found.
    /// The answer holds the remote span context, the baggage and their hints, and nothing of what
    /// is current.
    pub fn extract(&self, destination: &Arc<Destination>, carrier: &dyn Extractor) -> Context {
        self.extracted(
            destination,
            self.propagator_for(destination).extract(carrier),
        )
    }

    /// Reads where a message from `destination` was created, for a span that links to it; what else
    /// it carries is read only where that is counted.
    pub fn creation(&self, destination: &Arc<Destination>, carrier: &dyn Extractor) -> Context {
        if self.metrics().is_some() {
            self.extract(destination, carrier)
        } else {
            self.propagator_for(destination).extract_parent(carrier)
        }
    }

    /// Counts what a carrier has extracted, and answers the context.
    pub fn extracted(&self, destination: &Arc<Destination>, extracted: Extracted) -> Context {
        if let Some((metrics, prepared)) = self.counters(destination) {
            if extracted.format.is_some() {
                metrics.extracted.add(1, &prepared.metric);
            } else if extracted.is_missing() {
                metrics.missing.add(1, &prepared.metric);
            }
            for format in &extracted.malformed {
                let format = KeyValue::new(names::FORMAT, *format);
                metrics.malformed.add(1, &with(&prepared.metric, [format]));
            }
            baggage_dropped(metrics, &prepared, extracted.baggage_dropped);
        }
        extracted.context
    }

    /// Counts a message that has headers whose keys are not UTF-8, and that are passed over;
    /// `has_some` is asked only where that is counted.
    pub fn malformed_keys(&self, destination: &Arc<Destination>, has_some: impl FnOnce() -> bool) {
        if let Some((metrics, prepared)) = self.counters(destination).filter(|_| has_some()) {
            let format = KeyValue::new(names::FORMAT, names::HEADER_KEY);
            metrics.malformed.add(1, &with(&prepared.metric, [format]));
        }
    }

    /// Writes the context of `cx` into a carrier for `destination`, and counts it. Nothing is
    /// written where telemetry is suppressed.
    pub fn inject(&self, destination: &Arc<Destination>, cx: &Context, carrier: &mut dyn Injector) {
        if cx.is_telemetry_suppressed() {
            return;
        }
        let dropped = self.propagator_for(destination).inject(cx, carrier);
        self.injected(destination, cx, [], dropped);
    }

    /// Counts what a carrier has written of `cx`: one message, the fields that did not fit, each
    /// with its reason, and how many members of the baggage did not, by reason.
    pub fn injected<'a>(
        &self,
        destination: &Arc<Destination>,
        cx: &Context,
        dropped: impl IntoIterator<Item = (&'a str, &'static str)>,
        baggage: impl IntoIterator<Item = (&'static str, usize)>,
    ) {
        let Some((metrics, prepared)) = self.counters(destination) else {
            return;
        };
        if cx.span().span_context().is_valid() {
            metrics.injected.add(1, &prepared.metric);
        }
        baggage_dropped(metrics, &prepared, baggage);
        self.dropped(destination, dropped);
    }

    /// Counts fields that did not fit onto a message, each with its reason.
    pub fn dropped<'a>(
        &self,
        destination: &Arc<Destination>,
        dropped: impl IntoIterator<Item = (&'a str, &'static str)>,
    ) {
        let Some((metrics, prepared)) = self.counters(destination) else {
            return;
        };
        for (field, reason) in dropped {
            let field = KeyValue::new(names::FIELD, field.to_owned());
            let reason = KeyValue::new(names::REASON, reason);
            metrics
                .dropped
                .add(1, &with(&prepared.metric, [field, reason]));
        }
    }

    pub(super) fn options(&self) -> &Options {
        &self.0.options
    }

    pub(super) fn tracer(&self) -> Option<&BoxedTracer> {
        self.resolved().tracer.as_ref()
    }

    pub(super) fn metrics(&self) -> Option<&Metrics> {
        self.resolved().metrics.as_ref()
    }

    /// What is prepared for a destination, where it has spans or metrics at all.
    pub(super) fn prepared(&self, destination: &Arc<Destination>) -> Option<Arc<Prepared>> {
        let resolved = self.resolved();
        if resolved.tracer.is_none() && resolved.metrics.is_none() {
            return None;
        }
        let prepared = self.0.destinations.get(destination, &self.0.options);
        prepared.enabled.then_some(prepared)
    }

    /// The metrics, and what they say of a destination, where it has any.
    pub(super) fn counters(
        &self,
        destination: &Arc<Destination>,
    ) -> Option<(&Metrics, Arc<Prepared>)> {
        Some((self.metrics()?, self.prepared(destination)?))
    }

    fn resolved(&self) -> &Resolved {
        self.0.resolved.get_or_init(|| {
            let options = &self.0.options;
            let scope = names::scope();
            let tracer = match &options.tracers {
                Some(tracers) => tracers(scope.clone()),
                None => global::tracer_with_scope(scope.clone()),
            };
            let meter = options.metrics.then(|| match &options.meters {
                Some(meters) => meters.meter_with_scope(scope),
                None => global::meter_with_scope(scope),
            });
            Resolved {
                tracer: (!is_noop(&tracer)).then_some(tracer),
                metrics: meter
                    .filter(|meter| !metrics::is_noop(meter))
                    .map(|meter| Metrics::new(&meter)),
                propagator: options
                    .propagator
                    .clone()
                    .unwrap_or_else(Propagator::global),
            }
        })
    }
}

/// How long a message waited: from the broker's timestamp until it was handed over. Clock skew
/// below zero counts as zero.
pub fn queue_time(enqueued_at: SystemTime, handed_over: SystemTime) -> Duration {
    handed_over.duration_since(enqueued_at).unwrap_or_default()
}

/// Prepared attributes and a few more.
pub(super) fn with<const N: usize>(prepared: &[KeyValue], more: [KeyValue; N]) -> Vec<KeyValue> {
    prepared.iter().cloned().chain(more).collect()
}

/// Whether this is the API's no-op tracer: the only one that answers the parent itself, even where
/// telemetry is suppressed. An SDK makes no span there.
fn is_noop(tracer: &BoxedTracer) -> bool {
    let probe = SpanContext::new(
        TraceId::from(1),
        SpanId::from(1),
        TraceFlags::default(),
        true,
        TraceState::NONE,
    );
    let parent = Context::new()
        .with_remote_span_context(probe.clone())
        .with_telemetry_suppressed();
    let span = tracer.build_with_context(SpanBuilder::from_name(names::SCOPE), &parent);
    *span.span_context() == probe
}

fn baggage_dropped(
    metrics: &Metrics,
    prepared: &Prepared,
    dropped: impl IntoIterator<Item = (&'static str, usize)>,
) {
    for (reason, count) in dropped.into_iter().filter(|(_, count)| *count > 0) {
        let reason = KeyValue::new(names::REASON, reason);
        let count = u64::try_from(count).unwrap_or(u64::MAX);
        let attributes = with(&prepared.metric, [reason]);
        metrics.baggage_dropped.add(count, &attributes);
    }
}
