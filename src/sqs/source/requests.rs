use std::sync::Arc;

use aws_sdk_sqs::Client;
use aws_sdk_sqs::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_sqs::operation::RequestId;
use aws_sdk_sqs::operation::receive_message::ReceiveMessageOutput;
use aws_sdk_sqs::types::{
    BatchResultErrorEntry, ChangeMessageVisibilityBatchRequestEntry,
    ChangeMessageVisibilityBatchResultEntry, DeleteMessageBatchRequestEntry,
    DeleteMessageBatchResultEntry, MessageSystemAttributeName,
};
use aws_smithy_runtime_api::client::orchestrator::HttpResponse;
use opentelemetry::Context;

use super::gather::BATCH;
use super::receipt::{Answer, Change, Delete, Granted};
use crate::contract::{Destination, Error, ErrorKind, Operation, Result};
use crate::sqs::error;
use crate::sqs::queue::QueueUrl;
use crate::telemetry::{
    ClientOperation, Instrumentation, MessageFacts, MessageLink, OperationError, Outcome,
    SettleSpan, SettleStart,
};

/// The requests of a source to its queue.
#[derive(Clone)]
pub(super) struct Requests {
    pub(super) polls: Client,
    pub(super) calls: Client,
    pub(super) url: QueueUrl,
    pub(super) destination: Arc<Destination>,
    pub(super) instrumentation: Instrumentation,
    /// Visibility timeout of what is received, in seconds.
    pub(super) visibility: i32,
    /// Which system attributes to ask for.
    pub(super) system_names: Arc<[MessageSystemAttributeName]>,
}

impl Requests {
    /// Receives ten, waiting up to `wait` seconds for the first. `attempt` is what a FIFO queue
    /// knows a repeated receive by.
    pub(super) async fn receive(
        &self,
        wait: i32,
        attempt: Option<&str>,
    ) -> Result<ReceiveMessageOutput> {
        self.polls
            .receive_message()
            .queue_url(&*self.url)
            .max_number_of_messages(TEN)
            .wait_time_seconds(wait)
            .visibility_timeout(self.visibility)
            .message_attribute_names("All")
            .set_message_system_attribute_names(Some(self.system_names.to_vec()))
            .set_receive_request_attempt_id(attempt.map(ToOwned::to_owned))
            .send()
            .await
            .map_err(|error| self.failure(Operation::Receive, &error))
    }

    /// Deletes up to ten. Answers what became of each, and why none succeeded where that is so.
    pub(super) async fn delete(&self, deletes: &[Delete]) -> (Vec<Answer>, Option<Error>) {
        let entries = deletes.iter().enumerate().filter_map(|(index, delete)| {
            DeleteMessageBatchRequestEntry::builder()
                .id(index.to_string())
                .receipt_handle(&delete.receipt.handle)
                .build()
                .ok()
        });
        let request = self
            .calls
            .delete_message_batch()
            .queue_url(&*self.url)
            .set_entries(Some(entries.collect()));
        let receipts = deletes.iter().map(|delete| &*delete.receipt);
        let span = self.settle(ClientOperation::Delete, receipts, Some(deletes.len()));
        let answers = match request.send().await {
            Ok(output) => {
                let done = output
                    .successful
                    .iter()
                    .map(DeleteMessageBatchResultEntry::id);
                Answers::new(deletes.len(), done, &output.failed).from(&output)
            }
            Err(error) => Answers::none(deletes.len(), self.failure(Operation::Settle, &error)),
        };
        span.end(&answers.outcome(|_| true));
        answers.into_answer(&self.destination)
    }

    /// Changes the visibility of up to ten: heartbeats, of which no span tells, and settlements.
    /// Answers like [`delete`](Self::delete).
    pub(super) async fn change(&self, changes: &[Change]) -> (Vec<Answer>, Option<Error>) {
        if let [change] = changes {
            return self.change_one(change).await;
        }
        let entries = changes.iter().enumerate().filter_map(|(index, change)| {
            ChangeMessageVisibilityBatchRequestEntry::builder()
                .id(index.to_string())
                .receipt_handle(&change.receipt.handle)
                .visibility_timeout(seconds(change.seconds))
                .build()
                .ok()
        });
        let request = self
            .calls
            .change_message_visibility_batch()
            .queue_url(&*self.url)
            .set_entries(Some(entries.collect()));
        let settled = changes.iter().filter(|change| !change.extends);
        let count = settled.clone().count();
        let receipts = settled.map(|change| &*change.receipt);
        let span = (count > 0).then(|| self.settle(GIVES_BACK, receipts, Some(count)));
        let answers = match request.send().await {
            Ok(output) => {
                let done = output
                    .successful
                    .iter()
                    .map(ChangeMessageVisibilityBatchResultEntry::id);
                Answers::new(changes.len(), done, &output.failed).from(&output)
            }
            Err(error) => Answers::none(changes.len(), self.failure(Operation::Settle, &error)),
        };
        if let Some(span) = span {
            span.end(&answers.outcome(|index| !changes[index].extends));
        }
        answers.into_answer(&self.destination)
    }

