//! `Publish` and `PublishBatch`.

use aws_sdk_sns::operation::publish::{PublishError, PublishInput, PublishOutput};
use aws_sdk_sns::operation::publish_batch::{
    PublishBatchError, PublishBatchInput, PublishBatchOutput,
};
use aws_smithy_runtime_api::client::interceptors::context::FinalizerInterceptorContextRef;
use opentelemetry::Context;
use opentelemetry::propagation::TextMapPropagator;
use tracehop_propagation::xray_header;

use crate::aws::{BatchAnswer, Sender, Sending, SendingBatch, outcome, request_id};

/// Starts a publish; also the X-Ray header that its request is to have, if it is to have one.
pub(super) fn start(sender: &Sender<'_>, input: &mut PublishInput) -> (Sending, Option<String>) {
    let body_size = input.message().map_or(0, str::len);
    let sending = sender.send(input, body_size);
    let carries = input.phone_number.is_none() && !is_json(input.message_structure());
    let header = carries.then(|| trace_header(sender, &sending.carried));
    (sending, header.flatten())
}

pub(super) fn end(sending: Sending, context: &FinalizerInterceptorContextRef<'_>) {
    let answer = outcome::<PublishOutput, PublishError>(context);
    sending.end(answer.map(PublishOutput::message_id), request_id(context));
}

/// Starts a publish of several messages. The request's one X-Ray header is that of the whole.
pub(super) fn start_batch(
    sender: &Sender<'_>,
    input: &mut PublishBatchInput,
) -> (SendingBatch, Option<String>) {
    let entries = input.publish_batch_request_entries.as_deref_mut();
    let entries = entries.unwrap_or_default();
    let sending = sender.send_batch(entries, |entry| (&entry.id, entry.message.len()));
    let carries = entries
        .iter()
        .any(|entry| !is_json(entry.message_structure()));
    let header = carries.then(|| trace_header(sender, &sending.context()));
    (sending, header.flatten())
}

pub(super) fn end_batch(sending: SendingBatch, context: &FinalizerInterceptorContextRef<'_>) {
    let answer = outcome::<PublishBatchOutput, PublishBatchError>(context);
    let answer = answer.map(|output| BatchAnswer {
        sent: output
            .successful()
            .iter()
            .filter_map(|entry| Some((entry.id()?, entry.message_id())))
            .collect(),
        failed: output
            .failed()
            .iter()
            .map(|entry| (entry.id(), entry.code()))
            .collect(),
    });
    sending.end(answer, request_id(context));
}

/// `X-Amzn-Trace-Id` takes the place of SQS's `AWSTraceHeader`, and is left out when that is.
fn trace_header(sender: &Sender<'_>, carried: &Context) -> Option<String> {
    let propagator = sender.instrumentation.propagator_for(sender.destination);
    let propagates = propagator.fields().next().is_some();
    (propagates && sender.instrumentation.aws_trace_header())
        .then(|| xray_header(carried))
        .flatten()
}

/// A message with a body for each protocol: nothing is added to it.
fn is_json(structure: Option<&str>) -> bool {
    structure == Some("json")
}
