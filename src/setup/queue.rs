use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::time::Duration;

use opentelemetry::Context;
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::error::OTelSdkResult;
use opentelemetry_sdk::trace::{
    BatchConfigBuilder, BatchSpanProcessor, Span, SpanData, SpanExporter, SpanProcessor,
};

use super::{BaggageAttributes, variable};

const QUEUE_SIZE: &str = "OTEL_BSP_MAX_QUEUE_SIZE";
const BATCH_SIZE: &str = "OTEL_BSP_MAX_EXPORT_BATCH_SIZE";

/// The SDK's default of 2,048 loses most spans at 100,000 messages a second. This one rides out a
/// sixth of a second at two spans a message, in about 13 MB.
const DEFAULT_QUEUE_SIZE: usize = 32_768;

/// About 1.5 MB of OTLP, well below the 4 MiB that a gRPC server takes by default.
const DEFAULT_BATCH_SIZE: usize = 2_048;

/// The SDK's batch processor, and a count of what finds no room in it, which the SDK keeps to
/// itself. The room is counted here, so that nothing is refused behind our back. Baggage is put onto
/// spans here too, because a provider with two processors copies each span for both.
#[derive(Debug)]
pub(super) struct CountedQueue {
    baggage: BaggageAttributes,
    inner: BatchSpanProcessor,
    tally: Arc<Tally>,
    room: usize,
}

impl CountedQueue {
    /// Sized by `OTEL_BSP_*`, and by this crate's defaults where those are not set. `exporter`
    /// tells the tally what it takes.
    pub(super) fn new(
        exporter: impl SpanExporter + 'static,
        tally: &Arc<Tally>,
        baggage: BaggageAttributes,
    ) -> Self {
        let room = size(QUEUE_SIZE).unwrap_or(DEFAULT_QUEUE_SIZE);
        let batch = size(BATCH_SIZE).unwrap_or(DEFAULT_BATCH_SIZE);
        let config = BatchConfigBuilder::default()
            .with_max_queue_size(room)
            .with_max_export_batch_size(batch)
            .build();
        Self {
            baggage,
            inner: BatchSpanProcessor::new(exporter, config),
            tally: Arc::clone(tally),
            room,
        }
    }
}

impl SpanProcessor for CountedQueue {
    fn on_start(&self, span: &mut Span, cx: &Context) {
        self.baggage.on_start(span, cx);
        self.inner.on_start(span, cx);
    }

    fn on_end(&self, span: SpanData) {
        if span.span_context.is_sampled() && self.tally.admit(self.room) {
            self.inner.on_end(span);
        }
    }

    fn force_flush(&self) -> OTelSdkResult {
        self.inner.force_flush()
    }

    fn shutdown_with_timeout(&self, timeout: Duration) -> OTelSdkResult {
        self.inner.shutdown_with_timeout(timeout)
    }

    fn set_resource(&mut self, resource: &Resource) {
        self.inner.set_resource(resource);
    }
}

/// Where the spans went.
#[derive(Debug, Default)]
pub(super) struct Tally {
    waiting: AtomicUsize,
    closed: AtomicBool,
    queue_full: AtomicU64,
    export_failed: AtomicU64,
    shut_down: AtomicU64,
}

impl Tally {
    /// The spans that were lost, by reason.
    pub(super) fn dropped(&self) -> [(&'static str, u64); 3] {
        [
            ("queue_full", self.queue_full.load(Ordering::Relaxed)),
            ("export_failed", self.export_failed.load(Ordering::Relaxed)),
            ("shut_down", self.shut_down.load(Ordering::Relaxed)),
        ]
    }

    /// A batch of that many left the queue.
    pub(super) fn taken(&self, count: usize) {
        self.waiting.fetch_sub(count, Ordering::Relaxed);
    }

    /// A batch of that many did not arrive.
    pub(super) fn failed(&self, count: usize) {
        self.export_failed
            .fetch_add(count as u64, Ordering::Relaxed);
    }

    /// Nothing is exported from here on; what still waits is lost.
    pub(super) fn close(&self) {
        self.closed.store(true, Ordering::Relaxed);
        let left = self.waiting.swap(0, Ordering::Relaxed);
        self.shut_down.fetch_add(left as u64, Ordering::Relaxed);
    }

    /// Counts a span in, or as lost.
    fn admit(&self, room: usize) -> bool {
        if self.closed.load(Ordering::Relaxed) {
            self.shut_down.fetch_add(1, Ordering::Relaxed);
            return false;
        }
        let admitted = self
            .waiting
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, |waiting| {
                (waiting < room).then_some(waiting + 1)
            })
            .is_ok();
        if !admitted && self.queue_full.fetch_add(1, Ordering::Relaxed) == 0 {
            tracing::warn!(
                room,
                "the span queue is full and spans are lost; {QUEUE_SIZE} makes it larger"
            );
        }
        admitted
    }
}

fn size(name: &str) -> Option<usize> {
    let value = variable(name)?;
    let size = value.trim().parse().ok().filter(|size| *size > 0);
    if size.is_none() {
        tracing::warn!("{name} is no positive number; the default is used");
    }
    size
}
