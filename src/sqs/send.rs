//! `SendMessage` and `SendMessageBatch`.

use aws_sdk_sqs::operation::send_message::{SendMessageError, SendMessageInput, SendMessageOutput};
use aws_sdk_sqs::operation::send_message_batch::{
    SendMessageBatchError, SendMessageBatchInput, SendMessageBatchOutput,
};
use aws_smithy_runtime_api::client::interceptors::context::FinalizerInterceptorContextRef;

use crate::aws::{BatchAnswer, Sender, Sending, SendingBatch, outcome, request_id};

pub(super) fn start(sender: &Sender<'_>, input: &mut SendMessageInput) -> Sending {
    let body_size = input.message_body().map_or(0, str::len);
    sender.send(input, body_size)
}

pub(super) fn end(sending: Sending, context: &FinalizerInterceptorContextRef<'_>) {
    let answer = outcome::<SendMessageOutput, SendMessageError>(context);
    sending.end(
        answer.map(SendMessageOutput::message_id),
        request_id(context),
    );
}

pub(super) fn start_batch(sender: &Sender<'_>, input: &mut SendMessageBatchInput) -> SendingBatch {
    let entries = input.entries.as_deref_mut().unwrap_or_default();
    sender.send_batch(entries, |entry| (&entry.id, entry.message_body.len()))
}

pub(super) fn end_batch(sending: SendingBatch, context: &FinalizerInterceptorContextRef<'_>) {
    let answer = outcome::<SendMessageBatchOutput, SendMessageBatchError>(context);
    let answer = answer.map(|output| BatchAnswer {
        sent: output
            .successful()
            .iter()
            .map(|entry| (entry.id(), Some(entry.message_id())))
            .collect(),
        failed: super::settle::failed(output.failed()),
    });
    sending.end(answer, request_id(context));
}
