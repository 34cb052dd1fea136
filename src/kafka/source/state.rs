mod again;
mod finished;
mod partitions;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use hashbrown::HashMap;
use tokio::time::Instant;

pub(super) use self::finished::Finished;
use super::offsets::Offsets;
use super::place::{Assignment, Place, Ticket};
use crate::contract::{Error, Knowledge, Lane, Lanes, Settled, later};

/// How many bytes of records a source keeps ready, beyond one record a partition.
const MOST_BYTES: usize = 64 * 1024 * 1024;

/// What becomes of a record that was handed over.
#[derive(Debug)]
pub(super) enum Fate {
    /// It is finished.
    Done,
    /// It comes again as that attempt, at once or then.
    Again { attempt: u32, then: Option<Instant> },
    /// It stays unfinished, and its lane stops.
    Stopped { reason: String },
}

impl Fate {
    /// It comes again as another attempt, after that time.
    pub(super) fn retried(ticket: &Ticket, delay: Duration) -> Self {
        let attempt = ticket.attempt.saturating_add(1);
        let then = (!delay.is_zero()).then(|| later(Instant::now(), delay));
        Self::Again { attempt, then }
    }

    /// It comes again, as it came.
    pub(super) fn released(ticket: &Ticket) -> Self {
        let (attempt, then) = (ticket.attempt, None);
        Self::Again { attempt, then }
    }
}

/// All that a source knows, and every decision that it takes, without any I/O.
#[derive(Debug)]
pub(super) struct State {
    buffer: Lanes<Ticket>,
    /// How many records of a partition the buffer holds at most.
    prefetch: usize,
    bytes: usize,
    partitions: HashMap<Place, Partition>,
    /// What came back of lanes of which more is handed over, and when each may go again: it goes back
    /// together, in order.
    back: HashMap<Lane, Vec<(Ticket, Option<Instant>)>>,
    timers: BTreeMap<(Instant, u64), Timer>,
    count: u64,
    finished: Finished,
    fatal: Option<Error>,
    /// Whether the group has let the source in.
    joined: bool,
    /// Why no delivery comes just now.
    trouble: Option<String>,
    life: Life,
    unflushed: usize,
    /// There is something for the driver to do that it does not know of.
    stirs: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Life {
    Open,
    /// The last commit is waited for until then.
    Closing(Instant),
    /// The driver has left the group.
    Ended,
}

#[derive(Debug)]
struct Partition {
    assignment: Arc<Assignment>,
    offsets: Offsets,
    buffered: usize,
    in_hand: usize,
    /// It goes to another member as soon as nothing of it is in hand.
    leaving: bool,
    /// What is still in hand of it has lost its lease.
    expired: bool,
    /// It was not fetched from for want of room.
    starved: bool,
    /// Lanes that a rejected record stopped, and why.
    stopped: Vec<(Option<Lane>, String)>,
}

#[derive(Debug)]
enum Timer {
    Appear(Box<Ticket>),
    /// The lane goes on, unless before that its partition goes.
    Resume {
        lane: Lane,
        place: Place,
    },
}

impl State {
    pub(super) fn new(per_lane: usize, prefetch: usize) -> Self {
        Self {
            buffer: Lanes::new(per_lane),
            prefetch: prefetch.max(1),
            bytes: 0,
            partitions: HashMap::new(),
            back: HashMap::new(),
            timers: BTreeMap::new(),
            count: 0,
            finished: Finished::default(),
            fatal: None,
            joined: false,
            trouble: None,
            life: Life::Open,
            unflushed: 0,
            stirs: false,
        }
    }

    /// Records came, all of one partition and in order.
    pub(super) fn arrived(&mut self, records: Vec<Ticket>) {
        let Some(first) = records.first() else {
            return;
        };
        let partition = self.partitions.get_mut(&first.assignment.place);
        let Some(partition) = partition.filter(|partition| !partition.leaving) else {
            return;
        };
        let whole = first.assignment.lane.clone();
        let bytes = &mut self.bytes;
        let taken = records.into_iter().filter(|ticket| {
            let fresh = partition.offsets.take(ticket.record.offset);
            if fresh {
                partition.buffered += 1;
                *bytes += ticket.record.size();
            }
            fresh
        });
        match whole {
            Some(lane) => self.buffer.extend(&lane, taken),
            None => {
                for ticket in taken {
                    let key = ticket.key.clone();
                    self.buffer.push(key.as_ref(), ticket);
                }
            }
        }
    }

