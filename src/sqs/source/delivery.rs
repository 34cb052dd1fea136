use std::collections::HashMap;
use std::sync::Arc;

use aws_sdk_sqs::types::{
    Message as Received, MessageAttributeValue, MessageSystemAttributeName as SystemName,
};
use bytes::Bytes;

use super::receipt::{DeadCopy, Grant, Granted};
use crate::aws::timestamp;
use crate::contract::{Delivery, Destination, Lane, LeaseKeeper, Message, Value};
use crate::sqs::receive;
use crate::sqs::{binary, entry};
use crate::telemetry::Instrumentation;

/// What every message of one queue has in common.
#[derive(Debug)]
pub(super) struct Reader {
    pub(super) destination: Arc<Destination>,
    pub(super) instrumentation: Instrumentation,
    /// Groups of a FIFO queue are lanes; those of a standard queue only share it fairly.
    pub(super) fifo: bool,
    /// Whether the source may have to make dead letters.
    pub(super) redrives: bool,
}

/// The system attributes that a delivery is made of. Each that comes costs time on every message,
/// so nothing else is asked for unless the user wants all.
pub(super) fn system_names(fifo: bool, all: bool) -> Vec<SystemName> {
    if all {
        return vec![SystemName::All];
    }
    let mut names = vec![
        SystemName::AwsTraceHeader,
        SystemName::SentTimestamp,
        SystemName::ApproximateReceiveCount,
        SystemName::MessageGroupId,
    ];
    if fifo {
        names.extend([
            SystemName::MessageDeduplicationId,
            SystemName::SequenceNumber,
        ]);
    }
    names
}

impl Reader {
    /// A delivery of what SQS handed out, and what its lease and settlement need.
    pub(super) fn read(&self, mut received: Received) -> (Grant, Delivery<()>) {
        let extracted = receive::extract(&self.instrumentation, &self.destination, &received);
        let context = self.instrumentation.extracted(&self.destination, extracted);
        let system = received.attributes.take().unwrap_or_default();
        let handle = received.receipt_handle.take().unwrap_or_default();
        let message_id = received.message_id.clone();
        let keeper = LeaseKeeper::new();
        let destination = Arc::clone(&self.destination);
        let mut delivery = Delivery::new(message(received), destination, keeper.lease(), ());
        let sequence = read_system(system, &mut delivery);
        delivery.context = context;
        let group = delivery.message.group.as_ref();
        delivery.lane = group.filter(|_| self.fifo).cloned().map(Lane::new);
        let grant = Grant {
            receipt: Arc::new(Granted {
                handle,
                context: delivery.context.clone(),
                message_id,
                sequence,
            }),
            keeper,
            lane: delivery.lane.clone(),
            copy: self.redrives.then(|| Box::new(copy(&delivery))),
        };
        (grant, delivery)
    }
}

fn message(received: Received) -> Message {
    let attributes = received.message_attributes.unwrap_or_default();
    let headers = attributes.into_iter();
    let mut message = Message {
        payload: Some(Bytes::from(received.body.unwrap_or_default())),
        headers: headers
            .map(|(name, attribute)| (name, value(attribute)))
            .collect(),
        ..Message::default()
    };
    message.properties.message_id = received.message_id;
    binary::decode(&mut message);
    message
}

/// Puts the system attributes where a delivery has a place for them, the others under their own
/// names; answers the sequence number, 0 where there is none.
fn read_system(system: HashMap<SystemName, String>, delivery: &mut Delivery<()>) -> u128 {
    let mut sequence = 0;
    for (name, value) in system {
        match name {
            SystemName::ApproximateReceiveCount => delivery.attempt = value.parse().unwrap_or(1),
            SystemName::SentTimestamp => {
                delivery.attributes.enqueued_at = timestamp(&value);
            }
            SystemName::MessageGroupId => delivery.message.group = Some(value.into()),
            SystemName::MessageDeduplicationId => delivery.message.dedup_id = Some(value.into()),
            name => {
                if name == SystemName::SequenceNumber {
                    sequence = value.parse().unwrap_or(0);
                }
                let native = &mut delivery.attributes.native;
                native.push((name.as_str().to_owned(), value));
            }
        }
    }
    sequence
}

fn copy(delivery: &Delivery<()>) -> DeadCopy {
    let header = delivery
        .attributes
        .native(SystemName::AwsTraceHeader.as_str());
    DeadCopy {
        message: delivery.message.clone(),
        trace_header: header.map(ToOwned::to_owned),
        attempt: delivery.attempt,
    }
}

/// A message attribute in the contract's types; one that they have no type for keeps its own name
/// and form.
fn value(attribute: MessageAttributeValue) -> Value {
    let kind = attribute.data_type;
    let text = attribute.string_value.unwrap_or_default();
    if let Some(value) = labelled(&kind, &text) {
        return value;
    }
    match kind.as_str() {
        "String" => Value::Text(text),
        "Binary" => Value::Bytes(blob(attribute.binary_value)),
        other => Value::Other {
            bytes: if other.starts_with("Binary") {
                blob(attribute.binary_value)
            } else {
                Bytes::from(text)
            },
            kind,
        },
    }
}

/// What the sink writes in the data type `kind`, where it would write it just so.
fn labelled(kind: &str, text: &str) -> Option<Value> {
    let value = match kind {
        "Number" => match text.parse() {
            Ok(number) => Value::Int(number),
            Err(_) => Value::Float(text.parse().ok()?),
        },
        entry::BOOL => Value::Bool(text.parse().ok()?),
        entry::TIMESTAMP => Value::Timestamp(entry::time(text)?),
        _ => return None,
    };
    let written = entry::attribute(&value).ok()?;
    (written.string_value() == Some(text)).then_some(value)
}

fn blob(value: Option<aws_sdk_sqs::primitives::Blob>) -> Bytes {
    value
        .map(|blob| Bytes::from(blob.into_inner()))
        .unwrap_or_default()
}
