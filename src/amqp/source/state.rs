use std::time::Duration;

use tokio::time::Instant;

use super::attempts::Attempts;
use super::deliveries::{Deliveries, Granted, Held};
use super::ladder::{Command, How};
use super::outage::Outage;
use super::place::Place;
use super::retry::Retry;
use crate::contract::{Delivery, Error, Knowledge, Settled, Settlement, is_sooner};

/// What the user set, as far as decisions depend on it.
#[derive(Debug)]
pub(super) struct Rules {
    /// Deliveries that the broker may have out to one consumer.
    pub(super) prefetch: u16,
    /// The queue has a dead-letter exchange, the user says.
    pub(super) dead_letters: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Life {
    Open,
    Closing,
    /// The broker has stopped delivering and read every settlement.
    Flushed,
}

/// All that a source knows, and every decision that it takes, without any I/O.
#[derive(Debug)]
pub(super) struct State {
    rules: Rules,
    connected: bool,
    /// Of the channel in use, or of the next one.
    deliveries: Deliveries,
    attempts: Attempts,
    outage: Outage,
    life: Life,
    /// Settlements that were recorded and whose channel was lost, while there is no other.
    unsent: usize,
    /// Until when the driver sleeps, unless it is woken.
    sleeps: Option<Instant>,
    warned_of_rejects: bool,
}

impl State {
    pub(super) fn new(rules: Rules) -> Self {
        Self {
            deliveries: Deliveries::new(1, rules.prefetch),
            rules,
            connected: false,
            attempts: Attempts::default(),
            outage: Outage::default(),
            life: Life::Open,
            unsent: 0,
            sleeps: None,
            warned_of_rejects: false,
        }
    }

    /// A channel consumes.
    pub(super) fn opened(&mut self) {
        self.connected = true;
        self.outage.end();
        // What they were for comes again, here or elsewhere.
        self.unsent = 0;
    }

    /// The channel is gone, and with it everything that it brought.
    pub(super) fn lost(&mut self, error: &Error) {
        self.connected = false;
        self.outage.begin(error);
        self.unsent = self.unconfirmed();
        self.deliveries = self.deliveries.lost();
        if self.is_closing() {
            self.life = Life::Flushed;
        }
    }

    /// Connecting failed. Answers when to try again, unless nothing mends it.
    pub(super) fn failed(&mut self, error: Error, now: Instant) -> Option<Duration> {
        self.outage.goes_on(error, now)
    }

    /// Hands over one delivery.
    pub(super) fn pop(&mut self) -> Option<Held> {
        self.deliveries.pop()
    }

    /// What the channel in use has brought; `redelivered` as the broker says.
    pub(super) fn arrived(
        &mut self,
        tag: u64,
        mut granted: Granted,
        mut delivery: Delivery<()>,
        redelivered: bool,
        now: Instant,
    ) {
        let id = granted.message_id.as_deref();
        granted.attempt = self.attempts.of(granted.attempt, redelivered, id);
        delivery.attempt = granted.attempt;
        self.deliveries.arrived(tag, granted, delivery, now);
    }

    /// Records the settlement of a delivery that was handed over.
    pub(super) fn settle(&mut self, place: Place, how: Settlement, now: Instant) -> Settled {
        let Some(granted) = self.deliveries.ours(place) else {
            return Settled::LeaseLost;
        };
        let id = granted.message_id.as_deref();
        match &how {
            Settlement::Ack | Settlement::Reject { .. } => self.attempts.forget(id),
            Settlement::Nack { .. } => self.attempts.remember(id, granted.attempt),
            Settlement::Release => self.attempts.remember(id, granted.attempt - 1),
        }
        let how = match how {
            Settlement::Ack => How::Ack,
            Settlement::Release => How::Requeue,
            Settlement::Reject { reason } => {
                self.warn_of_rejects(&reason);
                How::Reject
            }
            Settlement::Nack { delay } => {
                let delay = delay.unwrap_or_default();
                self.deliveries.nack(place.tag, delay, now);
                return Settled::Recorded;
            }
        };
        self.deliveries.record(place.tag, how, now);
        Settled::Recorded
    }

    /// A receipt was dropped: nobody will settle it, so it comes again.
    pub(super) fn abandon(&mut self, place: Place, now: Instant) {
        if let Some(granted) = self.deliveries.ours(place) {
            granted.keeper.revoke();
            self.deliveries.record(place.tag, How::Requeue, now);
        }
    }

    /// Gives back what is buffered or held back, and from now on what still comes.
    pub(super) fn close(&mut self, now: Instant) {
        self.life = if self.connected {
            Life::Closing
        } else {
            Life::Flushed
        };
        self.deliveries.close(now);
    }

    /// What is to go out to the broker now, if anything.
    pub(super) fn round(&mut self, now: Instant) -> Vec<Command<Granted>> {
        self.deliveries.round(now)
    }

    /// The round before is at the broker.
    pub(super) fn landed(&mut self) {
        self.deliveries.landed();
    }

    /// The copies that are to go to retry queues.
    pub(super) fn retries(&mut self) -> Vec<Retry> {
        self.deliveries.retries()
    }

    /// A copy is in its retry queue; else its message is held back here.
    pub(super) fn copied(&mut self, retry: &Retry, arrived: bool, now: Instant) {
        self.deliveries.copied(retry, arrived, now);
    }

    /// Whether the consumer is to be exchanged for one with all of its prefetch free.
    pub(super) fn wants_renewal(&self) -> bool {
        self.deliveries.wants_renewal()
    }

    /// A new consumer starts, behind all that has come.
    pub(super) fn renewed(&mut self) {
        self.deliveries.renewed();
    }

    /// When there is something to do next, unless something stirs before.
    pub(super) fn sleep(&mut self) -> Option<Instant> {
        self.sleeps = self.deliveries.next_due();
        self.sleeps
    }

    /// Whether every settlement has left, with none to come.
    pub(super) fn is_idle(&self) -> bool {
        self.deliveries.unconfirmed() == 0
    }

    /// The broker has read all that was sent.
    pub(super) fn flush(&mut self) {
        self.life = Life::Flushed;
    }

    /// How many settlements did not get to the broker.
    pub(super) fn unconfirmed(&self) -> usize {
        self.unsent + self.deliveries.unconfirmed()
    }

    pub(super) fn trouble(&self) -> Option<&str> {
        self.outage.trouble()
    }

    fn warn_of_rejects(&mut self, reason: &str) {
        if !std::mem::replace(&mut self.warned_of_rejects, self.rules.dead_letters) {
            tracing::warn!(
                reason,
                "a message is rejected: RabbitMQ drops it where the queue has no dead-letter \
                 exchange, and does not tell clients whether it has one"
            );
        }
    }
}

impl Knowledge for State {
    type Item = Held;

    fn take(&mut self, max: usize) -> Vec<Held> {
        self.deliveries.take(max)
    }

    fn is_ready(&self) -> bool {
        self.deliveries.has_buffered()
    }

    fn fatal(&self) -> Option<&Error> {
        self.outage.fatal()
    }

    fn is_closing(&self) -> bool {
        self.life != Life::Open
    }

    fn is_flushed(&self) -> bool {
        self.life == Life::Flushed && self.is_idle()
    }

    fn stirs(&mut self) -> bool {
        is_sooner(self.deliveries.next_due(), self.sleeps) || self.deliveries.hurries()
    }
}

#[cfg(test)]
mod tests;
