//! What a receive shows of a message: only what was asked for.
//!
//! Source: `ReceiveMessage` in the SQS API reference (2012-11-05).

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::broker::Clock;
use super::delivery::Delivery;
use super::digest::md5_of_attributes;
use super::message::{Attribute, Message, Value};
use super::refusal::{Code, Refusal};
use super::wire::{AttributeOut, ReceivedMessage};

/// Who has sent everything here.
const SENDER: &str = "AIDA00000000000000000";

#[derive(Debug)]
pub(super) struct Filter {
    system: Vec<SystemAttribute>,
    user: Vec<Names>,
}

#[derive(Debug)]
enum Names {
    All,
    One(String),
    Prefix(String),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum SystemAttribute {
    AwsTraceHeader,
    ApproximateFirstReceiveTimestamp,
    ApproximateReceiveCount,
    DeadLetterQueueSourceArn,
    MessageDeduplicationId,
    MessageGroupId,
    SenderId,
    SentTimestamp,
    SequenceNumber,
}

impl Filter {
    /// System attributes by name or `All`; message attributes by name, by `prefix.*`, or all of
    /// them by `All` or `.*`.
    pub(super) fn new<'a>(
        system: impl Iterator<Item = &'a str>,
        user: impl Iterator<Item = &'a str>,
    ) -> Result<Self, Refusal> {
        let mut filter = Self {
            system: Vec::new(),
            user: user.map(Names::new).collect(),
        };
        for name in system {
            if name == "All" {
                filter.system.extend(SystemAttribute::ALL);
            } else {
                let known = |it: &SystemAttribute| it.name() == name;
                let attribute = SystemAttribute::ALL.into_iter().find(known);
                filter.system.push(attribute.ok_or_else(|| {
                    let message = format!("Unknown Attribute {name}.");
                    Refusal::new(Code::InvalidAttributeName, message)
                })?);
            }
        }
        Ok(filter)
    }

    pub(super) fn show<'a>(&self, delivery: &'a Delivery, clock: &Clock) -> ReceivedMessage<'a> {
        let message = &*delivery.message;
        let shown = || {
            let shows = |name: &str| self.user.iter().any(|names| names.hold(name));
            message
                .attributes
                .iter()
                .filter(move |(name, _)| shows(name))
        };
        let system = self.system.iter().filter_map(|attribute| {
            let value = attribute.value(message, delivery, clock)?;
            Some((attribute.name(), value))
        });
        ReceivedMessage {
            message_id: &message.id,
            receipt_handle: delivery.receipt.handle(),
            body_md5: &message.body_md5,
            body: &message.body,
            attributes: system.collect(),
            attributes_md5: md5_of_attributes(shown().map(|(name, it)| (name.as_str(), it))),
            message_attributes: shown().map(|(name, it)| (name.as_str(), out(it))).collect(),
        }
    }
}

impl Names {
    fn new(name: &str) -> Self {
        match name {
            "All" | ".*" => Self::All,
            name => match name.strip_suffix(".*") {
                Some(prefix) => Self::Prefix(prefix.to_owned()),
                None => Self::One(name.to_owned()),
            },
        }
    }

    fn hold(&self, name: &str) -> bool {
        match self {
            Self::All => true,
            Self::One(it) => it == name,
            // `Hel.*` shows `Hello` too: the point stands for nothing.
            Self::Prefix(prefix) => name.starts_with(prefix),
        }
    }
}

impl SystemAttribute {
    const ALL: [Self; 9] = [
        Self::AwsTraceHeader,
        Self::ApproximateFirstReceiveTimestamp,
        Self::ApproximateReceiveCount,
        Self::DeadLetterQueueSourceArn,
        Self::MessageDeduplicationId,
        Self::MessageGroupId,
        Self::SenderId,
        Self::SentTimestamp,
        Self::SequenceNumber,
    ];

    fn name(self) -> &'static str {
        match self {
            Self::AwsTraceHeader => "AWSTraceHeader",
            Self::ApproximateFirstReceiveTimestamp => "ApproximateFirstReceiveTimestamp",
            Self::ApproximateReceiveCount => "ApproximateReceiveCount",
            Self::DeadLetterQueueSourceArn => "DeadLetterQueueSourceArn",
            Self::MessageDeduplicationId => "MessageDeduplicationId",
            Self::MessageGroupId => "MessageGroupId",
            Self::SenderId => "SenderId",
            Self::SentTimestamp => "SentTimestamp",
            Self::SequenceNumber => "SequenceNumber",
        }
    }

    fn value(self, message: &Message, delivery: &Delivery, clock: &Clock) -> Option<String> {
        match self {
            Self::AwsTraceHeader => message.trace_header.clone(),
            Self::ApproximateFirstReceiveTimestamp => {
                Some(clock.millis(delivery.first_received).to_string())
            }
            Self::ApproximateReceiveCount => Some(delivery.receives.to_string()),
            Self::DeadLetterQueueSourceArn => {
                message.dead_letter_source.as_deref().map(str::to_owned)
            }
            Self::MessageDeduplicationId => message.deduplication_id.clone(),
            Self::MessageGroupId => message.group.as_deref().map(str::to_owned),
            Self::SenderId => Some(SENDER.to_owned()),
            Self::SentTimestamp => Some(clock.millis(message.sent).to_string()),
            Self::SequenceNumber => message.sequence.clone(),
        }
    }
}

fn out(attribute: &Attribute) -> AttributeOut<'_> {
    let (string_value, binary_value) = match &attribute.value {
        Value::Text(text) => (Some(text.as_str()), None),
        Value::Binary(bytes) => (None, Some(STANDARD.encode(bytes))),
    };
    AttributeOut {
        data_type: &attribute.data_type,
        string_value,
        binary_value,
    }
}
