//! Events, and a function that records.

use std::collections::BTreeMap;

use aws_lambda_events::sns::SnsEvent;
use aws_lambda_events::sqs::{SqsBatchResponse, SqsEvent};
use opentelemetry::Context;
use opentelemetry::baggage::BaggageExt as _;
use opentelemetry::trace::{SpanContext, TraceContextExt as _};
use opentelemetry_sdk::trace::SpanData;
use tracehop::lambda::TracedFunction;
use tracehop::telemetry::InstrumentationBuilder;
use tracehop::testing::Recorder;
use tracehop_propagation::{Composite, Datadog};

/// Three messages of a standard queue: with W3C attributes, with a trace header alone, and with
/// Datadog's attribute as bytes.
pub(crate) fn sqs_event() -> SqsEvent {
    serde_json::from_str(include_str!("events/sqs.json")).unwrap()
}

/// Four messages of two groups of a FIFO queue.
pub(crate) fn fifo_event() -> SqsEvent {
    serde_json::from_str(include_str!("events/fifo.json")).unwrap()
}

/// A notification with W3C attributes.
pub(crate) fn sns_event() -> SnsEvent {
    serde_json::from_str(include_str!("events/sns.json")).unwrap()
}

pub(crate) struct Traced {
    pub(crate) recorder: Recorder,
    pub(crate) function: TracedFunction,
}

impl Traced {
    /// A function that reads W3C and Datadog's formats.
    pub(crate) fn new() -> Self {
        Self::with(|builder| builder)
    }

    /// With options of the instrumentation.
    pub(crate) fn with(
        options: impl FnOnce(InstrumentationBuilder) -> InstrumentationBuilder,
    ) -> Self {
        let recorder = Recorder::new();
        let formats = Composite::default().with(Datadog);
        let instrumentation = options(recorder.builder().propagator(formats)).build();
        Self {
            function: TracedFunction::with(instrumentation),
            recorder,
        }
    }

    /// The span of the event, and those of its records in the order in which they ended.
    pub(crate) fn spans(&self) -> (SpanData, Vec<SpanData>) {
        let mut records = self.recorder.spans();
        let event = records.pop().unwrap();
        (event, records)
    }
}

/// What a handler finds current: the span, and the baggage.
pub(crate) fn current() -> (SpanContext, BTreeMap<String, String>) {
    let cx = Context::current();
    let baggage = cx.baggage().iter();
    let baggage = baggage.map(|(key, (value, _))| (key.to_string(), value.to_string()));
    (cx.span().span_context().clone(), baggage.collect())
}

/// The ids that are to come again.
pub(crate) fn again(response: &SqsBatchResponse) -> Vec<&str> {
    let failures = response.batch_item_failures.iter();
    failures
        .map(|failure| failure.item_identifier.as_str())
        .collect()
}

pub(crate) fn attribute(span: &SpanData, key: &str) -> Option<String> {
    let mut attributes = span.attributes.iter();
    let attribute = attributes.find(|attribute| attribute.key.as_str() == key);
    attribute.map(|attribute| attribute.value.to_string())
}

/// The span ids that a span links to, in order.
pub(crate) fn links(span: &SpanData) -> Vec<String> {
    let links = span.links.iter();
    links
        .map(|link| link.span_context.span_id().to_string())
        .collect()
}
