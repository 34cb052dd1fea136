use std::any::Any;
use std::fmt;
use std::sync::Arc;

use opentelemetry::global::{BoxedTracer, ObjectSafeTracerProvider};
use opentelemetry::metrics::MeterProvider;
use opentelemetry::propagation::TextMapPropagator;
use opentelemetry::{InstrumentationScope, Key};
use tracehop_propagation::Composite;

use super::headers::{Captured, Redact};
use super::instrumentation::Instrumentation;
use super::propagator::Propagator;
use crate::contract::Destination;

/// How the process span of a single message belongs to the message's creation context. It links
/// to it in both cases.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Correlation {
    /// The creation context is the parent too, where no local span is: one trace shows the whole
    /// way. The default.
    #[default]
    ParentAndLink,
    /// Each hop is a trace of its own.
    Link,
}

type Tracers = Arc<dyn Fn(InstrumentationScope) -> BoxedTracer + Send + Sync>;
type Filter = Arc<dyn Fn(&Destination) -> bool + Send + Sync>;
type Formats = Arc<dyn Fn(&Destination) -> Option<Composite> + Send + Sync>;
type Template = Arc<dyn Fn(&Destination) -> Option<String> + Send + Sync>;

/// The options, with their defaults.
#[derive(Clone)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "each switches one thing on or off"
)]
pub(super) struct Options {
    pub(super) correlation: Correlation,
    pub(super) propagator: Option<Propagator>,
    pub(super) formats: Option<Formats>,
    pub(super) filter: Filter,
    pub(super) create_spans: bool,
    /// `None`: for clients, not for workers.
    pub(super) receive_spans: Option<bool>,
    pub(super) settle_spans: bool,
    pub(super) empty_polls: bool,
    pub(super) metrics: bool,
    pub(super) body_size: bool,
    pub(super) template: Template,
    pub(super) headers: Option<Captured>,
    pub(super) baggage: Vec<Key>,
    pub(super) aws_trace_header: bool,
    pub(super) envelopes: bool,
    pub(super) tracers: Option<Tracers>,
    pub(super) meters: Option<Arc<dyn MeterProvider + Send + Sync>>,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            correlation: Correlation::default(),
            propagator: None,
            formats: None,
            filter: Arc::new(|_| true),
            create_spans: true,
            receive_spans: None,
            settle_spans: true,
            empty_polls: false,
            metrics: true,
            body_size: false,
            template: Arc::new(|_| None),
            headers: None,
            baggage: Vec::new(),
            aws_trace_header: true,
            envelopes: false,
            tracers: None,
            meters: None,
        }
    }
}

impl fmt::Debug for Options {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Options")
            .field("correlation", &self.correlation)
            .field("create_spans", &self.create_spans)
            .field("receive_spans", &self.receive_spans)
            .field("settle_spans", &self.settle_spans)
            .field("empty_polls", &self.empty_polls)
            .field("metrics", &self.metrics)
            .finish_non_exhaustive()
    }
}

/// Sets up an [`Instrumentation`]; see [`Instrumentation::builder`].
#[derive(Clone, Debug, Default)]
#[must_use]
pub struct InstrumentationBuilder {
    options: Options,
}

impl InstrumentationBuilder {
    /// How process spans belong to creation contexts. Default:
    /// [`ParentAndLink`](Correlation::ParentAndLink).
    pub fn correlation(mut self, correlation: Correlation) -> Self {
        self.options.correlation = correlation;
        self
    }

    /// The propagator. Default: the global one, with this crate's strict codecs in its place where
    /// its fields are all among `traceparent`, `tracestate` and `baggage`, and the formats of
    /// `OTEL_PROPAGATORS` where it has no fields. A [`Composite`] also counts malformed fields and
    /// dropped baggage.
    pub fn propagator(
        mut self,
        propagator: impl TextMapPropagator + Send + Sync + 'static,
    ) -> Self {
        let composite: Option<&Composite> = (&propagator as &dyn Any).downcast_ref();
        self.options.propagator = Some(match composite.cloned() {
            Some(composite) => Propagator::ours(composite),
            None => Propagator::given(propagator),
        });
        self
    }

    /// The formats of some destinations, and their baggage policies: what `formats` answers is
    /// written to and read from messages of that destination, and for `None` it is the propagator.
    /// Default: the propagator for all. Asked once a destination.
    ///
    /// ```
    /// use tracehop::telemetry::Instrumentation;
    /// use tracehop_propagation::{BaggagePolicy, Composite, Datadog};
    ///
    /// let instrumentation = Instrumentation::builder()
    ///     .destination_formats(|destination| match &*destination.name {
    ///         "billing" => Some(Composite::none().with(Datadog)),
    ///         "partners" => Some(Composite::default().send_baggage(BaggagePolicy::nothing())),
    ///         _ => None,
    ///     })
    ///     .build();
    /// ```
    pub fn destination_formats(
        mut self,
        formats: impl Fn(&Destination) -> Option<Composite> + Send + Sync + 'static,
    ) -> Self {
        self.options.formats = Some(Arc::new(formats));
        self
    }

