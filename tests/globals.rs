//! What is taken from OpenTelemetry's globals, and when. One test, because globals belong to the
//! process.
#![cfg(feature = "testing")]

use std::sync::Arc;

use opentelemetry::propagation::{TextMapCompositePropagator, TextMapPropagator};
use opentelemetry::trace::noop::NoopTextMapPropagator;
use opentelemetry::{Context, global};
use opentelemetry_sdk::propagation::{BaggagePropagator, TraceContextPropagator};
use tracehop::contract::{Destination, System};
use tracehop::telemetry::{Instrumentation, MessageFacts, Outcome};
use tracehop::testing::Recorder;
use tracehop_propagation::XRay;

fn create(instrumentation: &Instrumentation, name: &str) {
    let queue = Arc::new(Destination::new(System::AwsSqs, name));
    let span = instrumentation.create(&queue, &Context::new(), &MessageFacts::NONE);
    span.end(&Outcome::success());
}

/// The formats of this crate that stand in for the global propagator, or its own fields.
fn formats() -> Result<Vec<&'static str>, Vec<String>> {
    let instrumentation = Instrumentation::default();
    let propagator = instrumentation.propagator();
    match propagator.composite() {
        Some(composite) => Ok(composite.names().collect()),
        None => Err(propagator.fields().map(ToOwned::to_owned).collect()),
    }
}

#[test]
fn globals_are_taken_as_they_are_at_first_use() {
    let recorder = Recorder::new();
    let (early, late) = (Instrumentation::default(), Instrumentation::default());
    create(&early, "early");
    global::set_tracer_provider(recorder.tracer_provider().clone());
    create(&early, "still-nothing");
    create(&late, "late");
    let names: Vec<_> = recorder.spans().into_iter().map(|span| span.name).collect();
    assert_eq!(names, ["create late"]);

    assert_eq!(
        formats(),
        Ok(vec!["tracecontext", "baggage"]),
        "none is set"
    );
    global::set_text_map_propagator(NoopTextMapPropagator::new());
    assert_eq!(
        formats(),
        Ok(vec!["tracecontext", "baggage"]),
        "it has no fields"
    );
    global::set_text_map_propagator(TraceContextPropagator::new());
    assert_eq!(formats(), Ok(vec!["tracecontext"]));
    global::set_text_map_propagator(BaggagePropagator::new());
    assert_eq!(formats(), Ok(vec!["baggage"]));
    global::set_text_map_propagator(TextMapCompositePropagator::new(vec![
        Box::new(BaggagePropagator::new()),
        Box::new(TraceContextPropagator::new()),
    ]));
    assert_eq!(formats(), Ok(vec!["tracecontext", "baggage"]));
    global::set_text_map_propagator(XRay);
    assert_eq!(formats(), Err(vec!["x-amzn-trace-id".to_owned()]));
}
