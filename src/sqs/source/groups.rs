use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::time::Duration;

use tokio::time::Instant;

use super::receipt::{Id, Return};
use crate::contract::Lane;

/// How long after a failed head is visible again its successors still wait for it.
const GRACE: Duration = Duration::from_secs(1);

/// The message groups of a FIFO queue that have stopped, and how they are given back.
///
/// SQS hands out nothing of a group while one of it is invisible. So a group keeps its order only
/// if its members become visible last first, one request at a time, and its failed head after all
/// others.
///
/// Servers that are not that strict (LocalStack hands a group out again as soon as any one of it
/// is visible) bring successors back before their head. They wait here until all before them have
/// come, in the order of their sequence numbers, though no longer than until the missing ones are
/// certainly with somebody else.
#[derive(Debug)]
pub(super) struct Groups<T> {
    visibility: Duration,
    stopped: HashMap<Lane, Stopped<T>>,
}

#[derive(Debug)]
struct Stopped<T> {
    waiting: BTreeMap<Id, Member>,
    /// Whose request is in flight.
    turn: Option<Id>,
    /// How many of it are on their way to the dead-letter queue.
    rejecting: usize,
    /// The sequence numbers that are or will be with the broker again.
    returned: BTreeSet<u128>,
    /// Until when they are waited for.
    patience: Option<Instant>,
    /// What came while the group was stopped.
    early: BTreeMap<(u128, Id), T>,
}

/// One that is to be given back.
#[derive(Clone, Copy, Debug)]
pub(super) struct Member {
    pub(super) id: Id,
    pub(super) sequence: u128,
    pub(super) back: Return,
    /// It was in hand, so that successors of its run may still be.
    pub(super) handed: bool,
}

/// What a stopped group does next.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Step<T> {
    /// This one is given back, alone.
    Return(Id, Return),
    /// Nothing, until an answer comes, or what is in hand is settled, or it is time.
    Wait,
    /// The group goes on, with what came in the meantime.
    Go(Vec<T>),
}

impl<T> Groups<T> {
    /// No group is stopped; leases last for `visibility`.
    pub(super) fn new(visibility: Duration) -> Self {
        Self {
            visibility,
            stopped: HashMap::new(),
        }
    }

    /// Whether the group is stopped, or some of it is still missing.
    pub(super) fn is_stopped(&self, lane: &Lane) -> bool {
        self.stopped.contains_key(lane)
    }

    /// Stops the group, and gives this one of it back.
    pub(super) fn stop(&mut self, lane: &Lane, member: Member) {
        let stopped = self.entry(lane);
        stopped.returned.insert(member.sequence);
        stopped.waiting.insert(member.id, member);
    }

    /// Stops the group, because the broker took this one away and will hand it out again.
    pub(super) fn lost(&mut self, lane: &Lane, sequence: u128, now: Instant) {
        let stopped = self.entry(lane);
        stopped.returned.insert(sequence);
        stopped.patience = Some(now + GRACE);
    }

    /// Stops the group until [`rejected`](Self::rejected): what comes after a dead letter waits
    /// for it to arrive.
    pub(super) fn rejecting(&mut self, lane: &Lane) {
        self.entry(lane).rejecting += 1;
    }

    /// The dead letter arrived, or could not be sent.
    pub(super) fn rejected(&mut self, lane: &Lane) {
        if let Some(stopped) = self.stopped.get_mut(lane) {
            stopped.rejecting = stopped.rejecting.saturating_sub(1);
        }
    }

    /// Keeps what came of a stopped group until it may go.
    pub(super) fn came(&mut self, lane: &Lane, sequence: u128, id: Id, item: T) {
        self.entry(lane).early.insert((sequence, id), item);
    }

    /// A receipt is over: given back, lost, or neither, and then nothing happens.
    pub(super) fn gone(&mut self, lane: &Lane, id: Id, now: Instant) {
        let visibility = self.visibility;
        let Some(stopped) = self.stopped.get_mut(lane) else {
            return;
        };
        stopped.early.retain(|(_, known), _| *known != id);
        if stopped.turn == Some(id) {
            stopped.turn = None;
        }
        if let Some(member) = stopped.waiting.remove(&id) {
            let hidden = match member.back {
                Return::After(seconds) => Duration::from_secs(u64::from(seconds)),
                Return::Expire => visibility,
            };
            stopped.patience = Some(now + hidden + GRACE);
        }
    }

    /// The next step of a stopped group of which `out` are in hand.
    pub(super) fn step(&mut self, lane: &Lane, out: usize, now: Instant) -> Step<T> {
        let Some(stopped) = self.stopped.get_mut(lane) else {
            return Step::Wait;
        };
        // Out of patience is out of it for good: there is no more time to wake at.
        stopped.patience = stopped.patience.filter(|patience| *patience > now);
        if stopped.turn.is_some() || stopped.rejecting > 0 {
            return Step::Wait;
        }
        if let Some((&id, member)) = stopped.waiting.last_key_value() {
            if member.handed && out > 0 {
                return Step::Wait;
            }
            stopped.turn = Some(id);
            return Step::Return(id, member.back);
        }
        let released = stopped.release();
        if stopped.early.is_empty() && stopped.returned.is_empty() {
            self.stopped.remove(lane);
        }
        Step::Go(released)
    }

    /// How much came of stopped groups and waits here.
    pub(super) fn len(&self) -> usize {
        let stopped = self.stopped.values();
        stopped.map(|stopped| stopped.early.len()).sum()
    }

    /// The groups that are stopped.
    pub(super) fn lanes(&self) -> Vec<Lane> {
        self.stopped.keys().cloned().collect()
    }

    /// Takes out what came of stopped groups.
    pub(super) fn drain(&mut self) -> Vec<T> {
        let stopped = self.stopped.values_mut();
        let early = stopped.map(|stopped| std::mem::take(&mut stopped.early));
        early.flat_map(BTreeMap::into_values).collect()
    }

    /// When a group stops waiting for its head.
    pub(super) fn next_due(&self) -> Option<Instant> {
        let idle = self
            .stopped
            .values()
            .filter(|stopped| stopped.waiting.is_empty());
        idle.filter_map(|stopped| stopped.patience).min()
    }

    fn entry(&mut self, lane: &Lane) -> &mut Stopped<T> {
        self.stopped.entry(lane.clone()).or_insert_with(|| Stopped {
            waiting: BTreeMap::new(),
            turn: None,
            rejecting: 0,
            returned: BTreeSet::new(),
            patience: None,
            early: BTreeMap::new(),
        })
    }
}

impl<T> Stopped<T> {
    /// What came and has none before it that is still missing.
    fn release(&mut self) -> Vec<T> {
        if self.patience.is_none() {
            self.returned.clear();
        }
        let mut released = Vec::new();
        while let Some(next) = self.early.first_entry() {
            let sequence = next.key().0;
            if self.returned.first().is_some_and(|first| *first < sequence) {
                break;
            }
            released.push(next.remove());
            self.returned.remove(&sequence);
        }
        released
    }
}

#[cfg(test)]
mod tests;
