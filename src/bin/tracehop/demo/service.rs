use std::fmt::Display;
use std::future::Future;
use std::time::Duration;

use opentelemetry::trace::{FutureExt, SpanKind, Status, TraceContextExt, Tracer, TracerProvider};
use opentelemetry::{Context, KeyValue};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::trace::{InMemorySpanExporter, Sampler, SdkTracerProvider};
use tracehop::journey::Span;
use tracehop::sqs::{SqsQueue, SqsSink, SqsSource, TraceInterceptor};
use tracehop::telemetry::Instrumentation;
use tracehop::testing::sqs::SqsEndpoint;
use tracehop_propagation::Composite;

use super::Result;

/// The baggage members that every service puts on its spans.
pub(super) const BAGGAGE: [&str; 2] = ["customer", "tier"];

/// How long a receive waits. A source that closes lets its last one come back, so that no message
/// is stranded; the default of 20 s would have the demo wait as long.
const POLL: Duration = Duration::from_secs(1);

/// One of the services, with the telemetry set-up that each would have in its own process.
#[derive(Clone, Debug)]
pub(super) struct Service {
    name: &'static str,
    provider: SdkTracerProvider,
    exporter: InMemorySpanExporter,
    instrumentation: Instrumentation,
}

impl Service {
    /// Whatever the environment says, so that the demo shows the same everywhere.
    pub(super) fn new(name: &'static str) -> Self {
        let exporter = InMemorySpanExporter::default();
        let provider = SdkTracerProvider::builder()
            .with_resource(Resource::builder().with_service_name(name).build())
            .with_sampler(Sampler::AlwaysOn)
            .with_simple_exporter(exporter.clone())
            .build();
        let instrumentation = Instrumentation::builder()
            .tracer_provider(provider.clone())
            .propagator(Composite::default())
            .baggage_attributes(BAGGAGE)
            .build();
        Self {
            name,
            provider,
            exporter,
            instrumentation,
        }
    }

    pub(super) fn instrumentation(&self) -> Instrumentation {
        self.instrumentation.clone()
    }

    /// A queue, as this service sees it.
    pub(super) fn queue(&self, url: &str) -> Result<SqsQueue> {
        Ok(SqsQueue::from_url(url)?.instrumentation(self.instrumentation()))
    }

    /// A source that a worker takes messages from.
    pub(super) fn source(&self, sqs: &SqsEndpoint, url: &str) -> Result<SqsSource> {
        let source = SqsSource::builder(sqs.client(), url)
            .wait_time(POLL)
            .instrumentation(self.instrumentation())
            .build()?;
        Ok(source)
    }

    /// A sink that a worker sends to.
    pub(super) fn sink(&self, sqs: &SqsEndpoint, url: &str) -> Result<SqsSink> {
        let sink = SqsSink::builder(sqs.client(), url);
        Ok(sink.instrumentation(self.instrumentation()).build()?)
    }

    /// A client with the one line that traces it.
    pub(super) fn client(&self, sqs: &SqsEndpoint) -> aws_sdk_sqs::Client {
        let config = sqs
            .config()
            .interceptor(TraceInterceptor::with(self.instrumentation()))
            .build();
        aws_sdk_sqs::Client::from_conf(config)
    }

    /// Does a step of the work in a span of its own, under what is current.
    pub(super) async fn step<T, E: Display>(
        &self,
        name: &'static str,
        work: impl Future<Output = Result<T, E>>,
    ) -> Result<T, E> {
        let parent = Context::current();
        self.traced(&parent, name, SpanKind::Internal, [], work)
            .await
    }

    /// Does the work in a span of the service's own, under `parent`.
    pub(super) async fn traced<T, E: Display>(
        &self,
        parent: &Context,
        name: &'static str,
        kind: SpanKind,
        attributes: impl IntoIterator<Item = KeyValue>,
        work: impl Future<Output = Result<T, E>>,
    ) -> Result<T, E> {
        let tracer = self.provider.tracer(self.name);
        let span = tracer
            .span_builder(name)
            .with_kind(kind)
            .with_attributes(attributes)
            .start_with_context(&tracer, parent);
        let cx = parent.with_span(span);
        let done = work.with_context(cx.clone()).await;
        if let Err(error) = &done {
            cx.span().set_status(Status::error(error.to_string()));
        }
        cx.span().end();
        done
    }

    /// The spans that were finished.
    pub(super) fn finish(self) -> Result<Vec<Span>> {
        self.provider.force_flush()?;
        let finished = self.exporter.get_finished_spans()?;
        self.provider.shutdown()?;
        Ok(finished
            .iter()
            .map(|span| Span::of(self.name, span))
            .collect())
    }
}
