//! What a receive asks of a queue, and what it is given.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;

use super::message::Message;
use super::receipt::Receipt;
use super::shelf::Entry;

/// What a receive asks for.
#[derive(Clone, Debug)]
pub(super) struct Want {
    pub(super) most: usize,
    /// The queue's own if there is none.
    pub(super) visibility_timeout: Option<Duration>,
    /// The queue's own if there is none.
    pub(super) wait: Option<Duration>,
    pub(super) attempt: Option<String>,
}

#[derive(Debug, Default)]
pub(super) struct Taken {
    pub(super) deliveries: Vec<Delivery>,
    /// Messages that were received too often: they belong on the dead-letter queue.
    pub(super) dead: Vec<Entry>,
}

#[derive(Clone, Debug)]
pub(super) struct Delivery {
    pub(super) message: Arc<Message>,
    pub(super) receipt: Receipt,
    pub(super) first_received: Instant,
    pub(super) receives: u32,
}

impl Delivery {
    pub(super) fn of(entry: &Entry, queue: u64, position: u64, now: Instant) -> Self {
        Self {
            message: Arc::clone(&entry.message),
            receipt: Receipt {
                queue,
                position,
                receive: entry.receives,
            },
            first_received: entry.first_received.unwrap_or(now),
            receives: entry.receives,
        }
    }
}
