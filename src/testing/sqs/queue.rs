//! One queue: what a send, a receive and a settlement do to it.
//!
//! No sockets and no clock in here: every operation is told the time, and expects
//! [`Queue::wake_up`] to have been called with it.

#[cfg(test)]
mod tests;

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::Notify;
use tokio::time::Instant;

use super::attributes::Attributes;
use super::delivery::{Delivery, Taken, Want};
use super::message::Message;
use super::receipt::{Hold, Receipt};
use super::recent::Recent;
use super::refusal::{Code, Refusal};
use super::shelf::{Depth, Entry, Shelf};

/// In flight at once; a standard queue then refuses a receive, a FIFO queue gives nothing.
/// Source: "Quotas" in the SQS developer guide.
const IN_FLIGHT: usize = 120_000;

/// Counted from the receive. Source: "Visibility timeout" in the SQS developer guide.
const LONGEST_VISIBILITY: Duration = Duration::from_hours(12);

#[derive(Debug)]
pub(super) struct Queue {
    pub(super) attributes: Arc<Attributes>,
    /// Rings at whatever may show a message to a waiting receive, but for the alarms: it knows
    /// when they are due.
    pub(super) bell: Arc<Notify>,
    number: u64,
    shelf: Shelf,
    sent: Recent<DeduplicationKey, Sent>,
    attempts: Recent<String, Vec<Receipt>>,
}

/// The group, where the queue deduplicates by group; and the id.
type DeduplicationKey = (Option<Arc<str>>, String);

/// What a queue answers to a send.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Sent {
    pub(super) message_id: String,
    pub(super) sequence: Option<String>,
}

impl Queue {
    pub(super) fn new(attributes: Attributes) -> Self {
        Self {
            shelf: Shelf::new(attributes.fifo.is_some()),
            attributes: Arc::new(attributes),
            bell: Arc::default(),
            number: fastrand::u64(..),
            sent: Recent::default(),
            attempts: Recent::default(),
        }
    }

    /// Takes a message in, after its own delay or the queue's. A FIFO queue answers to a duplicate
    /// as it did to the first, and keeps only that.
    pub(super) fn send(
        &mut self,
        mut message: Message,
        delay: Option<Duration>,
        now: Instant,
    ) -> Sent {
        let key = self.deduplication_key(&message);
        if let Some(sent) = key.as_ref().and_then(|key| self.sent.get(key, now)) {
            return sent.clone();
        }
        message.sequence = self.next_sequence();
        let sent = Sent {
            message_id: message.id.clone(),
            sequence: message.sequence.clone(),
        };
        if let Some(key) = key {
            self.sent.insert(key, sent.clone(), now);
        }
        let visible_at = now + delay.unwrap_or(self.attributes.delay);
        self.shelf.put(Entry::new(message, now), visible_at, now);
        self.bell.notify_waiters();
        sent
    }

    /// Takes in what another queue has given up, with its receive count. Retention goes on from
    /// the first queue, and begins anew where this one is FIFO.
    pub(super) fn bury(&mut self, mut entry: Entry, source: &Arc<str>, now: Instant) {
        let message = Arc::make_mut(&mut entry.message);
        message.dead_letter_source = Some(Arc::clone(source));
        message.sequence = self.next_sequence();
        if self.attributes.fifo.is_some() {
            entry.enqueued = now;
        }
        self.shelf.put(entry, now, now);
        self.bell.notify_waiters();
    }

    /// Gives out what is visible, up to what is wanted; that may be nothing. A message that was
    /// received `dead_after` times is given up instead.
    pub(super) fn receive(
        &mut self,
        want: &Want,
        dead_after: Option<u32>,
        now: Instant,
    ) -> Result<Taken, Refusal> {
        let visibility = want.visibility_timeout;
        let until = now + visibility.unwrap_or(self.attributes.visibility_timeout);
        let mut taken = Taken::default();
        if let Some(deliveries) = self.replay(want, until, now) {
            taken.deliveries = deliveries;
            return Ok(taken);
        }
        if self.shelf.depth().in_flight >= IN_FLIGHT {
            return match self.attributes.fifo {
                None => Err(Refusal::new(Code::OverLimit, "Too many messages in flight")),
                Some(_) => Ok(taken),
            };
        }
        while taken.deliveries.len() < want.most {
            let positions = self.shelf.take(want.most - taken.deliveries.len());
            if positions.is_empty() {
                break;
            }
            for position in positions {
                self.give(position, dead_after, until, now, &mut taken);
            }
        }
        self.remember(want, &taken.deliveries, until, now);
        self.shelf.wake_up(now);
        Ok(taken)
    }

