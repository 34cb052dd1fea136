use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use lapin::Acker;
use opentelemetry::Context;
use tokio::time::Instant;

use super::holds::Holds;
use super::ladder::{Command, Gathering, How, Ladder};
use super::place::Place;
use super::retry::{Copy, Retry};
use crate::contract::{Delivery, Destination, LeaseKeeper, later};

/// Acks wait so long for company.
pub(super) const LINGER: Duration = Duration::from_millis(5);

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

/// All that one channel brings, and how it is settled.
#[derive(Debug)]
pub(super) struct Deliveries {
    pub(super) channel: u64,
    /// Deliveries that the broker may have out to one consumer.
    prefetch: u16,
    ladder: Ladder<Granted>,
    buffer: VecDeque<Held>,
    holds: Holds,
    retries: Vec<Retry>,
    /// How many copies are on their way to a retry queue.
    copying: usize,
    closing: bool,
}

impl Deliveries {
    /// None yet, of the channel of that number.
    pub(super) fn new(channel: u64, prefetch: u16) -> Self {
        Self {
            channel,
            prefetch,
            ladder: Ladder::new(Gathering {
                linger: LINGER,
                many: usize::from(prefetch / 4).clamp(1, 64),
                most: usize::from(prefetch / 2).max(1),
            }),
            buffer: VecDeque::new(),
            holds: Holds::default(),
            retries: Vec::new(),
            copying: 0,
            closing: false,
        }
    }

    /// The next channel's, now that this one is gone and with it every lease.
    pub(super) fn lost(&self) -> Self {
        for granted in self.ladder.items() {
            granted.keeper.revoke();
        }
        Self::new(self.channel + 1, self.prefetch)
    }

    pub(super) fn arrived(
        &mut self,
        tag: u64,
        granted: Granted,
        delivery: Delivery<()>,
        now: Instant,
    ) {
        self.ladder.push(tag, granted);
        if self.closing {
            return self.record(tag, How::Requeue, now);
        }
        let place = self.place(tag);
        self.buffer.push_back(Held { place, delivery });
    }

    /// Hands over up to `max`.
    pub(super) fn take(&mut self, max: usize) -> Vec<Held> {
        let count = self.buffer.len().min(max);
        self.buffer.drain(..count).collect()
    }

    pub(super) fn pop(&mut self) -> Option<Held> {
        self.buffer.pop_front()
    }

    pub(super) fn has_buffered(&self) -> bool {
        !self.buffer.is_empty()
    }

    /// The delivery, where it is still unsettled and ours.
    pub(super) fn ours(&mut self, place: Place) -> Option<&mut Granted> {
        if place.channel != self.channel {
            return None;
        }
        let granted = self.ladder.held(place.tag)?;
        (!granted.keeper.is_lost() && !granted.acker.poisoned()).then_some(granted)
    }

    /// Records what becomes of a delivery, where it is unsettled.
    pub(super) fn record(&mut self, tag: u64, how: How, now: Instant) {
        self.ladder.record(tag, how, now);
    }

    /// A delivery is to come again after `delay`: from here, or out of a retry queue.
    pub(super) fn nack(&mut self, tag: u64, delay: Duration, now: Instant) {
        let place = self.place(tag);
        let Some(granted) = self.ladder.held(tag) else {
            return;
        };
        if delay.is_zero() {
            self.record(tag, How::Requeue, now);
        } else if let Some(copy) = granted.copy.take() {
            self.retries.push(Retry {
                place,
                copy,
                attempt: granted.attempt,
                delay,
                process: Context::current(),
            });
        } else {
            self.hold(tag, delay, now);
        }
    }

    /// Gives back what is buffered or held back, and from now on what still comes.
    pub(super) fn close(&mut self, now: Instant) {
        self.closing = true;
        for held in std::mem::take(&mut self.buffer) {
            self.record(held.place.tag, How::Requeue, now);
        }
        for tag in self.holds.take() {
            self.record(tag, How::Requeue, now);
        }
    }

    /// What is to go out to the broker now, if anything.
    pub(super) fn round(&mut self, now: Instant) -> Vec<Command<Granted>> {
        while let Some(tag) = self.holds.take_due(now) {
            self.record(tag, How::Requeue, now);
        }
        self.expire(now);
        self.ladder.round(now, self.closing)
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
        let Place { channel, tag } = retry.place;
        if channel != self.channel {
            return;
        }
        self.copying -= 1;
        if self.ladder.held(tag).is_none() {
            return;
        }
        if arrived {
            self.record(tag, How::Ack, now);
        } else {
            self.hold(tag, retry.delay, now);
        }
    }

    /// Whether the consumer is to be exchanged for one with all of its prefetch free: half of it
    /// is taken up by what is held back.
    pub(super) fn wants_renewal(&self) -> bool {
        !self.closing && self.holds.crowd(self.prefetch)
    }

    /// A new consumer starts, behind all that has come.
    pub(super) fn renewed(&mut self) {
        self.holds.renewed(self.ladder.next_tag());
    }

    /// When there is something to do next.
    pub(super) fn next_due(&self) -> Option<Instant> {
        let round = self.ladder.due().filter(|_| self.ladder.flying() == 0);
        let expires = self.ladder.oldest().map(|granted| granted.expires);
        [round, self.holds.next_due(), expires]
            .into_iter()
            .flatten()
            .min()
    }

    /// Whether there is something to do at once.
    pub(super) fn hurries(&self) -> bool {
        let closes = self.closing && self.ladder.flying() == 0 && self.ladder.recorded() > 0;
        closes || self.ladder.hurries() || self.wants_renewal() || !self.retries.is_empty()
    }

    /// How many settlements are not at the broker yet.
    pub(super) fn unconfirmed(&self) -> usize {
        let settling = self.ladder.recorded() + self.ladder.flying();
        settling + self.retries.len() + self.copying
    }

    fn place(&self, tag: u64) -> Place {
        Place {
            channel: self.channel,
            tag,
        }
    }

    /// Keeps a delivery unsettled until it may come again, as long as the broker lets it.
    fn hold(&mut self, tag: u64, delay: Duration, now: Instant) {
        if self.closing {
            return self.record(tag, How::Requeue, now);
        }
        if let Some(granted) = self.ladder.held(tag) {
            self.holds.hold(tag, later(now, delay).min(granted.expires));
        }
    }

    /// Gives back what the broker would soon close the channel for.
    fn expire(&mut self, now: Instant) {
        let expired = self.ladder.held_until(|granted| granted.expires > now);
        for tag in &expired {
            if let Some(granted) = self.ladder.held(*tag) {
                granted.keeper.revoke();
            }
            self.record(*tag, How::Requeue, now);
        }
        if !expired.is_empty() {
            self.buffer
                .retain(|held| !expired.contains(&held.place.tag));
        }
    }
}
