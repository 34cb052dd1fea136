use std::collections::BTreeMap;

use opentelemetry::KeyValue;
use opentelemetry::trace::TracerProvider as _;
use opentelemetry_sdk::metrics::data::{AggregatedMetrics, MetricData, ResourceMetrics};
use opentelemetry_sdk::metrics::{InMemoryMetricExporter, PeriodicReader, SdkMeterProvider};
use opentelemetry_sdk::trace::{
    InMemorySpanExporter, Sampler, SdkTracer, SdkTracerProvider, ShouldSample, SpanData,
};
use tracehop_propagation::Composite;

use crate::telemetry::{Instrumentation, InstrumentationBuilder};

/// Keeps spans and metrics in memory, with providers of its own: tests that each have one run in
/// parallel.
#[derive(Clone, Debug)]
pub struct Recorder {
    spans: InMemorySpanExporter,
    tracers: SdkTracerProvider,
    metrics: InMemoryMetricExporter,
    meters: SdkMeterProvider,
}

/// One series of a metric.
#[derive(Clone, Debug, PartialEq)]
pub struct Measured {
    /// Its attributes, as text.
    pub attributes: BTreeMap<String, String>,
    /// The value of a counter, the sum of a histogram.
    pub value: f64,
    /// How many values a histogram has; 0 for others.
    pub count: u64,
    /// The bounds of a histogram's buckets.
    pub bounds: Vec<f64>,
    /// The unit of the metric.
    pub unit: String,
}

impl Recorder {
    /// A recorder of every span.
    pub fn new() -> Self {
        Self::with_sampler(Sampler::AlwaysOn)
    }

    /// A recorder of the spans that `sampler` samples.
    pub fn with_sampler(sampler: impl ShouldSample + 'static) -> Self {
        let spans = InMemorySpanExporter::default();
        let metrics = InMemoryMetricExporter::default();
        Self {
            tracers: SdkTracerProvider::builder()
                .with_sampler(sampler)
                .with_simple_exporter(spans.clone())
                .build(),
            spans,
            meters: SdkMeterProvider::builder()
                .with_reader(PeriodicReader::builder(metrics.clone()).build())
                .build(),
            metrics,
        }
    }

    /// An instrumentation that records here, with W3C Trace Context and Baggage and the other
    /// options at their defaults.
    pub fn instrumentation(&self) -> Instrumentation {
        self.builder().build()
    }

    /// A builder of instrumentations that record here, with W3C Trace Context and Baggage.
    pub fn builder(&self) -> InstrumentationBuilder {
        Instrumentation::builder()
            .tracer_provider(self.tracers.clone())
            .meter_provider(self.meters.clone())
            .propagator(Composite::default())
    }

    /// A tracer for spans of the test's own.
    pub fn tracer(&self) -> SdkTracer {
        self.tracers.tracer("test")
    }

    /// The provider of [`tracer`](Self::tracer).
    pub fn tracer_provider(&self) -> &SdkTracerProvider {
        &self.tracers
    }

    /// The spans that have ended, in the order in which they did.
    pub fn spans(&self) -> Vec<SpanData> {
        self.spans.get_finished_spans().unwrap_or_default()
    }

    /// Forgets the spans that have ended until now.
    pub fn forget_spans(&self) {
        self.spans.reset();
    }

    /// The one span of that name that has ended.
    ///
    /// # Panics
    /// There is none, or more than one.
    pub fn span(&self, name: &str) -> SpanData {
        let spans = self.spans();
        let names: Vec<String> = spans.iter().map(|span| span.name.to_string()).collect();
        let mut matching = spans.into_iter().filter(|span| span.name == name);
        match (matching.next(), matching.next()) {
            (Some(span), None) => span,
            _ => panic!("expected one span {name:?} among {names:?}"),
        }
    }

    /// The series of a metric, all that was recorded until now.
    pub fn metric(&self, name: &str) -> Vec<Measured> {
        self.metrics.reset();
        // A provider that is shut down has nothing new to say.
        drop(self.meters.force_flush());
        let collected = self.metrics.get_finished_metrics().unwrap_or_default();
        collected
            .last()
            .map_or_else(Vec::new, |collected| series(collected, name))
    }

    /// The sum over the series of a metric that have all of these attributes; `None` where there
    /// is no such series.
    pub fn total(&self, name: &str, attributes: &[(&str, &str)]) -> Option<f64> {
        self.metric(name)
            .iter()
            .filter(|measured| {
                attributes.iter().all(|(key, value)| {
                    measured
                        .attributes
                        .get(*key)
                        .is_some_and(|known| known == value)
                })
            })
            .map(|measured| measured.value)
            .reduce(|total, value| total + value)
    }
}

impl Default for Recorder {
    fn default() -> Self {
        Self::new()
    }
}

fn series(collected: &ResourceMetrics, name: &str) -> Vec<Measured> {
    collected
        .scope_metrics()
        .flat_map(opentelemetry_sdk::metrics::data::ScopeMetrics::metrics)
        .filter(|metric| metric.name() == name)
        .flat_map(|metric| {
            let mut series = match metric.data() {
                AggregatedMetrics::F64(data) => points(data, |value| value),
                AggregatedMetrics::U64(data) => points(data, |value| approximate(value.into())),
                AggregatedMetrics::I64(data) => points(data, |value| approximate(value.into())),
            };
            for measured in &mut series {
                metric.unit().clone_into(&mut measured.unit);
            }
            series
        })
        .collect()
}

fn points<T: Copy>(data: &MetricData<T>, number: impl Fn(T) -> f64) -> Vec<Measured> {
    match data {
        MetricData::Sum(sum) => sum
            .data_points()
            .map(|point| Measured::new(point.attributes(), number(point.value())))
            .collect(),
        MetricData::Gauge(gauge) => gauge
            .data_points()
            .map(|point| Measured::new(point.attributes(), number(point.value())))
            .collect(),
        MetricData::Histogram(histogram) => histogram
            .data_points()
            .map(|point| Measured {
                count: point.count(),
                bounds: point.bounds().collect(),
                ..Measured::new(point.attributes(), number(point.sum()))
            })
            .collect(),
        MetricData::ExponentialHistogram(_) => Vec::new(),
    }
}

impl Measured {
    fn new<'a>(attributes: impl Iterator<Item = &'a KeyValue>, value: f64) -> Self {
        Self {
            attributes: attributes
                .map(|attribute| (attribute.key.to_string(), attribute.value.to_string()))
                .collect(),
            value,
            count: 0,
            bounds: Vec::new(),
            unit: String::new(),
        }
    }
}

#[expect(clippy::cast_precision_loss, reason = "tests do not count to 2^53")]
fn approximate(count: i128) -> f64 {
    count as f64
}
