use std::collections::BTreeSet;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use opentelemetry::Context;
use opentelemetry::trace::{SpanContext, SpanId, SpanKind};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::error::OTelSdkResult;
use opentelemetry_sdk::trace::{SdkTracerProvider, Span, SpanData, SpanProcessor};
use tracehop::telemetry::Instrumentation;

/// Counts spans as they start and end.
#[derive(Clone, Debug, Default)]
pub(crate) struct Spans(Arc<Mutex<Counts>>);

#[derive(Debug, Default)]
struct Counts {
    open: BTreeSet<[u8; 8]>,
    ended: BTreeSet<[u8; 8]>,
    ended_twice: usize,
    processed: usize,
}

impl Spans {
    pub(crate) fn instrumentation(&self) -> Instrumentation {
        let provider = SdkTracerProvider::builder()
            .with_resource(Resource::builder_empty().build())
            .with_span_processor(self.clone())
            .build();
        Instrumentation::builder()
            .tracer_provider(provider)
            .metrics(false)
            .build()
    }

    /// Spans that have not ended.
    pub(crate) fn open(&self) -> usize {
        self.0.lock().unwrap().open.len()
    }

    /// Ends without a beginning: a second end, or a foreign span.
    pub(crate) fn ended_twice(&self) -> usize {
        self.0.lock().unwrap().ended_twice
    }

    /// Process spans.
    pub(crate) fn processed(&self) -> usize {
        self.0.lock().unwrap().processed
    }
}

impl SpanProcessor for Spans {
    fn on_start(&self, span: &mut Span, _parent: &Context) {
        use opentelemetry::trace::Span as _;
        let id = bytes(span.span_context());
        self.0.lock().unwrap().open.insert(id);
    }

    fn on_end(&self, span: SpanData) {
        let id = bytes(&span.span_context);
        let mut counts = self.0.lock().unwrap();
        counts.processed += usize::from(span.span_kind == SpanKind::Consumer);
        if !counts.open.remove(&id) || !counts.ended.insert(id) {
            counts.ended_twice += 1;
        }
    }

    fn force_flush(&self) -> OTelSdkResult {
        Ok(())
    }

    fn shutdown_with_timeout(&self, _timeout: Duration) -> OTelSdkResult {
        Ok(())
    }
}

fn bytes(span_context: &SpanContext) -> [u8; 8] {
    SpanId::to_bytes(span_context.span_id())
}
