use opentelemetry::trace::TraceContextExt;
use opentelemetry_appender_tracing::layer::OpenTelemetryTracingBridge;
use opentelemetry_sdk::logs::{InMemoryLogExporter, SdkLoggerProvider};
use tracehop::telemetry::{MessageFacts, ProcessStart, Processed, Scope};
use tracehop::testing::Recorder;
use tracing_subscriber::layer::SubscriberExt;

use super::{created, orders};

/// What a handler with `tracing` in it sees: its spans are children of the process span, and its
/// log records carry the ids.
#[test]
fn tracing_spans_and_log_records_belong_to_the_process_span() {
    let recorder = Recorder::new();
    let logs = InMemoryLogExporter::default();
    let loggers = SdkLoggerProvider::builder()
        .with_simple_exporter(logs.clone())
        .build();
    let subscriber = tracing_subscriber::registry()
        .with(tracing_opentelemetry::layer().with_tracer(recorder.tracer()))
        .with(OpenTelemetryTracingBridge::new(&loggers));
    let (queue, message) = (orders(), created(7));
    let process = recorder.instrumentation().process(&ProcessStart {
        destination: &queue,
        creation: &message,
        attempt: 1,
        previous: None,
        facts: MessageFacts::NONE,
        scope: Scope::Worker,
    });
    let own = process.context().span().span_context().clone();
    tracing::subscriber::with_default(subscriber, || {
        let _current = process.context().clone().attach();
        tracing::info!("in the handler");
        tracing::info_span!("work").in_scope(|| tracing::info!("inside"));
    });
    process.end(&Processed::default());

    let work = recorder.span("work");
    assert_eq!(work.parent_span_id, own.span_id());
    assert_eq!(work.span_context.trace_id(), own.trace_id());
    let of_record = |index: usize| {
        let records = logs.get_emitted_logs().unwrap();
        let context = records[index].record.trace_context().cloned().unwrap();
        (context.trace_id, context.span_id)
    };
    assert_eq!(of_record(0), (own.trace_id(), own.span_id()));
    assert_eq!(of_record(1), (own.trace_id(), work.span_context.span_id()));
}
