mod give_back;

use tokio::time::Instant;

use super::groups::Groups;
use super::ledger::Ledger;
use super::polls::{Polls, Wait};
use super::receipt::{Answer, Change, Grant, Id, Return};
use super::work::{DeadLetter, Work};
use crate::contract::{Delivery, Error, Knowledge, Lane, Lanes, Settled, Settlement, is_sooner};

/// A delivery and the number of its receipt.
#[derive(Debug)]
pub(super) struct Held {
    pub(super) id: Id,
    pub(super) delivery: Delivery<()>,
}

/// All that a source knows, and every decision that it takes, without any I/O.
#[derive(Debug)]
pub(super) struct State {
    buffer: Lanes<Held>,
    ledger: Ledger,
    groups: Groups<Held>,
    polls: Polls,
    dead_letters: Vec<DeadLetter>,
    fatal: Option<Error>,
    /// Why settlements do not reach the broker, where that is so.
    unsettled: Option<String>,
    closing: bool,
    /// Until when the driver sleeps, unless it is woken.
    sleeps: Option<Instant>,
}

impl State {
    pub(super) fn new(
        buffer: Lanes<Held>,
        ledger: Ledger,
        groups: Groups<Held>,
        polls: Polls,
    ) -> Self {
        Self {
            buffer,
            ledger,
            groups,
            polls,
            dead_letters: Vec::new(),
            fatal: None,
            unsettled: None,
            closing: false,
            sleeps: None,
        }
    }

    /// Hands over one delivery.
    pub(super) fn pop(&mut self) -> Option<Held> {
        self.buffer.pop()
    }

    /// What a receive that was sent at `started` brought.
    pub(super) fn arrived(
        &mut self,
        brought: Vec<(Grant, Delivery<()>)>,
        started: Instant,
        now: Instant,
    ) {
        self.polls.brought(brought.len());
        for (grant, delivery) in brought {
            let lane = grant.lane.clone();
            let sequence = grant.receipt.sequence;
            let id = self.ledger.grant(grant, started, now);
            let held = Held { id, delivery };
            match &lane {
                Some(lane) if self.groups.is_stopped(lane) => {
                    self.groups.came(lane, sequence, id, held);
                }
                lane => self.buffer.push(lane.as_ref(), held),
            }
        }
        if self.closing {
            self.give_back_buffer(now);
        } else {
            self.step_all(now);
        }
    }

    /// A receive failed.
    pub(super) fn poll_failed(&mut self, error: Error, now: Instant) {
        if self.polls.failed(&error, now) {
            self.fatal = Some(error);
        }
    }

    /// Records the settlement of a delivery that was handed over.
    pub(super) fn settle(
        &mut self,
        id: Id,
        lane: Option<&Lane>,
        how: Settlement,
        now: Instant,
    ) -> Settled {
        let ours = self.ledger.is_ours(id, now);
        if ours {
            match how {
                Settlement::Ack => self.ledger.delete(id, now),
                Settlement::Nack { delay } => self.failed(id, lane, Return::after(delay), now),
                Settlement::Release => self.failed(id, lane, Return::After(0), now),
                Settlement::Reject { reason } => self.reject(id, lane, reason, now),
            }
        }
        self.settled(lane, now);
        if ours {
            Settled::Recorded
        } else {
            Settled::LeaseLost
        }
    }

    /// A receipt was dropped: its lease is no longer kept, and runs out.
    pub(super) fn abandon(&mut self, id: Id, lane: Option<&Lane>, now: Instant) {
        if self.ledger.is_ours(id, now) {
            self.failed(id, lane, Return::Expire, now);
        }
        self.settled(lane, now);
    }

    /// Gives back what is buffered, and from now on what still comes.
    pub(super) fn close(&mut self, now: Instant) {
        self.closing = true;
        self.give_back_buffer(now);
    }

    /// What to do now.
    pub(super) fn work(&mut self, now: Instant) -> Vec<Work> {
        self.ledger.wake(now);
        self.settle_up(now);
        if self.groups.next_due().is_some_and(|due| due <= now) {
            self.step_all(now);
        }
        let mut work = Vec::new();
        while let Some(deletes) = self.ledger.next_deletes(now, self.closing) {
            work.push(Work::Delete(deletes));
        }
        while let Some(changes) = self.ledger.next_changes(now, self.closing) {
            work.push(Work::Change(changes));
        }
        self.settle_up(now);
        work.extend(self.dead_letters.drain(..).map(Work::DeadLetter));
        while let Some(wait) = self.next_poll(now) {
            work.push(Work::Poll(wait));
        }
        work
    }

