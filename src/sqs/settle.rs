//! `DeleteMessage`, `ChangeMessageVisibility`, and their batch forms.

use aws_sdk_sqs::error::ProvideErrorMetadata;
use aws_sdk_sqs::operation::change_message_visibility::ChangeMessageVisibilityInput;
use aws_sdk_sqs::operation::change_message_visibility_batch::{
    ChangeMessageVisibilityBatchError, ChangeMessageVisibilityBatchInput,
    ChangeMessageVisibilityBatchOutput,
};
use aws_sdk_sqs::operation::delete_message_batch::{
    DeleteMessageBatchError, DeleteMessageBatchInput, DeleteMessageBatchOutput,
};
use aws_sdk_sqs::types::BatchResultErrorEntry;
use aws_smithy_runtime_api::client::interceptors::context::FinalizerInterceptorContextRef;

use crate::aws::{outcome, request_id};
use crate::telemetry::{ClientOperation, OperationError, Outcome, SettleSpan};

/// How many messages a batch settles.
pub(super) fn delete_batch_count(input: &DeleteMessageBatchInput) -> usize {
    input.entries().len()
}

/// A timeout of 0 gives the message back; any other only extends or shortens the lease.
pub(super) fn change_visibility(input: &ChangeMessageVisibilityInput) -> ClientOperation {
    ClientOperation::ChangeVisibility {
        settles: input.visibility_timeout() == Some(0),
    }
}

/// A batch settles if every entry of it does.
pub(super) fn change_visibility_batch(
    input: &ChangeMessageVisibilityBatchInput,
) -> (ClientOperation, usize) {
    let entries = input.entries();
    let gives_back = |timeout: Option<i32>| timeout == Some(0);
    let settles = !entries.is_empty()
        && entries
            .iter()
            .all(|entry| gives_back(entry.visibility_timeout));
    (ClientOperation::ChangeVisibility { settles }, entries.len())
}

/// Ends the span of a single call.
pub(super) fn end<O, E>(span: SettleSpan, context: &FinalizerInterceptorContextRef<'_>)
where
    O: std::fmt::Debug + Send + Sync + 'static,
    E: ProvideErrorMetadata + std::error::Error + Send + Sync + 'static,
{
    span.end(&Outcome {
        request_id: request_id(context),
        ..Outcome::of(outcome::<O, E>(context))
    });
}

pub(super) fn end_delete_batch(span: SettleSpan, context: &FinalizerInterceptorContextRef<'_>) {
    let answer = outcome::<DeleteMessageBatchOutput, DeleteMessageBatchError>(context);
    end_batch(span, answer.map(DeleteMessageBatchOutput::failed), context);
}

pub(super) fn end_change_visibility_batch(
    span: SettleSpan,
    context: &FinalizerInterceptorContextRef<'_>,
) {
    let answer =
        outcome::<ChangeMessageVisibilityBatchOutput, ChangeMessageVisibilityBatchError>(context);
    let answer = answer.map(ChangeMessageVisibilityBatchOutput::failed);
    end_batch(span, answer, context);
}

/// The ids of the entries that failed, each with its code.
pub(super) fn failed(entries: &[BatchResultErrorEntry]) -> Vec<(&str, &str)> {
    entries
        .iter()
        .map(|entry| (entry.id(), entry.code()))
        .collect()
}

fn end_batch(
    span: SettleSpan,
    answer: Result<&[BatchResultErrorEntry], OperationError<'_>>,
    context: &FinalizerInterceptorContextRef<'_>,
) {
    let outcome = match answer {
        Ok(failed) => Outcome {
            error: OperationError::shared(failed.iter().map(BatchResultErrorEntry::code)),
            failed_count: failed.len(),
            ..Outcome::default()
        },
        Err(error) => Outcome::failure(error),
    };
    span.end(&Outcome {
        request_id: request_id(context),
        ..outcome
    });
}
