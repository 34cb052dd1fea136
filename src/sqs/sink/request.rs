use std::sync::Arc;

use aws_sdk_sqs::Client;
use aws_sdk_sqs::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_sqs::operation::RequestId;
use aws_sdk_sqs::operation::send_message_batch::SendMessageBatchOutput;
use aws_smithy_runtime_api::client::orchestrator::HttpResponse;
use opentelemetry::Context;

use super::outgoing::{Encoder, Pending};
use crate::contract::{Error, ErrorKind, Operation, Result, Sent};
use crate::sqs::queue::QueueUrl;
use crate::sqs::{entry, error};
use crate::telemetry::{MessageFacts, MessageLink, OperationError, Outcome, SendStart};

/// The requests of a sink to its queue.
#[derive(Clone)]
pub(super) struct Requests {
    pub(super) client: Client,
    pub(super) url: QueueUrl,
    pub(super) encoder: Arc<Encoder>,
}

/// What became of one message of a request.
pub(super) struct Outcomes {
    pub(super) pending: Pending,
    pub(super) result: Result<Sent>,
    /// SQS refused this one entry, of a request that it answered: nothing of it was sent, and it
    /// may go better next time.
    pub(super) again: bool,
}

impl Requests {
    /// Sends a message in a call of its own, under its caller's context.
    pub(super) async fn send_one(&self, mut pending: Pending) -> Outcomes {
        let body_size = pending.entry.message_body.len();
        let sender = self.encoder.sender(&pending.parent);
        let sending = sender.send(&mut pending.entry, body_size);
        let request = entry::single(&self.client, &self.url, pending.entry.clone());
        let result = request.send().await.map_err(|error| self.failure(&error));
        match &result {
            Ok(output) => sending.end(Ok(output.message_id()), output.request_id()),
            Err(error) => sending.end(Err(error.into()), None),
        }
        let result = result.map(|output| Sent {
            message_id: output.message_id,
            sequence_number: output.sequence_number,
            ..Sent::default()
        });
        Outcomes {
            pending,
            result,
            again: false,
        }
    }

    /// Sends up to ten messages in one call, which is nobody's child and links to all of them.
    pub(super) async fn send_batch(&self, mut batch: Vec<Pending>) -> Vec<Outcomes> {
        for (index, pending) in batch.iter_mut().enumerate() {
            pending.entry.id = index.to_string();
        }
        let entries = batch.iter().map(|pending| pending.entry.clone()).collect();
        let request = self
            .client
            .send_message_batch()
            .queue_url(&*self.url)
            .set_entries(Some(entries));
        let span = {
            let created = batch.iter().filter_map(|pending| pending.created.as_ref());
            let links: Vec<_> = created
                .map(|created| MessageLink::new(&created.creation))
                .collect();
            self.encoder.instrumentation.send(&SendStart {
                destination: &self.encoder.destination,
                parent: &Context::new(),
                batch_count: Some(batch.len()),
                creation: false,
                messages: &links,
                facts: MessageFacts::NONE,
            })
        };
        let created = batch
            .iter_mut()
            .filter_map(|pending| pending.created.as_mut());
        for create in created.filter_map(|created| created.span.as_mut()) {
            create.sending(span.started());
        }
        let answer = request.send().await.map_err(|error| self.failure(&error));
        let outcomes = self.outcomes(batch, &answer);
        let errors = outcomes
            .iter()
            .filter_map(|outcome| outcome.result.as_ref().err());
        let outcome = match &answer {
            Ok(output) => Outcome {
                error: OperationError::shared(errors.clone().map(Error::code)),
                failed_count: errors.count(),
                request_id: output.request_id(),
                facts: MessageFacts::NONE,
            },
            Err(error) => Outcome::failure(error.into()),
        };
        span.end(&outcome);
        outcomes
    }

    fn outcomes(
        &self,
        batch: Vec<Pending>,
        answer: &Result<SendMessageBatchOutput>,
    ) -> Vec<Outcomes> {
        let outcome = |pending: Pending| {
            let (result, again) = match answer {
                Ok(output) => self.outcome(&pending.entry.id, output),
                Err(error) => (Err(error.clone()), false),
            };
            Outcomes {
                pending,
                result,
                again,
            }
        };
        batch.into_iter().map(outcome).collect()
    }

    /// What the answer says of one entry, and whether to try it again.
    fn outcome(&self, id: &str, output: &SendMessageBatchOutput) -> (Result<Sent>, bool) {
        if let Some(done) = output.successful.iter().find(|done| done.id == id) {
            let sent = Sent {
                message_id: Some(done.message_id.clone()),
                sequence_number: done.sequence_number.clone(),
                ..Sent::default()
            };
            return (Ok(sent), false);
        }
        let failed = output.failed.iter().find(|failed| failed.id == id);
        let Some(failed) = failed else {
            let detail = "the answer does not speak of it";
            let kind = ErrorKind::Unavailable;
            let error = Error::new(Operation::Send, &self.encoder.destination, kind, detail);
            return (Err(error), false);
        };
        let error = error::entry(&self.encoder.destination, &failed.code, failed.message());
        let again = !failed.sender_fault && error.retryable();
        (Err(error), again)
    }

    fn failure<E>(&self, error: &SdkError<E, HttpResponse>) -> Error
    where
        E: ProvideErrorMetadata + std::error::Error + 'static,
    {
        error::failure(Operation::Send, &self.encoder.destination, error)
    }
}
