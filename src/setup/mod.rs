//! An OpenTelemetry pipeline from the standard `OTEL_*` variables alone (feature `setup`).
//!
//! ```no_run
//! let telemetry = tracehop::setup::init()?;
//! // … the application …
//! telemetry.shutdown();
//! # Ok::<(), tracehop::setup::SetupError>(())
//! ```
//!
//! | variable (OpenTelemetry 1.50) | what of it |
//! |---|---|
//! | `OTEL_SDK_DISABLED` | `true`: only the propagators are set |
//! | `OTEL_TRACES_EXPORTER`, `OTEL_METRICS_EXPORTER` | `otlp` (default) or `none` |
//! | `OTEL_EXPORTER_OTLP_*` | protocol `http/protobuf` (default) or `grpc`; endpoint, headers, timeout; also for one signal |
//! | `OTEL_SERVICE_NAME`, `OTEL_RESOURCE_ATTRIBUTES` | the resource |
//! | `OTEL_TRACES_SAMPLER`, `OTEL_TRACES_SAMPLER_ARG` | the sampler; default `parentbased_always_on` |
//! | `OTEL_BSP_*` | the batch queue; the queue's default is 32,768 spans in batches of 2,048 here |
//! | `OTEL_METRIC_EXPORT_INTERVAL` | how often metrics go out; default 60 s |
//! | `OTEL_PROPAGATORS` | the formats; default `tracecontext,baggage` |
//!
//! With an `https` endpoint, the system's root certificates are trusted, or those that
//! `SSL_CERT_FILE` and `SSL_CERT_DIR` name.

mod baggage;
mod builder;
mod deferred;
mod exporter;
mod https;
mod ids;
mod linked;
mod queue;
mod runtime;
mod sampler;

use std::env;
use std::sync::Arc;
use std::time::Duration;

use opentelemetry::global;
use opentelemetry_http::HttpClient;
use opentelemetry_otlp::{
    MetricExporter, OTEL_EXPORTER_OTLP_TIMEOUT_DEFAULT, SpanExporter, WithHttpConfig as _,
};
use opentelemetry_sdk::metrics::SdkMeterProvider;
use opentelemetry_sdk::trace::SdkTracerProvider;
use tracehop_propagation::Composite;

pub use self::baggage::BaggageAttributes;
pub use self::builder::{Builder, builder};
pub use self::deferred::DeferredSampler;
use self::exporter::Exporter;
pub use self::ids::XRayIdGenerator;
pub use self::linked::LinkedSampler;
use self::queue::{CountedQueue, Tally};
use self::runtime::Runtime;
use crate::telemetry::{self, Propagator};

