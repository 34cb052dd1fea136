//! Queues made by the test itself.

use std::collections::BTreeMap;
use std::time::Duration;

use super::attributes::{Redrive, is_fifo};
use super::broker::Broker;

/// A queue in the making. What is not set is as on AWS.
#[derive(Debug)]
#[must_use = "the queue is there once it was created"]
pub struct QueueBuilder<'a> {
    broker: &'a Broker,
    name: String,
    attributes: BTreeMap<String, String>,
}

impl<'a> QueueBuilder<'a> {
    pub(super) fn new(broker: &'a Broker, name: String) -> Self {
        let builder = Self {
            broker,
            attributes: BTreeMap::new(),
            name,
        };
        if is_fifo(&builder.name) {
            builder.attribute("FifoQueue", "true")
        } else {
            builder
        }
    }

    /// How long a received message is hidden, in whole seconds up to 12 h. The default is 30 s.
    pub fn visibility_timeout(self, timeout: Duration) -> Self {
        self.seconds("VisibilityTimeout", timeout)
    }

    /// How long a message is hidden after it was sent, in whole seconds up to 15 min. The default
    /// is 0.
    pub fn delay(self, delay: Duration) -> Self {
        self.seconds("DelaySeconds", delay)
    }

    /// The most that a message may have with its attributes, in bytes, from 1 KiB. The default is
    /// 1 MiB, which is also the most.
    pub fn maximum_message_size(self, bytes: usize) -> Self {
        self.attribute("MaximumMessageSize", bytes.to_string())
    }

    /// Takes the SHA-256 digest of the body as the deduplication id where a message has none. Only
    /// for FIFO queues; the default is that each message must have one.
    pub fn content_based_deduplication(self) -> Self {
        self.attribute("ContentBasedDeduplication", "true")
    }

    /// Moves a message to the queue of this name, which must exist and be of the same type,
    /// instead of giving it out after `max_receive_count` (1 to 1000) receives. The default is to
    /// give it out again and again.
    pub fn redrive(self, dead_letters: &str, max_receive_count: u32) -> Self {
        let policy = Redrive {
            target: dead_letters.to_owned(),
            max_receive_count,
        };
        self.attribute("RedrivePolicy", policy.render())
    }

    /// Any other attribute of `CreateQueue`.
    pub fn attribute(mut self, name: &str, value: impl Into<String>) -> Self {
        self.attributes.insert(name.to_owned(), value.into());
        self
    }

    /// Makes the queue, or finds the one that is there with these attributes, and returns its URL.
    ///
    /// # Panics
    ///
    /// With SQS's own words when the name or an attribute is not allowed.
    pub fn create(self) -> String {
        match self.broker.create(&self.name, &self.attributes) {
            Ok(url) => url,
            Err(refusal) => panic!("{}: {}", refusal.code.query(), refusal.message),
        }
    }

    fn seconds(self, name: &str, duration: Duration) -> Self {
        self.attribute(name, duration.as_secs().to_string())
    }
}
