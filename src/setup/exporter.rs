use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use opentelemetry_sdk::Resource;
use opentelemetry_sdk::error::OTelSdkResult;
use opentelemetry_sdk::metrics::Temporality;
use opentelemetry_sdk::metrics::data::ResourceMetrics;
use opentelemetry_sdk::metrics::exporter::PushMetricExporter;
use opentelemetry_sdk::trace::{SpanData, SpanExporter};
use tokio::runtime::Handle;

use super::queue::Tally;
use super::runtime::{Runtime, within};

/// An exporter that runs on our runtime, and tells what became of the spans it was given.
#[derive(Debug)]
pub(super) struct Exporter<E> {
    inner: E,
    runtime: Handle,
    tally: Arc<Tally>,
}

impl<E> Exporter<E> {
    pub(super) fn new(inner: E, runtime: &Runtime, tally: &Arc<Tally>) -> Self {
        Self {
            inner,
            runtime: runtime.handle().clone(),
            tally: Arc::clone(tally),
        }
    }
}

impl<E: SpanExporter> SpanExporter for Exporter<E> {
    fn export(&self, batch: Vec<SpanData>) -> impl Future<Output = OTelSdkResult> + Send {
        let count = batch.len();
        let export = within(self.runtime.clone(), self.inner.export(batch));
        self.tally.taken(count);
        async move {
            let result = export.await;
            if result.is_err() {
                self.tally.failed(count);
            }
            result
        }
    }

    fn shutdown_with_timeout(&self, timeout: Duration) -> OTelSdkResult {
        self.inner.shutdown_with_timeout(timeout)
    }

    fn force_flush(&self) -> OTelSdkResult {
        self.inner.force_flush()
    }

    fn set_resource(&mut self, resource: &Resource) {
        self.inner.set_resource(resource);
    }
}

impl<E: PushMetricExporter> PushMetricExporter for Exporter<E> {
    fn export(&self, metrics: &ResourceMetrics) -> impl Future<Output = OTelSdkResult> + Send {
        within(self.runtime.clone(), self.inner.export(metrics))
    }

    fn force_flush(&self) -> OTelSdkResult {
        self.inner.force_flush()
    }

    fn shutdown_with_timeout(&self, timeout: Duration) -> OTelSdkResult {
        self.inner.shutdown_with_timeout(timeout)
    }

    fn temporality(&self) -> Temporality {
        self.inner.temporality()
    }
}