    async fn change_one(&self, change: &Change) -> (Vec<Answer>, Option<Error>) {
        let request = self
            .calls
            .change_message_visibility()
            .queue_url(&*self.url)
            .receipt_handle(&change.receipt.handle)
            .visibility_timeout(seconds(change.seconds));
        let receipt = std::iter::once(&*change.receipt);
        let span = (!change.extends).then(|| self.settle(GIVES_BACK, receipt, None));
        let answers = match request.send().await {
            Ok(output) => Answers::new(1, ["0"].into_iter(), &[]).from(&output),
            Err(error) => Answers::none(1, self.failure(Operation::Settle, &error)),
        };
        if let Some(span) = span {
            span.end(&answers.outcome(|_| false));
        }
        answers.into_answer(&self.destination)
    }

    /// The span of a settlement: nobody's child, linked to its messages.
    fn settle<'a>(
        &self,
        operation: ClientOperation,
        receipts: impl Iterator<Item = &'a Granted>,
        batch_count: Option<usize>,
    ) -> SettleSpan {
        let messages: Vec<_> = receipts.map(link).collect();
        self.instrumentation.settle(&SettleStart {
            destination: &self.destination,
            operation,
            parent: &Context::new(),
            messages: &messages,
            batch_count,
            facts: MessageFacts::NONE,
        })
    }

    fn failure<E>(&self, operation: Operation, error: &SdkError<E, HttpResponse>) -> Error
    where
        E: ProvideErrorMetadata + std::error::Error + 'static,
    {
        error::failure(operation, &self.destination, error)
    }
}

const GIVES_BACK: ClientOperation = ClientOperation::ChangeVisibility { settles: true };

const TEN: i32 = 10;
const _: () = assert!(TEN as usize == BATCH);

fn link(receipt: &Granted) -> MessageLink<'_> {
    MessageLink {
        creation: &receipt.context,
        facts: MessageFacts::NONE.with_id(receipt.message_id.as_deref()),
    }
}

fn seconds(seconds: u32) -> i32 {
    i32::try_from(seconds).unwrap_or(i32::MAX)
}

/// What became of each entry of a request: nothing, or the code that it failed with.
struct Answers {
    entries: Vec<Option<String>>,
    request_id: Option<String>,
    /// Why the request as a whole failed.
    failure: Option<Error>,
}

impl Answers {
    /// Reads the answer to a batch whose ids are `0` and up. What it does not speak of has failed.
    fn new<'a>(
        count: usize,
        done: impl Iterator<Item = &'a str>,
        failed: &[BatchResultErrorEntry],
    ) -> Self {
        let mut entries = vec![Some(String::new()); count];
        let done = done.map(|id| (id, None));
        let failed = failed
            .iter()
            .map(|entry| (entry.id(), Some(entry.code.clone())));
        for (id, code) in done.chain(failed) {
            let index = id.parse().ok();
            if let Some(entry) = index.and_then(|index: usize| entries.get_mut(index)) {
                *entry = code;
            }
        }
        Self {
            entries,
            request_id: None,
            failure: None,
        }
    }

    fn none(count: usize, failure: Error) -> Self {
        Self {
            entries: vec![Some(failure.code().to_owned()); count],
            request_id: None,
            failure: Some(failure),
        }
    }

    fn from(mut self, output: &impl RequestId) -> Self {
        self.request_id = output.request_id().map(ToOwned::to_owned);
        self
    }

    /// What the span says, of a batch about the entries that `concerned` picks.
    fn outcome(&self, concerned: impl Fn(usize) -> bool) -> Outcome<'_> {
        if let Some(failure) = &self.failure {
            return Outcome::failure(OperationError::from(failure));
        }
        let failed = self.entries.iter().enumerate();
        let codes: Vec<&str> = failed
            .filter(|(index, _)| concerned(*index))
            .filter_map(|(_, code)| code.as_deref())
            .collect();
        Outcome {
            failed_count: codes.len(),
            error: OperationError::shared(codes),
            request_id: self.request_id.as_deref(),
            ..Outcome::default()
        }
    }

    /// What became of each entry, and why none succeeded where that is so. An entry whose lease
    /// has ended is no trouble: the broker has answered it.
    fn into_answer(self, destination: &Destination) -> (Vec<Answer>, Option<Error>) {
        let answer = |code: &Option<String>| match code {
            None => Answer::Done,
            Some(code) if error::ends_lease(code) => Answer::Refused,
            Some(_) => Answer::Failed,
        };
        let answers: Vec<Answer> = self.entries.iter().map(answer).collect();
        if answers.iter().any(|answer| *answer != Answer::Failed) {
            return (answers, None);
        }
        let code = self.entries.into_iter().flatten().next();
        let trouble = self.failure.or_else(|| {
            let code = code?;
            let detail = format!("every entry failed, the first with {code}");
            let kind = ErrorKind::Unavailable;
            Some(Error::new(Operation::Settle, destination, kind, detail).with_code(code))
        });
        (answers, trouble)
    }
}
