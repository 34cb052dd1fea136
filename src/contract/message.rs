use std::time::{Duration, SystemTime};

use bytes::Bytes;

use super::{Headers, Value};

/// One message, as every broker can carry it or refuse it.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Message {
    /// The body; `None` is a Kafka tombstone.
    pub payload: Option<Bytes>,
    /// What partitions by: the Kafka key, the AMQP routing key.
    pub key: Option<Bytes>,
    /// What is kept in order: the SQS message group.
    pub group: Option<Bytes>,
    /// What makes two sends one: the SQS deduplication id.
    pub dedup_id: Option<Bytes>,
    /// The user's headers and the propagation fields.
    pub headers: Headers,
    /// What brokers keep beside the headers.
    pub properties: Properties,
}

/// The properties that brokers know by name (AMQP 0-9-1 basic properties; SQS delay).
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Properties {
    /// Media type of the payload.
    pub content_type: Option<String>,
    /// How the payload is encoded, such as `gzip`.
    pub content_encoding: Option<String>,
    /// What kind of message it is, by the sender's own names.
    pub message_type: Option<String>,
    /// The application that sent it.
    pub app_id: Option<String>,
    /// The id of the message: the broker's where it gives one, else the sender's.
    pub message_id: Option<String>,
    /// The conversation that the message belongs to.
    pub correlation_id: Option<String>,
    /// Where an answer is wanted.
    pub reply_to: Option<String>,
    /// The sender's time.
    pub timestamp: Option<SystemTime>,
    /// Priority, by AMQP 0 to 9.
    pub priority: Option<u8>,
    /// How long the message is worth delivering.
    pub expiration: Option<Duration>,
    /// How long the broker holds the message back before its first delivery.
    pub delay: Option<Duration>,
}

impl Message {
    /// A message of that payload and nothing else.
    pub fn new(payload: impl Into<Bytes>) -> Self {
        Self {
            payload: Some(payload.into()),
            ..Self::default()
        }
    }

    /// Sets the key.
    #[must_use]
    pub fn with_key(mut self, key: impl Into<Bytes>) -> Self {
        self.key = Some(key.into());
        self
    }

    /// Sets the group within which order is kept.
    #[must_use]
    pub fn with_group(mut self, group: impl Into<Bytes>) -> Self {
        self.group = Some(group.into());
        self
    }

    /// Sets the deduplication id.
    #[must_use]
    pub fn with_dedup_id(mut self, dedup_id: impl Into<Bytes>) -> Self {
        self.dedup_id = Some(dedup_id.into());
        self
    }

    /// Sets a header, in place of any of that name.
    #[must_use]
    pub fn with_header(mut self, name: impl Into<Bytes>, value: impl Into<Value>) -> Self {
        self.headers.set(name, value);
        self
    }

    /// Sets how long the broker holds the message back.
    #[must_use]
    pub fn with_delay(mut self, delay: Duration) -> Self {
        self.properties.delay = Some(delay);
        self
    }

    /// The payload, empty where there is none.
    pub fn body(&self) -> &[u8] {
        self.payload.as_deref().unwrap_or_default()
    }

    /// The payload as text, where it is UTF-8.
    pub fn text(&self) -> Option<&str> {
        std::str::from_utf8(self.body()).ok()
    }
}