    /// When to ask for [`work`](Self::work) again, unless something stirs before.
    pub(super) fn sleep(&mut self, now: Instant) -> Option<Instant> {
        // A pause that is over, and no receive in spite of it: something else will stir.
        let pause = self
            .polls
            .pause()
            .filter(|pause| *pause > now && self.may_poll());
        self.sleeps = [self.next_due(), pause].into_iter().flatten().min();
        self.sleeps
    }

    /// A request that settles or extends failed altogether, or did not.
    pub(super) fn settling(&mut self, trouble: Option<Error>) {
        if let (Some(error), None) = (&trouble, &self.unsettled) {
            tracing::warn!(%error, "settling fails, and is tried again as long as the leases last");
        }
        self.unsettled = trouble.map(|error| error.to_string());
    }

    /// Takes the answers to deletes.
    pub(super) fn deleted(&mut self, answers: &[(Id, Answer)], now: Instant) {
        for (id, answer) in answers {
            self.ledger.deleted(*id, answer, now);
        }
        self.settle_up(now);
    }

    /// Takes the answers to visibility changes that were sent at `sent`.
    pub(super) fn changed(&mut self, answers: &[(Change, Answer)], sent: Instant, now: Instant) {
        for (change, answer) in answers {
            self.ledger.changed(change, answer, sent, now);
        }
        self.settle_up(now);
    }

    /// A dead letter arrived, or did not, and its message is left to expire.
    pub(super) fn dead_lettered(
        &mut self,
        id: Id,
        lane: Option<&Lane>,
        arrived: bool,
        now: Instant,
    ) {
        if let Some(lane) = lane {
            self.groups.rejected(lane);
        }
        if self.ledger.is_ours(id, now) {
            if arrived {
                self.ledger.delete(id, now);
            } else {
                self.failed(id, lane, Return::Expire, now);
            }
        }
        if let Some(lane) = lane {
            self.step(lane, now);
        }
        self.settle_up(now);
    }

    /// Why no delivery comes just now, or soon will not: what is settled and does not reach the
    /// broker takes up room.
    pub(super) fn trouble(&self) -> Option<&str> {
        self.polls.trouble().or(self.unsettled.as_deref())
    }

    /// Settlements that the broker has not confirmed.
    pub(super) fn unconfirmed(&self) -> usize {
        self.ledger.len() - self.ledger.held()
    }

    fn stirs_at(&self, now: Instant) -> bool {
        is_sooner(self.next_due(), self.sleeps)
            || self.ledger.is_due(now)
            || self.closing && self.ledger.has_gathered()
            || !self.dead_letters.is_empty()
            || self.may_poll() && self.polls.may_start(self.held(), self.ledger.len(), now)
    }

    fn next_due(&self) -> Option<Instant> {
        let due = [self.ledger.next_due(), self.groups.next_due()];
        due.into_iter().flatten().min()
    }

    /// What is in hand and buffered, but for what waits for others of its group, which would not
    /// come if it took their place.
    fn held(&self) -> usize {
        self.ledger.held().saturating_sub(self.groups.len())
    }

    fn may_poll(&self) -> bool {
        !self.closing && self.fatal.is_none()
    }

    fn next_poll(&mut self, now: Instant) -> Option<Wait> {
        if !self.may_poll() {
            return None;
        }
        self.polls.start(self.held(), self.ledger.len(), now)
    }
}

impl Knowledge for State {
    type Item = Held;

    fn take(&mut self, max: usize) -> Vec<Held> {
        self.buffer.take(max)
    }

    fn is_ready(&self) -> bool {
        self.buffer.is_ready()
    }

    fn fatal(&self) -> Option<&Error> {
        self.fatal.as_ref()
    }

    fn is_closing(&self) -> bool {
        self.closing
    }

    /// The broker has confirmed every settlement, and no receive is in flight.
    fn is_flushed(&self) -> bool {
        self.closing && self.polls.flying() == 0 && self.unconfirmed() == 0
    }

    fn stirs(&mut self) -> bool {
        self.stirs_at(Instant::now())
    }
}

#[cfg(test)]
mod tests;
