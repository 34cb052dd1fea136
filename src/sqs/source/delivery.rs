use std::collections::HashMap;
use std::sync::Arc;

use aws_sdk_sqs::types::{Message as Received, MessageAttributeValue, MessageSystemAttributeName};
use bytes::Bytes;

use super::receipt::{DeadCopy, Grant, Granted};
use crate::contract::{Delivery, Destination, Lane, LeaseKeeper, Message, Value};
use crate::sqs::binary;
use crate::sqs::receive;
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

impl Reader {
    /// A delivery of what SQS handed out, and what its lease and settlement need.
    pub(super) fn read(&self, mut received: Received) -> (Grant, Delivery<()>) {
        let extracted = receive::extract(self.instrumentation.propagator(), &received);
        let context = self.instrumentation.extracted(&self.destination, extracted);
        let attempt = receive::attempt(&received);
        let sequence = system_number(&received, &MessageSystemAttributeName::SequenceNumber);
        let enqueued_at = receive::sent_at(&received);
        let system = received.attributes.take().unwrap_or_default();
        let keeper = LeaseKeeper::new();
        let message = message(&mut received, &system);
        let lane = message.group.clone().filter(|_| self.fifo).map(Lane::new);
        let copy = self.redrives.then(|| {
            Box::new(DeadCopy {
                message: message.clone(),
                trace_header: system
                    .get(&MessageSystemAttributeName::AwsTraceHeader)
                    .cloned(),
                attempt,
            })
        });
        let mut delivery =
            Delivery::new(message, Arc::clone(&self.destination), keeper.lease(), ());
        let grant = Grant {
            receipt: Arc::new(Granted {
                handle: received.receipt_handle.unwrap_or_default(),
                context: context.clone(),
                message_id: received.message_id,
                sequence,
            }),
            keeper,
            lane: lane.clone(),
            copy,
        };
        delivery.context = context;
        delivery.lane = lane;
        delivery.attempt = attempt;
        delivery.attributes.enqueued_at = enqueued_at;
        delivery.attributes.native = native(system);
        (grant, delivery)
    }
}

fn message(
    received: &mut Received,
    system: &HashMap<MessageSystemAttributeName, String>,
) -> Message {
    let bytes = |name| system.get(&name).map(|text| Bytes::from(text.clone()));
    let headers = received.message_attributes.take().unwrap_or_default();
    let mut message = Message {
        payload: Some(Bytes::from(received.body.take().unwrap_or_default())),
        group: bytes(MessageSystemAttributeName::MessageGroupId),
        dedup_id: bytes(MessageSystemAttributeName::MessageDeduplicationId),
        headers: headers
            .into_iter()
            .map(|(name, attribute)| (name, value(attribute)))
            .collect(),
        ..Message::default()
    };
    message
        .properties
        .message_id
        .clone_from(&received.message_id);
    binary::decode(&mut message);
    message
}

/// A message attribute in the contract's types; one that they have no type for keeps its own name
/// and form.
fn value(attribute: MessageAttributeValue) -> Value {
    let text = attribute.string_value.unwrap_or_default();
    match attribute.data_type.as_str() {
        "String" => Value::Text(text),
        "Binary" => Value::Bytes(blob(attribute.binary_value)),
        "Number" if canonical(&text).is_some() => canonical(&text).map_or(Value::Null, Value::Int),
        kind => Value::Other {
            bytes: if kind.starts_with("Binary") {
                blob(attribute.binary_value)
            } else {
                Bytes::from(text)
            },
            kind: attribute.data_type,
        },
    }
}

/// The integer that is written just so, such that writing it again gives the same text.
fn canonical(text: &str) -> Option<i64> {
    let number: i64 = text.parse().ok()?;
    (number.to_string() == text).then_some(number)
}

fn blob(value: Option<aws_sdk_sqs::primitives::Blob>) -> Bytes {
    value
        .map(|blob| Bytes::from(blob.into_inner()))
        .unwrap_or_default()
}

/// A system attribute that is a number; 0 where it is none.
fn system_number(received: &Received, name: &MessageSystemAttributeName) -> u128 {
    let number = received.attributes().and_then(|system| system.get(name));
    number.and_then(|number| number.parse().ok()).unwrap_or(0)
}

fn native(system: HashMap<MessageSystemAttributeName, String>) -> Vec<(String, String)> {
    let named = |(name, value): (MessageSystemAttributeName, _)| (name.as_str().to_owned(), value);
    system.into_iter().map(named).collect()
}
