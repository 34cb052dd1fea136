use std::collections::{BTreeSet, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use lapin::Acker;
use opentelemetry::Context;
use tokio::time::Instant;

use super::attempts::Attempts;
use super::ladder::{Command, Gathering, How, Ladder};
use super::place::Place;
use super::retry::{Copy, Retry};
use crate::contract::{
    Delivery, Destination, Error, ErrorKind, LeaseKeeper, Settled, Settlement, later,
};

/// How long a queue must have been missing until it counts as deleted: it may be declared again.
const MISSING: Duration = Duration::from_secs(3);

/// Acks wait so long for company.
const LINGER: Duration = Duration::from_millis(5);

/// Beyond so many deliveries that are held back, nothing new is taken until some of them are due.
const MOST_HOLDS: usize = 10_000;

/// A delivery in the buffer.
#[derive(Debug)]
pub(super) struct Held {
    pub(super) place: Place,
    pub(super) delivery: Delivery<()>,
}

/// What lease and settlement of a delivery need.
#[derive(Debug)]
pub(super) struct Granted {
    pub(super) acker: Acker,
    pub(super) keeper: LeaseKeeper,
    /// For the span that settles it.
    pub(super) destination: Arc<Destination>,
    pub(super) context: Context,
    pub(super) message_id: Option<String>,
    pub(super) attempt: u32,
    /// When the broker will have waited for its settlement for too long.
    pub(super) expires: Instant,
    /// Where retry queues are used.
    pub(super) copy: Option<Box<Copy>>,
}

impl Granted {
    /// Whether what stands under the tag of `place` on `channel`, the one in use, is the delivery
    /// that is meant, and still ours: on a new channel tags start again at 1.
    fn is_ours(&self, place: Place, channel: u64) -> bool {
        place.channel == channel && !self.keeper.is_lost() && !self.acker.poisoned()
    }
}

/// What the user set, as far as decisions depend on it.
#[derive(Debug)]
pub(super) struct Rules {
    /// Deliveries that the broker may have out to one consumer.
    pub(super) prefetch: u16,
    /// The queue has a dead-letter exchange, the user says.
    pub(super) dead_letters: bool,
}

impl Rules {
    fn ladder(&self) -> Ladder<Granted> {
        let prefetch = usize::from(self.prefetch);
        Ladder::new(Gathering {
            linger: LINGER,
            many: (prefetch / 4).clamp(1, 64),
            most: (prefetch / 2).max(1),
        })
    }
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
    /// The number of the channel in use, or of the last one.
    channel: u64,
    connected: bool,
    ladder: Ladder<Granted>,
    buffer: VecDeque<Held>,
    /// Failed deliveries that wait unsettled for their next attempt.
    holds: BTreeSet<(Instant, u64)>,
    /// How many of them take up the prefetch of the present consumer, which brought all from tag
    /// `since` on.
    holding: usize,
    since: u64,
    retries: Vec<Retry>,
    /// How many copies are on their way to a retry queue.
    copying: usize,
    attempts: Attempts,
    tries: u32,
    missing: Option<Instant>,
    trouble: Option<String>,
    fatal: Option<Error>,
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
            ladder: rules.ladder(),
            rules,
            channel: 0,
            connected: false,
            buffer: VecDeque::new(),
            holds: BTreeSet::new(),
            holding: 0,
            since: 0,
            retries: Vec::new(),
            copying: 0,
            attempts: Attempts::default(),
            tries: 0,
            missing: None,
            trouble: None,
            fatal: None,
            life: Life::Open,
            unsent: 0,
            sleeps: None,
            warned_of_rejects: false,
        }
    }

    /// A channel consumes.
    pub(super) fn opened(&mut self) {
        self.channel += 1;
        self.connected = true;
        self.tries = 0;
        self.missing = None;
        self.trouble = None;
        // What they were for comes again, here or elsewhere.
        self.unsent = 0;
    }

    /// The channel is gone, and with it everything that it brought.
    pub(super) fn lost(&mut self, error: &Error) {
        self.connected = false;
        self.say(error);
        for granted in self.ladder.items() {
            granted.keeper.revoke();
        }
        self.unsent = self.unconfirmed();
        self.ladder = self.rules.ladder();
        self.buffer.clear();
        self.holds.clear();
        self.holding = 0;
        self.since = 0;
        self.retries.clear();
        self.copying = 0;
        if self.is_closing() {
            self.life = Life::Flushed;
        }
    }

    /// Connecting failed. Answers when to try again, unless nothing mends it.
    pub(super) fn failed(&mut self, error: Error, now: Instant) -> Option<Duration> {
        self.tries += 1;
        self.say(&error);
        if error.kind() != ErrorKind::NotFound {
            self.missing = None;
        } else if now.duration_since(*self.missing.get_or_insert(now)) >= MISSING {
            self.fatal = Some(error);
            return None;
        }
        Some(crate::amqp::failure::backoff(self.tries))
    }

    /// Hands over up to `max` deliveries.
    pub(super) fn take(&mut self, max: usize) -> Vec<Held> {
        let count = self.buffer.len().min(max);
        self.buffer.drain(..count).collect()
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
        self.ladder.push(tag, granted);
        if self.is_closing() {
            self.ladder.record(tag, How::Requeue, now);
            return;
        }
        let place = Place {
            channel: self.channel,
            tag,
        };
        self.buffer.push_back(Held { place, delivery });
    }

    /// Records the settlement of a delivery that was handed over.
    pub(super) fn settle(&mut self, place: Place, how: Settlement, now: Instant) -> Settled {
        let tag = place.tag;
        let granted = self.ladder.held(tag);
        let Some(granted) = granted.filter(|granted| granted.is_ours(place, self.channel)) else {
            return Settled::LeaseLost;
        };
        let attempt = granted.attempt;
        let id = granted.message_id.as_deref();
        match &how {
            Settlement::Ack | Settlement::Reject { .. } => self.attempts.forget(id),
            Settlement::Nack { .. } => self.attempts.remember(id, attempt),
            Settlement::Release => self.attempts.remember(id, attempt - 1),
        }
        let how = match how {
            Settlement::Ack => How::Ack,
            Settlement::Release => How::Requeue,
            Settlement::Reject { reason } => {
                self.warn_of_rejects(&reason);
                How::Reject
            }
            Settlement::Nack { delay } => {
                self.nack(tag, delay.unwrap_or_default(), now);
                return Settled::Recorded;
            }
        };
        self.ladder.record(tag, how, now);
        Settled::Recorded
    }

    /// A receipt was dropped: nobody will settle it, so it comes again.
    pub(super) fn abandon(&mut self, place: Place, now: Instant) {
        let granted = self.ladder.held(place.tag);
        if let Some(granted) = granted.filter(|granted| granted.is_ours(place, self.channel)) {
            granted.keeper.revoke();
            self.ladder.record(place.tag, How::Requeue, now);
        }
    }

    /// Gives back what is buffered or held back, and from now on what still comes.
    pub(super) fn close(&mut self, now: Instant) {
        self.life = if self.connected {
            Life::Closing
        } else {
            Life::Flushed
        };
        for held in std::mem::take(&mut self.buffer) {
            self.ladder.record(held.place.tag, How::Requeue, now);
        }
        for (_, tag) in std::mem::take(&mut self.holds) {
            self.ladder.record(tag, How::Requeue, now);
        }
    }

    /// What is to go out to the broker now, if anything.
    pub(super) fn round(&mut self, now: Instant) -> Vec<Command<Granted>> {
        while let Some((_, tag)) = self.holds.first().filter(|(due, _)| *due <= now).copied() {
            self.holds.pop_first();
            self.holding -= usize::from(tag >= self.since);
            self.ladder.record(tag, How::Requeue, now);
        }
        self.expire(now);
        self.ladder.round(now, self.is_closing())
    }

    /// The round before is at the broker.
    pub(super) fn landed(&mut self) {
        self.ladder.landed();
    }

    /// The copies that are to go to retry queues.
    pub(super) fn retries(&mut self) -> Vec<Retry> {
        self.copying += self.retries.len();
        std::mem::take(&mut self.retries)
    }

    /// A copy is in its retry queue; else its message is held back here.
    pub(super) fn copied(&mut self, retry: &Retry, arrived: bool, now: Instant) {
        if self.ladder.held(retry.place.tag).is_none() || retry.place.channel != self.channel {
            return;
        }
        self.copying -= 1;
        if arrived {
            self.ladder.record(retry.place.tag, How::Ack, now);
        } else {
            self.hold(retry.place.tag, retry.delay, now);
        }
    }

    /// Whether the consumer is to be exchanged for one with all of its prefetch free: half of it
    /// is taken up by what is held back.
    pub(super) fn wants_renewal(&self) -> bool {
        !self.is_closing()
            && self.holds.len() < MOST_HOLDS
            && self.holding > usize::from(self.rules.prefetch / 2)
    }

    /// A new consumer starts, behind all that has come.
    pub(super) fn renewed(&mut self) {
        self.holding = 0;
        self.since = self.ladder.next_tag();
    }

    /// When there is something to do next, unless something stirs before.
    pub(super) fn sleep(&mut self) -> Option<Instant> {
        self.sleeps = self.next_due();
        self.sleeps
    }

    /// Whether there is something for the driver to do before it would wake.
    pub(super) fn stirs(&self) -> bool {
        let earlier = match (self.next_due(), self.sleeps) {
            (Some(due), Some(sleeps)) => due < sleeps,
            (due, _) => due.is_some(),
        };
        earlier || self.hurries() || self.wants_renewal() || !self.retries.is_empty()
    }

    /// Whether every settlement has left, with none to come.
    pub(super) fn is_idle(&self) -> bool {
        self.ladder.recorded() == 0
            && self.ladder.flying() == 0
            && self.retries.is_empty()
            && self.copying == 0
    }

    pub(super) fn is_closing(&self) -> bool {
        self.life != Life::Open
    }

    /// The broker has read all that was sent.
    pub(super) fn flush(&mut self) {
        self.life = Life::Flushed;
    }

    pub(super) fn is_flushed(&self) -> bool {
        self.life == Life::Flushed && self.is_idle()
    }

    /// How many settlements did not get to the broker.
    pub(super) fn unconfirmed(&self) -> usize {
        let settling = self.ladder.recorded() + self.ladder.flying();
        self.unsent + settling + self.retries.len() + self.copying
    }

    /// Whether who receives has an answer: deliveries, or that there are none to come.
    pub(super) fn answers(&self) -> bool {
        !self.buffer.is_empty() || self.fatal.is_some() || self.is_closing()
    }

    pub(super) fn fatal(&self) -> Option<&Error> {
        self.fatal.as_ref()
    }

    pub(super) fn trouble(&self) -> Option<&str> {
        self.trouble.as_deref()
    }

    fn nack(&mut self, tag: u64, delay: Duration, now: Instant) {
        let Some(granted) = self.ladder.held(tag) else {
            return;
        };
        if delay.is_zero() {
            self.ladder.record(tag, How::Requeue, now);
        } else if let Some(copy) = granted.copy.take() {
            self.retries.push(Retry {
                place: Place {
                    channel: self.channel,
                    tag,
                },
                copy,
                attempt: granted.attempt,
                delay,
                process: Context::current(),
            });
        } else {
            self.hold(tag, delay, now);
        }
    }

    /// Keeps a delivery unsettled until it may come again, as long as the broker lets it.
    fn hold(&mut self, tag: u64, delay: Duration, now: Instant) {
        if self.is_closing() {
            self.ladder.record(tag, How::Requeue, now);
            return;
        }
        let Some(granted) = self.ladder.held(tag) else {
            return;
        };
        let due = later(now, delay).min(granted.expires);
        self.holds.insert((due, tag));
        self.holding += usize::from(tag >= self.since);
    }

    /// Gives back what the broker would soon close the channel for.
    fn expire(&mut self, now: Instant) {
        let expired = self.ladder.held_until(|granted| granted.expires > now);
        for tag in &expired {
            if let Some(granted) = self.ladder.held(*tag) {
                granted.keeper.revoke();
            }
            self.ladder.record(*tag, How::Requeue, now);
        }
        if !expired.is_empty() {
            self.buffer
                .retain(|held| !expired.contains(&held.place.tag));
        }
    }

    fn next_due(&self) -> Option<Instant> {
        let round = self.ladder.due().filter(|_| self.ladder.flying() == 0);
        let hold = self.holds.first().map(|(due, _)| *due);
        let expires = self.ladder.items().next().map(|granted| granted.expires);
        [round, hold, expires].into_iter().flatten().min()
    }

    /// Whether settlements no longer wait for company.
    fn hurries(&self) -> bool {
        let closing = self.is_closing() && self.ladder.flying() == 0 && self.ladder.recorded() > 0;
        closing || self.ladder.hurries()
    }

    fn say(&mut self, error: &Error) {
        if self.trouble.replace(error.to_string()).is_none() {
            tracing::warn!(%error, "nothing is received, and connecting is tried again");
        }
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

#[cfg(test)]
mod tests;