    /// Which destinations have spans and metrics; context is passed for all. Default: every one.
    /// Asked once a destination.
    pub fn destinations(
        mut self,
        filter: impl Fn(&Destination) -> bool + Send + Sync + 'static,
    ) -> Self {
        self.options.filter = Arc::new(filter);
        self
    }

    /// Whether each message of a batch call has a create span. Default: true. Without them the
    /// context of the send span goes into all.
    pub fn create_spans(mut self, on: bool) -> Self {
        self.options.create_spans = on;
        self
    }

    /// Whether receiving has spans. Default: in the wrapped clients; not in workers, where the
    /// pull is the library's doing.
    pub fn receive_spans(mut self, on: bool) -> Self {
        self.options.receive_spans = Some(on);
        self
    }

    /// Whether settling has spans. Default: true.
    pub fn settle_spans(mut self, on: bool) -> Self {
        self.options.settle_spans = on;
        self
    }

    /// Whether a receive that brought no message has a span. Default: false.
    pub fn empty_polls(mut self, on: bool) -> Self {
        self.options.empty_polls = on;
        self
    }

    /// Whether metrics are recorded. Default: true.
    pub fn metrics(mut self, on: bool) -> Self {
        self.options.metrics = on;
        self
    }

    /// Whether `messaging.message.body.size` is recorded, which the conventions leave to the user.
    /// Default: false.
    pub fn body_size(mut self, on: bool) -> Self {
        self.options.body_size = on;
        self
    }

    /// Gives destinations a template, which then stands for their name in span names and metrics.
    /// Default: the destination's own. Asked once a destination.
    pub fn destination_template(
        mut self,
        template: impl Fn(&Destination) -> Option<String> + Send + Sync + 'static,
    ) -> Self {
        self.options.template = Arc::new(template);
        self
    }

    /// Records these headers on process and create spans, and on the send spans of single
    /// messages, as `tracehop.message.header.<key>`. `redact` is given key and value, and answers
    /// what is recorded, `None` for nothing. Default: no header. Propagation fields and baggage
    /// are never recorded.
    pub fn capture_headers<K: Into<String>>(
        mut self,
        keys: impl IntoIterator<Item = K>,
        redact: impl Fn(&str, &str) -> Option<String> + Send + Sync + 'static,
    ) -> Self {
        let redact: Redact = Arc::new(redact);
        self.options.headers = Some(Captured::new(keys.into_iter().map(Into::into), redact));
        self
    }

    /// Copies these baggage members onto create, send and process spans, under their own keys.
    /// Default: none.
    pub fn baggage_attributes<K: Into<String>>(
        mut self,
        keys: impl IntoIterator<Item = K>,
    ) -> Self {
        self.options.baggage = keys.into_iter().map(|key| Key::from(key.into())).collect();
        self
    }

    /// Whether SQS messages carry the system attribute `AWSTraceHeader`. Default: true.
    pub fn aws_trace_header(mut self, on: bool) -> Self {
        self.options.aws_trace_header = on;
        self
    }

    /// Whether context is looked for in the bodies of SQS messages too, where SNS (without raw
    /// delivery) or EventBridge has put it into an envelope around the message. Default: false.
    ///
    /// Such a body is read up to 1,048,576 bytes, and only where the message's own attributes have no
    /// context; of any other no more than the beginning is looked at. The handler sees the body as
    /// it came. An envelope that cannot be read is counted as malformed.
    pub fn envelopes(mut self, on: bool) -> Self {
        self.options.envelopes = on;
        self
    }

    /// The tracer provider. Default: the global one, as it is at first use.
    pub fn tracer_provider<P>(mut self, provider: P) -> Self
    where
        P: ObjectSafeTracerProvider + Send + Sync + 'static,
    {
        self.options.tracers = Some(Arc::new(move |scope| {
            BoxedTracer::new(provider.boxed_tracer(scope))
        }));
        self
    }

    /// The meter provider. Default: the global one, as it is at first use.
    pub fn meter_provider(mut self, provider: impl MeterProvider + Send + Sync + 'static) -> Self {
        self.options.meters = Some(Arc::new(provider));
        self
    }

    /// The instrumentation. Nothing global is looked at before its first use.
    pub fn build(self) -> Instrumentation {
        Instrumentation::new(self.options)
    }
}