    /// Hands over one delivery.
    pub(super) fn pop(&mut self) -> Option<Ticket> {
        if self.is_closing() {
            return None;
        }
        let taken = self.buffer.pop()?;
        self.hand_over(&taken);
        Some(taken)
    }

    fn hand_over(&mut self, ticket: &Ticket) {
        self.bytes -= ticket.record.size();
        let Some(partition) = self.ours(&ticket.assignment) else {
            return;
        };
        partition.buffered -= 1;
        partition.in_hand += 1;
        self.stirs |= partition.starved && self.has_room();
    }

    /// Ends a delivery.
    pub(super) fn settle(&mut self, ticket: &Ticket, fate: Fate) -> Settled {
        let lane = ticket.lane();
        let Some(partition) = self.ours(&ticket.assignment) else {
            self.leave_lane(lane, None);
            return Settled::LeaseLost;
        };
        partition.in_hand -= 1;
        let drained = partition.leaving && partition.in_hand == 0;
        let back = match fate {
            Fate::Done => {
                partition.offsets.finish(ticket.record.offset);
                self.finished.note(ticket);
                None
            }
            Fate::Again { attempt, then } => (!partition.leaving).then(|| {
                let ticket = Ticket {
                    attempt,
                    ..ticket.clone()
                };
                (ticket, then)
            }),
            Fate::Stopped { reason } => {
                partition.stopped.push((lane.cloned(), reason));
                if let Some(lane) = lane {
                    self.buffer.hold(lane);
                }
                None
            }
        };
        self.stirs |= drained;
        self.leave_lane(lane, back);
        Settled::Recorded
    }

    /// Nothing more is handed over. Where it is closed twice, the earlier time holds.
    pub(super) fn close(&mut self, until: Instant) {
        self.life = match self.life {
            Life::Open => Life::Closing(until),
            Life::Closing(before) => Life::Closing(before.min(until)),
            Life::Ended => Life::Ended,
        };
        self.stirs = true;
        let places = self.places();
        let gone = |ticket: &Ticket| places.contains(&ticket.assignment.place);
        drop(self.buffer.extract(gone));
        self.bytes = 0;
    }

    /// Until when the last commit is waited for, of a source that is being closed.
    pub(super) fn closes_until(&self) -> Option<Instant> {
        match self.life {
            Life::Closing(until) => Some(until),
            Life::Open | Life::Ended => None,
        }
    }

    /// The driver has left the group, or is gone without.
    pub(super) fn end(&mut self) {
        self.life = Life::Ended;
    }

    /// The source cannot go on.
    pub(super) fn fail(&mut self, error: Error) {
        self.fatal.get_or_insert(error);
    }

    /// Something is wrong for now, or no longer.
    pub(super) fn set_trouble(&mut self, trouble: Option<String>) {
        self.trouble = trouble;
    }

    /// The group has let the source in, or put it out.
    pub(super) fn set_joined(&mut self, joined: bool) {
        self.joined = joined;
    }

    /// Why no delivery comes just now, of some lane at least.
    pub(super) fn trouble(&self) -> Option<&str> {
        let mut stopped = self.partitions.values().flat_map(|one| &one.stopped);
        let stopped = stopped.next().map(|(_, reason)| reason.as_str());
        let outside = (!self.joined).then_some("joining the consumer group");
        self.trouble.as_deref().or(outside).or(stopped)
    }
}

impl Knowledge for State {
    type Item = Ticket;

    fn take(&mut self, max: usize) -> Vec<Ticket> {
        if self.is_closing() {
            return Vec::new();
        }
        let taken = self.buffer.take(max);
        for ticket in &taken {
            self.hand_over(ticket);
        }
        taken
    }

    fn is_ready(&self) -> bool {
        self.buffer.is_ready()
    }

    fn fatal(&self) -> Option<&Error> {
        self.fatal.as_ref()
    }

    fn is_closing(&self) -> bool {
        self.life != Life::Open
    }

    fn is_flushed(&self) -> bool {
        self.life == Life::Ended
    }

    /// Asked once.
    fn stirs(&mut self) -> bool {
        std::mem::take(&mut self.stirs)
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a failed unwrap fails the test")]
mod tests;
