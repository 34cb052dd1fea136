//! What the tests run, each in a process of its own.

use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use opentelemetry::trace::{
    Span, SpanContext, SpanId, TraceContextExt, TraceFlags, TraceId, TraceState, Tracer,
};
use opentelemetry::{Context, global};
use tracehop::contract::{Destination, System};
use tracehop::telemetry::{
    Instrumentation, MessageFacts, MessageLink, Outcome, Processed, Scope, SendStart,
};

/// A single-threaded runtime, which stands still while the pipeline shuts down.
#[tokio::test]
#[ignore = "run by the tests of main.rs"]
async fn send_and_shut_down() {
    let telemetry = tracehop::setup::init().unwrap();
    send();
    assert_eq!(telemetry.dropped_spans(), 0);
    telemetry.shutdown();
}

#[test]
#[ignore = "run by the tests of main.rs"]
fn send_to_nobody() {
    let telemetry = tracehop::setup::init().unwrap();
    send();
    telemetry.flush();
    assert_eq!(telemetry.dropped_spans(), 1);
}

#[test]
#[ignore = "run by the tests of main.rs"]
fn overrun_the_queue() {
    let telemetry = tracehop::setup::init().unwrap();
    let tracer = global::tracer("test");
    for _ in 0..10_000 {
        drop(tracer.start("work"));
    }
    let dropped = telemetry.dropped_spans();
    assert!((1..10_000).contains(&dropped), "{dropped}");
    telemetry.shutdown();
}

#[test]
#[ignore = "run by the tests of main.rs"]
fn nothing_is_exported_and_context_passes() {
    let telemetry = tracehop::setup::init().unwrap();
    let span = global::tracer("test").start("work");
    assert!(
        !Context::new()
            .with_span(span)
            .span()
            .span_context()
            .is_valid()
    );
    global::get_text_map_propagator(|propagator| {
        let fields: Vec<&str> = propagator.fields().collect();
        assert_eq!(fields, ["x-amzn-trace-id"]);
    });
    let instrumentation = Instrumentation::default();
    let formats: Vec<_> = instrumentation
        .propagator()
        .composite()
        .unwrap()
        .names()
        .collect();
    assert_eq!(formats, ["xray"]);
    telemetry.shutdown();
}

#[test]
#[ignore = "run by the tests of main.rs"]
fn setting_up_fails() {
    let error = tracehop::setup::init().unwrap_err().to_string();
    let expected = std::env::var("EXPECTED").unwrap();
    assert!(error.contains(&expected), "{error}");
    assert!(!error.contains("secret"), "{error}");
}

/// A batch of two messages, one of them from a sampled trace: a root with links.
#[test]
#[ignore = "run by the tests of main.rs"]
fn handle_a_batch_with_a_sampled_message() {
    let options = tracehop::setup::builder();
    let linked = std::env::var("LINKED_SAMPLER").unwrap();
    let telemetry = options
        .linked_sampler(linked.parse().unwrap())
        .init()
        .unwrap();
    let created = [TraceFlags::NOT_SAMPLED, TraceFlags::SAMPLED].map(|flags| {
        let (trace_id, span_id) = (TraceId::from(7), SpanId::from(7));
        let created = SpanContext::new(trace_id, span_id, flags, true, TraceState::NONE);
        Context::new().with_remote_span_context(created)
    });
    let queue = Arc::new(Destination::new(System::AwsSqs, "orders"));
    let messages = created.each_ref().map(MessageLink::new);
    let instrumentation = Instrumentation::default();
    let batch = instrumentation.process_batch(&queue, Scope::Worker, &messages);
    batch.end(&Processed::default());
    telemetry.shutdown();
}

#[test]
#[ignore = "run by the tests of main.rs"]
fn begin_trace_ids_with_the_time() {
    let telemetry = tracehop::setup::builder()
        .xray_trace_ids(true)
        .init()
        .unwrap();
    let now = || {
        let since = SystemTime::now().duration_since(UNIX_EPOCH);
        since.unwrap().as_secs()
    };
    let before = now();
    let trace_id = global::tracer("test")
        .start("work")
        .span_context()
        .trace_id();
    let began = u64::from_str_radix(&trace_id.to_string()[..8], 16).unwrap();
    assert!((before..=now()).contains(&began));
    telemetry.shutdown();
}

/// Sends one message with the globals.
fn send() {
    let queue = Arc::new(Destination::new(System::AwsSqs, "orders"));
    let span = Instrumentation::default().send(&SendStart {
        destination: &queue,
        parent: &Context::new(),
        batch_count: None,
        creation: true,
        messages: &[],
        facts: MessageFacts::NONE,
    });
    span.end(&Outcome::success());
}
