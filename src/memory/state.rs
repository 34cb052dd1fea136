use std::collections::BTreeMap;
use std::time::{Duration, SystemTime};

use tokio::time::Instant;

use super::QueueOptions;
use super::parts::{Fate, Faults, Handed, Stored};
use super::runs::Runs;
use super::timers::{Timer, Timers};
use crate::contract::{Lane, Lanes, LeaseKeeper, Message, later};

/// What one queue holds. Every change happens under one lock and at one time, given as `now`.
#[derive(Debug)]
pub(super) struct State {
    pub(super) options: QueueOptions,
    pub(super) faults: Faults,
    waiting: Lanes<Stored>,
    /// What is handed over, by delivery tag.
    out: BTreeMap<u64, Out>,
    runs: Runs,
    timers: Timers,
    /// Messages to be moved to the dead-letter queue, once the lock is free.
    pub(super) dead: Vec<Message>,
    count: u64,
}

#[derive(Debug)]
struct Out {
    stored: Stored,
    keeper: LeaseKeeper,
    consumer: u64,
    /// The consumer no longer holds the receipt.
    let_go: bool,
    /// A timer will bring the message back.
    returning: bool,
}

impl State {
    pub(super) fn new(options: QueueOptions) -> Self {
        Self {
            options,
            faults: Faults::default(),
            waiting: Lanes::new(1),
            out: BTreeMap::new(),
            runs: Runs::default(),
            timers: Timers::default(),
            dead: Vec::new(),
            count: 0,
        }
    }

    /// Takes a message in, behind the others; one with a delay takes its place when that is over.
    /// Answers the message's id.
    pub(super) fn add(&mut self, mut message: Message, now: Instant, clock: SystemTime) -> String {
        let place = self.next();
        let id = message
            .properties
            .message_id
            .get_or_insert_with(|| format!("m-{place}"))
            .clone();
        let delay = message.properties.delay.take();
        let stored = Stored {
            place,
            lane: message.group.clone().map(Lane::new),
            message,
            enqueued_at: clock,
            attempts: 0,
        };
        match delay {
            Some(delay) if !delay.is_zero() => self.appear(later(now, delay), stored),
            _ => self.wait(stored),
        }
        id
    }

    /// Hands over up to `max` messages to a consumer. What was received too often goes to `dead`
    /// instead.
    pub(super) fn take(
        &mut self,
        max: usize,
        per_lane: usize,
        consumer: u64,
        now: Instant,
    ) -> Vec<Handed> {
        self.advance(now);
        let mut handed = Vec::new();
        while handed.len() < max && self.faults.outage.is_none() {
            let taken = self.waiting.take_runs(max - handed.len(), per_lane);
            if taken.is_empty() {
                break;
            }
            for stored in taken {
                if let Some(lane) = &stored.lane {
                    self.runs.hand_over(lane);
                }
                let limit = self.options.max_receives;
                if limit.is_some_and(|limit| stored.attempts >= limit) {
                    self.leave(stored, Fate::Rejected, now);
                } else {
                    handed.push(self.hand_over(stored, consumer));
                }
            }
        }
        handed
    }

    fn hand_over(&mut self, stored: Stored, consumer: u64) -> Handed {
        let tag = self.next();
        let keeper = LeaseKeeper::new();
        let handed = Handed {
            tag,
            message: stored.message.clone(),
            lane: stored.lane.clone(),
            enqueued_at: stored.enqueued_at,
            attempt: stored.attempts + 1,
            lease: keeper.lease(),
        };
        let out = Out {
            stored,
            keeper,
            consumer,
            let_go: false,
            returning: false,
        };
        self.out.insert(tag, out);
        handed
    }

    /// Ends a delivery, if it is still the consumer's; says whether it was.
    pub(super) fn settle(&mut self, tag: u64, fate: Fate, now: Instant) -> bool {
        self.advance(now);
        match self.out.remove(&tag) {
            Some(out) if !out.keeper.is_lost() => {
                self.leave(out.stored, fate, now);
                true
            }
            Some(lost) => {
                self.out.insert(tag, lost);
                self.let_go(tag, now);
                false
            }
            None => false,
        }
    }

    /// The consumer dropped the receipt: the message comes again, at once where the lease is
    /// lost, else when the lease runs out.
    pub(super) fn let_go(&mut self, tag: u64, now: Instant) {
        let Some(out) = self.out.get_mut(&tag) else {
            return;
        };
        out.let_go = true;
        if out.keeper.is_lost() {
            self.come_back(tag, now);
        } else {
            self.expire_later(tag, now);
        }
    }

