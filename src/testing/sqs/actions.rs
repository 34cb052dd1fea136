//! The actions on queues, and the way to those on messages.

use std::collections::BTreeMap;

use serde::Serialize;
use serde::de::DeserializeOwned;

use super::action::Action;
use super::attributes::ARN_PREFIX;
use super::broker::Broker;
use super::messages;
use super::refusal::{Code, Refusal};
use super::wire::{
    Addressed, AttributeNames, ListQueues, NamedQueue, NewAttributes, Nothing, QueueAttributes,
    QueueUrl, QueueUrls,
};

/// One call, ready to be carried out.
#[derive(Debug)]
pub(super) struct Call<'a> {
    pub(super) action: Action,
    pub(super) body: &'a [u8],
    /// The X-Ray header of the HTTP request, which stands in for a missing `AWSTraceHeader`.
    pub(super) trace_header: Option<&'a str>,
    /// The positions of the batch entries that are to fail.
    pub(super) failing: &'a [usize],
}

impl Call<'_> {
    /// Carries the call out; the answer is JSON. A receive that is dropped takes nothing.
    pub(super) async fn perform(&self, broker: &Broker) -> Result<Vec<u8>, Refusal> {
        match self.action {
            Action::CreateQueue => {
                let queue: NamedQueue = self.read()?;
                let name = queue
                    .queue_name
                    .ok_or_else(|| Refusal::missing("QueueName"))?;
                let queue_url = broker.create(&name, &queue.attributes)?;
                write(&QueueUrl { queue_url })
            }
            Action::DeleteQueue => {
                broker.delete(&self.queue()?)?;
                write(&Nothing {})
            }
            Action::GetQueueUrl => {
                let queue: NamedQueue = self.read()?;
                let name = queue
                    .queue_name
                    .ok_or_else(|| Refusal::missing("QueueName"))?;
                let queue_url = broker.url(&name)?;
                write(&QueueUrl { queue_url })
            }
            Action::ListQueues => {
                let list: ListQueues = self.read()?;
                let queue_urls = broker.urls(&list.queue_name_prefix);
                write(&QueueUrls { queue_urls })
            }
            Action::GetQueueAttributes => {
                let names: AttributeNames = self.read()?;
                let attributes = attributes(broker, &self.queue()?, &names.attribute_names)?;
                write(&QueueAttributes { attributes })
            }
            Action::SetQueueAttributes => {
                let new: NewAttributes = self.read()?;
                broker.set_attributes(&self.queue()?, &new.attributes)?;
                write(&Nothing {})
            }
            Action::PurgeQueue => {
                broker.purge(&self.queue()?)?;
                write(&Nothing {})
            }
            Action::SendMessage => messages::send(broker, self),
            Action::SendMessageBatch => messages::send_batch(broker, self),
            Action::ReceiveMessage => messages::receive(broker, self).await,
            Action::DeleteMessage => messages::delete(broker, self),
            Action::DeleteMessageBatch => messages::delete_batch(broker, self),
            Action::ChangeMessageVisibility => messages::change_visibility(broker, self),
            Action::ChangeMessageVisibilityBatch => messages::change_visibility_batch(broker, self),
        }
    }

    pub(super) fn read<T: DeserializeOwned>(&self) -> Result<T, Refusal> {
        serde_json::from_slice(self.body)
            .map_err(|error| Refusal::new(Code::Serialization, error.to_string()))
    }

    /// The URL of the queue that the call is for.
    pub(super) fn queue(&self) -> Result<String, Refusal> {
        let addressed: Addressed = self.read()?;
        addressed
            .queue_url
            .ok_or_else(|| Refusal::missing("QueueUrl"))
    }
}

pub(super) fn write(answer: &impl Serialize) -> Result<Vec<u8>, Refusal> {
    serde_json::to_vec(answer).map_err(|error| Refusal::new(Code::InternalError, error.to_string()))
}

/// The attributes of these names, or `All`.
fn attributes(
    broker: &Broker,
    url: &str,
    names: &[String],
) -> Result<BTreeMap<String, String>, Refusal> {
    let mut all = broker.attributes(url)?.render();
    let depth = broker.depth(url)?;
    let name = url.rsplit('/').next().unwrap_or(url);
    all.insert("QueueArn".to_owned(), format!("{ARN_PREFIX}{name}"));
    for (name, count) in [
        ("ApproximateNumberOfMessages", depth.visible),
        ("ApproximateNumberOfMessagesNotVisible", depth.in_flight),
        ("ApproximateNumberOfMessagesDelayed", depth.delayed),
    ] {
        all.insert(name.to_owned(), count.to_string());
    }
    all.retain(|name, _| names.iter().any(|it| it == name || it == "All"));
    Ok(all)
}