    /// Deletes the message if the receipt still holds it.
    ///
    /// Once the visibility timeout has passed, a standard queue answers success and keeps the
    /// message, and a FIFO queue refuses.
    pub(super) fn delete(&mut self, handle: &str) -> Result<(), Refusal> {
        match Hold::of(handle, self.number, &self.shelf)? {
            Hold::InFlight { position, .. } => {
                self.remove(position);
                self.bell.notify_waiters();
                Ok(())
            }
            Hold::Lapsed if self.attributes.fifo.is_some() => Err(Refusal::value(
                "ReceiptHandle",
                handle,
                "The receipt handle has expired.",
            )),
            Hold::Lapsed | Hold::Gone => Ok(()),
        }
    }

    /// Hides the message for this long from now on; zero shows it at once.
    pub(super) fn change_visibility(
        &mut self,
        handle: &str,
        timeout: Duration,
        now: Instant,
    ) -> Result<(), Refusal> {
        let (position, since) = match Hold::of(handle, self.number, &self.shelf)? {
            Hold::InFlight { position, since } => (position, since),
            Hold::Lapsed => {
                let message = "The specified message isn't in flight.";
                return Err(Refusal::new(Code::MessageNotInflight, message));
            }
            Hold::Gone => {
                return Err(Refusal::value(
                    "ReceiptHandle",
                    handle,
                    "Message does not exist or is not available for visibility timeout change.",
                ));
            }
        };
        let until = now + timeout;
        if until > since + LONGEST_VISIBILITY {
            return Err(Refusal::value(
                "VisibilityTimeout",
                timeout.as_secs(),
                "Total VisibilityTimeout for the message is beyond the limit [43200 seconds]",
            ));
        }
        self.shelf.extend(position, until);
        self.shelf.wake_up(now);
        self.bell.notify_waiters();
        Ok(())
    }

    /// Shows every message whose time has come.
    pub(super) fn wake_up(&mut self, now: Instant) {
        self.shelf.wake_up(now);
    }

    /// When the next hidden message becomes visible.
    pub(super) fn next_alarm(&self) -> Option<Instant> {
        self.shelf.next_alarm()
    }

    pub(super) fn purge(&mut self) {
        self.shelf.clear();
    }

    pub(super) fn depth(&self) -> Depth {
        self.shelf.depth()
    }

    /// Decides what becomes of a message whose turn it is.
    fn give(
        &mut self,
        position: u64,
        dead_after: Option<u32>,
        until: Instant,
        now: Instant,
        taken: &mut Taken,
    ) {
        let Some(entry) = self.shelf.get(position) else {
            return;
        };
        if entry.enqueued + self.attributes.retention <= now {
            self.remove(position);
        } else if dead_after.is_some_and(|most| entry.receives >= most) {
            taken.dead.extend(self.remove(position));
        } else if let Some(entry) = self.shelf.lease(position, until, now) {
            taken
                .deliveries
                .push(Delivery::of(entry, self.number, position, now));
        }
    }

    fn remove(&mut self, position: u64) -> Option<Entry> {
        let attempt = self.shelf.get(position)?.attempt.as_ref();
        if let Some(attempt) = attempt {
            self.attempts.forget(attempt);
        }
        self.shelf.remove(position)
    }

    fn deduplication_key(&self, message: &Message) -> Option<DeduplicationKey> {
        let fifo = self.attributes.fifo.as_ref()?;
        let scope = message.group.clone().filter(|_| fifo.deduplicates_by_group);
        Some((scope, message.deduplication_id.clone()?))
    }

    /// On a FIFO queue a number of 20 digits that rises with gaps, as AWS's does.
    fn next_sequence(&self) -> Option<String> {
        self.attributes.fifo.as_ref()?;
        let gaps = u128::from(self.shelf.next_position()) * 256;
        Some((18_850_000_000_000_000_000 + gaps).to_string())
    }

    /// The same messages and receipts as at the first call with this attempt id, with a new
    /// visibility timeout, if that was within five minutes and none of them has changed since.
    fn replay(&mut self, want: &Want, until: Instant, now: Instant) -> Option<Vec<Delivery>> {
        let receipts = self.attempts.get(want.attempt.as_ref()?, now)?.clone();
        let entry = |receipt: &Receipt| {
            let entry = self.shelf.get(receipt.position)?;
            (entry.attempt == want.attempt).then_some(entry)
        };
        let deliveries: Option<Vec<_>> = receipts
            .iter()
            .map(|it| Some(Delivery::of(entry(it)?, self.number, it.position, now)))
            .collect();
        let deliveries = deliveries?;
        self.remember(want, &deliveries, until, now);
        Some(deliveries)
    }

    /// Ties the messages of a receive to its attempt id, if it has one.
    fn remember(&mut self, want: &Want, given: &[Delivery], until: Instant, now: Instant) {
        let Some(attempt) = want.attempt.as_ref().filter(|_| !given.is_empty()) else {
            return;
        };
        for delivery in given {
            if let Some(entry) = self.shelf.extend(delivery.receipt.position, until) {
                entry.attempt = Some(attempt.clone());
            }
        }
        let receipts = given.iter().map(|it| it.receipt).collect();
        self.attempts.insert(attempt.clone(), receipts, now);
    }
}