    /// A consumer is gone: nobody extends the leases of what it held.
    pub(super) fn abandon(&mut self, consumer: u64, now: Instant) {
        let held: Vec<u64> = self
            .out
            .iter()
            .filter(|(_, out)| out.consumer == consumer)
            .map(|(tag, _)| *tag)
            .collect();
        for tag in held {
            self.expire_later(tag, now);
        }
    }

    /// Takes the lease away from every delivery of which `which` holds. The message comes again
    /// when the holder has let go of it, at the latest after the visibility time.
    pub(super) fn revoke(&mut self, which: impl Fn(&Message) -> bool, now: Instant) -> usize {
        let lost: Vec<(u64, bool)> = self
            .out
            .iter()
            .filter(|(_, out)| which(&out.stored.message) && !out.keeper.is_lost())
            .map(|(tag, out)| (*tag, out.let_go))
            .collect();
        for (tag, let_go) in &lost {
            if let Some(out) = self.out.get(tag) {
                out.keeper.revoke();
            }
            if *let_go {
                self.come_back(*tag, now);
            } else {
                self.expire_later(*tag, now);
            }
        }
        lost.len()
    }

    /// When something happens next without anybody's doing.
    pub(super) fn next_event(&self) -> Option<Instant> {
        self.timers.next()
    }

    /// How many messages wait, the delayed and the held ones included.
    pub(super) fn waiting(&self) -> usize {
        self.waiting.len() + self.runs.back() + self.timers.delayed()
    }

    /// The messages that are handed over and unsettled.
    pub(super) fn in_hand(&self) -> impl Iterator<Item = &Message> {
        self.out.values().map(|out| &out.stored.message)
    }

    fn advance(&mut self, now: Instant) {
        while let Some(timer) = self.timers.take_due(now) {
            match timer {
                Timer::Appear(stored) => self.wait(*stored),
                Timer::Resume(lane) => self.waiting.resume(&lane),
                Timer::Return(tag) => self.come_back(tag, now),
            }
        }
    }

    fn expire_later(&mut self, tag: u64, now: Instant) {
        let due = later(now, self.options.visibility);
        if let Some(out) = self.out.get_mut(&tag)
            && !std::mem::replace(&mut out.returning, true)
        {
            self.timers.set(due, Timer::Return(tag));
        }
    }

    fn come_back(&mut self, tag: u64, now: Instant) {
        if let Some(out) = self.out.remove(&tag) {
            out.keeper.revoke();
            self.leave(out.stored, Fate::Again(Duration::ZERO), now);
        }
    }

    fn leave(&mut self, mut stored: Stored, fate: Fate, now: Instant) {
        let delay = match fate {
            Fate::Gone => return self.leave_lane(stored.lane.as_ref(), None, None, now),
            Fate::Rejected => {
                let lane = stored.lane.take();
                self.dead.push(stored.message);
                return self.leave_lane(lane.as_ref(), None, None, now);
            }
            Fate::Again(delay) => {
                stored.attempts += 1;
                delay
            }
            Fate::AsItWas => Duration::ZERO,
        };
        let due = (!delay.is_zero()).then(|| later(now, delay));
        match stored.lane.clone() {
            Some(lane) => self.leave_lane(Some(&lane), Some(stored), due, now),
            None => match due {
                Some(due) => self.appear(due, stored),
                None => self.waiting.push(None, stored),
            },
        }
    }

    /// One less of the lane is out. With the last one, what came back takes its old places, and
    /// the lane goes on when the longest delay asked for is over.
    fn leave_lane(
        &mut self,
        lane: Option<&Lane>,
        back: Option<Stored>,
        held_until: Option<Instant>,
        now: Instant,
    ) {
        let Some(lane) = lane else { return };
        if back.is_none() {
            self.waiting.settled(lane);
        }
        let Some(run) = self.runs.leave(lane, back, held_until) else {
            return;
        };
        if let Some(until) = run.held_until.filter(|until| *until > now) {
            self.waiting.hold(lane);
            self.timers.set(until, Timer::Resume(lane.clone()));
        }
        for stored in run.back.into_iter().rev() {
            self.waiting.put_back(lane, stored);
        }
    }

    fn wait(&mut self, stored: Stored) {
        let lane = stored.lane.clone();
        self.waiting.push(lane.as_ref(), stored);
    }

    fn appear(&mut self, due: Instant, stored: Stored) {
        self.timers.set(due, Timer::Appear(Box::new(stored)));
    }

    fn next(&mut self) -> u64 {
        self.count += 1;
        self.count
    }
}