/// Why a pipeline could not be set up.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SetupError {
    /// A variable has a value that cannot be used. The value is not repeated, because it may hold
    /// a credential.
    #[error("{variable}: expected {expected}")]
    Variable {
        /// Its name.
        variable: String,
        /// What it should be.
        expected: &'static str,
    },
    /// The endpoint is `https`, and there is no root certificate to trust.
    #[error("root certificates for https: {0}")]
    RootCertificates(#[source] std::io::Error),
    /// The thread that drives the exporters could not be started.
    #[error("starting the exporter thread: {0}")]
    Thread(#[source] std::io::Error),
}

/// Sets the global tracer provider, meter provider and propagator.
///
/// Needs no async runtime: the exporters run on a thread of their own. Call it once, before the
/// first message.
///
/// # Errors
/// The OTLP endpoint or another of the exporters' variables cannot be used, there are no root
/// certificates for an `https` endpoint, or no thread can be started. Names that are not known are warned of and ignored, as the specification has it. An
/// endpoint that does not answer is no error.
pub fn init() -> Result<Pipeline, SetupError> {
    builder().init()
}

fn start(options: Builder) -> Result<Pipeline, SetupError> {
    Propagator::install(Composite::from_env());
    let mut pipeline = Pipeline::default();
    if variable("OTEL_SDK_DISABLED").is_some_and(|value| value.eq_ignore_ascii_case("true")) {
        return Ok(pipeline);
    }
    let (traced, measured) = (Signal::Traces.exported(), Signal::Metrics.exported());
    if !traced && !measured {
        return Ok(pipeline);
    }
    let runtime = Runtime::start().map_err(SetupError::Thread)?;
    if measured {
        let exporter = MetricExporter::builder();
        let exporter = runtime.enter(|| match Signal::Metrics.https_client()? {
            Some(client) => Ok(exporter.with_http().with_shared_http_client(client).build()),
            None => Ok(exporter.build()),
        })?;
        let exporter = exporter.map_err(|_| Signal::Metrics.misconfigured())?;
        let exporter = Exporter::new(exporter, &runtime, &pipeline.tally);
        let meters = SdkMeterProvider::builder()
            .with_periodic_exporter(exporter)
            .build();
        let tally = Arc::clone(&pipeline.tally);
        telemetry::observe_dropped_spans(&meters, move || tally.dropped());
        pipeline.meters = Some(meters);
    }
    if traced {
        let exporter = SpanExporter::builder();
        let exporter = runtime.enter(|| match Signal::Traces.https_client()? {
            Some(client) => Ok(exporter.with_http().with_shared_http_client(client).build()),
            None => Ok(exporter.build()),
        })?;
        let exporter = exporter.map_err(|_| Signal::Traces.misconfigured())?;
        let exporter = Exporter::new(exporter, &runtime, &pipeline.tally);
        let baggage = options.baggage.clone();
        let tracers = options
            .tracers()
            .with_span_processor(CountedQueue::new(exporter, &pipeline.tally, baggage))
            .build();
        pipeline.tracers = Some(tracers);
    }
    if let Some(meters) = &pipeline.meters {
        global::set_meter_provider(meters.clone());
    }
    if let Some(tracers) = &pipeline.tracers {
        global::set_tracer_provider(tracers.clone());
    }
    pipeline.runtime = Some(runtime);
    Ok(pipeline)
}

/// The pipeline that [`init`] set up. Dropping it shuts it down.
#[derive(Debug, Default)]
#[must_use = "dropping it shuts the pipeline down"]
pub struct Pipeline {
    tracers: Option<SdkTracerProvider>,
    meters: Option<SdkMeterProvider>,
    /// The last to go: the exporters need it until they are done.
    runtime: Option<Runtime>,
    tally: Arc<Tally>,
}

impl Pipeline {
    /// How many spans were lost until now: those the queue had no room for, those whose export
    /// failed, and those that ended after the shutdown. The metric
    /// `tracehop.setup.spans_dropped` says the same with the reason.
    pub fn dropped_spans(&self) -> u64 {
        self.tally.dropped().iter().map(|(_, count)| count).sum()
    }

    /// Exports what is left and ends the pipeline. Blocks the thread, at most about 5 s a signal;
    /// warns of spans that were lost.
    pub fn shutdown(self) {
        drop(self);
    }

    /// Exports what has ended until now. Blocks the thread, at most about 5 s a signal.
    pub fn flush(&self) {
        let traces = self.tracers.as_ref().map(SdkTracerProvider::force_flush);
        report("flushing traces", traces);
        let metrics = self.meters.as_ref().map(SdkMeterProvider::force_flush);
        report("flushing metrics", metrics);
    }
}

impl Drop for Pipeline {
    fn drop(&mut self) {
        // Traces first: the last metrics then say what of them was lost.
        let traces = self.tracers.as_ref().map(SdkTracerProvider::shutdown);
        report("shutting traces down", traces);
        self.tally.close();
        let metrics = self.meters.as_ref().map(SdkMeterProvider::shutdown);
        report("shutting metrics down", metrics);
        let dropped = self.dropped_spans();
        if dropped > 0 {
            let reasons = format!("{:?}", self.tally.dropped());
            tracing::warn!(dropped, reasons, "spans were lost");
        }
    }
}

fn report(what: &str, result: Option<opentelemetry_sdk::error::OTelSdkResult>) {
    if let Some(Err(error)) = result {
        tracing::warn!(%error, "{what}");
    }
}

/// A variable that is set, and not empty (OpenTelemetry 1.50: empty is unset).
fn variable(name: &str) -> Option<String> {
    env::var(name).ok().filter(|value| !value.trim().is_empty())
}

#[derive(Clone, Copy)]
enum Signal {
    Traces,
    Metrics,
}

impl Signal {
    const fn name(self) -> &'static str {
        match self {
            Self::Traces => "TRACES",
            Self::Metrics => "METRICS",
        }
    }

    /// Whether its exporter is `otlp`, which it is unless it is `none`.
    fn exported(self) -> bool {
        let name = format!("OTEL_{}_EXPORTER", self.name());
        match variable(&name).as_deref().map(str::trim) {
            Some("none") => return false,
            None | Some("otlp") => {}
            Some(other) => {
                tracing::warn!(
                    value = other,
                    "{name} is neither otlp nor none; otlp is used"
                );
            }
        }
        true
    }

    /// The client that its exporter needs, where that speaks HTTP with TLS.
    fn https_client(self) -> Result<Option<Arc<dyn HttpClient>>, SetupError> {
        let is = |name, wanted: fn(&str) -> bool| {
            let found = self.otlp(name);
            found.is_some_and(|value| wanted(value.trim()))
        };
        let grpc = is("PROTOCOL", |protocol| protocol == "grpc");
        let https = is("ENDPOINT", |endpoint| {
            let scheme = endpoint.split("://").next().unwrap_or_default();
            scheme.eq_ignore_ascii_case("https")
        });
        if grpc || !https {
            return Ok(None);
        }
        let timeout = self.otlp("TIMEOUT").and_then(|millis| millis.parse().ok());
        let timeout = timeout.map_or(OTEL_EXPORTER_OTLP_TIMEOUT_DEFAULT, Duration::from_millis);
        https::client(timeout).map(Some)
    }

    /// The exporter's variable of that name, for the signal or for all.
    fn otlp(self, name: &str) -> Option<String> {
        let own = format!("OTEL_EXPORTER_OTLP_{}_{name}", self.name());
        variable(&own).or_else(|| variable(&format!("OTEL_EXPORTER_OTLP_{name}")))
    }

    /// The error of an exporter that cannot be built.
    fn misconfigured(self) -> SetupError {
        SetupError::Variable {
            variable: format!(
                "OTEL_EXPORTER_OTLP_* or OTEL_EXPORTER_OTLP_{}_*",
                self.name()
            ),
            expected: "values as the OTLP exporter specification has them",
        }
    }
}
