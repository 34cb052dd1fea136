use std::sync::Arc;

use aws_sdk_sqs::types::Message;
use opentelemetry::Context;
use tracehop_propagation::BaggageDropped;
use tracehop_sqs::{Budget, Outgoing};

use crate::contract::Destination;
use crate::telemetry::Instrumentation;

/// Reads the context of a received message, and counts it.
pub(super) fn extract(
    instrumentation: &Instrumentation,
    destination: &Arc<Destination>,
    message: &Message,
) -> Context {
    let propagator = instrumentation.propagator();
    let extracted = match propagator.composite() {
        Some(composite) => tracehop_sqs::extract_reported(composite, message),
        None => tracehop_sqs::extract(propagator, message).into(),
    };
    instrumentation.extracted(destination, extracted)
}

/// Writes the context of `cx` to an outgoing message as far as it fits, and counts it. `keep`
/// leaves the fields that are there.
pub(super) fn inject(
    instrumentation: &Instrumentation,
    destination: &Arc<Destination>,
    cx: &Context,
    message: &mut impl Outgoing,
    budget: Budget,
    keep: bool,
) {
    if cx.is_telemetry_suppressed() {
        return;
    }
    let mut injector = message.injector(instrumentation.propagator(), budget);
    if keep {
        injector = injector.keep_present();
    }
    if !instrumentation.aws_trace_header() {
        injector = injector.without_aws_trace_header();
    }
    injector.inject_context(cx);
    let injected = injector.finish();
    let dropped = injected
        .dropped
        .iter()
        .map(|dropped| (dropped.field.as_str(), dropped.reason.as_str()));
    let baggage = BaggageDropped {
        bytes: injected.baggage_members_dropped,
        ..BaggageDropped::default()
    };
    instrumentation.injected(destination, cx, dropped, baggage);
}
