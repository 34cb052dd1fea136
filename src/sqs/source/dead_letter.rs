use std::collections::HashMap;

use aws_sdk_sqs::Client;
use aws_sdk_sqs::types::{
    MessageSystemAttributeNameForSends as SystemName, MessageSystemAttributeValue,
};
use opentelemetry::propagation::Injector;
use tokio::sync::OnceCell;
use tracehop_propagation::Composite;
use tracehop_sqs::{Budget, Outgoing};

use super::open::Redrive;
use super::work::DeadLetter;
use crate::contract::{Attributes, Destination, Error, ErrorKind, Operation, Result};
use crate::sqs::SqsQueue;
use crate::sqs::entry::{self, Rules};
use crate::sqs::error;
use crate::telemetry::Lineage;

/// Puts rejected messages into the queue's own dead-letter queue.
///
/// SQS moves a message there only by itself, once it was received too often. So a copy is sent,
/// with the message's own attributes and trace header, and its lineage where that fits; the
/// message is deleted only when SQS has the copy.
pub(super) struct DeadLetters {
    client: Client,
    redrive: Redrive,
    url: OnceCell<String>,
}

impl DeadLetters {
    pub(super) fn new(client: Client, redrive: Redrive) -> Self {
        Self {
            client,
            redrive,
            url: OnceCell::new(),
        }
    }

    /// Sends the copy; says whether SQS has it.
    pub(super) async fn send(&self, letter: &DeadLetter, origin: &Destination) -> bool {
        match self.try_send(letter, origin).await {
            Ok(()) => true,
            Err(error) => {
                tracing::warn!(
                    %error,
                    reason = letter.reason,
                    "a rejected message is left to expire: it could not be copied to the \
                     dead-letter queue"
                );
                false
            }
        }
    }

    async fn try_send(&self, letter: &DeadLetter, origin: &Destination) -> Result<()> {
        let url = self.url.get_or_try_init(|| self.resolve(origin)).await?;
        let mut message = letter.copy.message.clone();
        // A FIFO queue takes the copy once, however often it is sent.
        message.dedup_id = message.properties.message_id.clone().map(Into::into);
        let rules = Rules {
            fifo: SqsQueue::from_url(url)?.is_fifo(),
            encode_binary: true,
        };
        let mut copy = entry::entry(message, rules, origin)?;
        copy.message_system_attributes = letter.copy.trace_header.as_deref().and_then(trace_header);
        write_lineage(letter, origin, &mut copy);
        let sent = entry::single(&self.client, url, copy).send().await;
        sent.map(drop)
            .map_err(|error| error::failure(Operation::Settle, origin, &error))
    }

    async fn resolve(&self, origin: &Destination) -> Result<String> {
        let Some((owner, name)) = self.redrive.owner_and_name() else {
            let detail = format!("not the ARN of a queue: {}", self.redrive.target);
            return Err(Error::new(
                Operation::Settle,
                origin,
                ErrorKind::Config,
                detail,
            ));
        };
        let answer = self
            .client
            .get_queue_url()
            .queue_name(name)
            .queue_owner_aws_account_id(owner)
            .send()
            .await
            .map_err(|error| error::failure(Operation::Settle, origin, &error))?;
        answer.queue_url.ok_or_else(|| {
            let detail = format!("no URL is known of {name}");
            Error::new(Operation::Settle, origin, ErrorKind::NotFound, detail)
        })
    }
}

/// Writes where the copy comes from, as far as it fits. Its trace context stays as it is.
fn write_lineage(letter: &DeadLetter, origin: &Destination, copy: &mut impl Outgoing) {
    let nothing = Composite::none();
    let mut lineage = copy.injector(&nothing, Budget::sqs());
    let told = Lineage {
        origin,
        attributes: &Attributes::default(),
        attempt: letter.copy.attempt,
        error: &letter.reason,
        process: &letter.process,
    };
    for (name, value) in told.headers() {
        if let Some(value) = value {
            lineage.set(name, value);
        }
    }
    lineage.finish();
}

fn trace_header(header: &str) -> Option<HashMap<SystemName, MessageSystemAttributeValue>> {
    let value = MessageSystemAttributeValue::builder()
        .data_type("String")
        .string_value(header)
        .build();
    Some(HashMap::from([(SystemName::AwsTraceHeader, value.ok()?)]))
}
