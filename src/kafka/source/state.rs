use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::time::Duration;

use opentelemetry::Context;
use tokio::time::Instant;

use super::offsets::Offsets;
use super::place::{Assignment, Place, Ticket};
use crate::contract::{Error, Lane, Lanes, Settled, later};

/// How many bytes of records a source keeps ready, beyond one record a partition.
const MOST_BYTES: usize = 64 * 1024 * 1024;

/// What becomes of a record that was handed over.
#[derive(Debug)]
pub(super) enum Fate {
    /// It is finished.
    Done,
    /// It comes again, as that attempt.
    Again { attempt: u32, delay: Duration },
    /// It stays unfinished, and its lane stops.
    Stopped { reason: String },
}

/// All that a source knows, and every decision that it takes, without any I/O.
#[derive(Debug)]
pub(super) struct State {
    buffer: Lanes<Ticket>,
    /// How many records of a partition the buffer holds at most.
    prefetch: usize,
    bytes: usize,
    partitions: HashMap<Place, Partition>,
    /// What came back of lanes of which more is handed over: it goes back together, in order.
    back: HashMap<Lane, Back>,
    timers: BTreeMap<(Instant, u64), Timer>,
    count: u64,
    finished: Finished,
    fatal: Option<Error>,
    /// Whether the group has let the source in.
    joined: bool,
    /// Why no delivery comes just now.
    trouble: Option<String>,
    closing: bool,
    unflushed: usize,
    /// There is something for the driver to do that it does not know of.
    stirs: bool,
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

/// What was finished between two commits: the first of it, and how much in all.
#[derive(Debug, Default)]
pub(super) struct Finished {
    pub(super) first: Vec<(Place, i64, Context)>,
    pub(super) count: usize,
}

impl Finished {
    /// As many links as the SDK keeps of a span by default (`OTEL_SPAN_LINK_COUNT_LIMIT`).
    const MOST: usize = 128;

    fn note(&mut self, ticket: &Ticket) {
        self.count += 1;
        if self.first.len() < Self::MOST {
            let place = ticket.assignment.place;
            let context = ticket.context.clone().unwrap_or_default();
            self.first.push((place, ticket.record.offset, context));
        }
    }
}

#[derive(Debug, Default)]
struct Back {
    items: Vec<Ticket>,
    until: Option<Instant>,
}

#[derive(Debug)]
enum Timer {
    Appear(Box<Ticket>),
    Resume(Lane),
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
            closing: false,
            unflushed: 0,
            stirs: false,
        }
    }

    /// A partition is ours from now on.
    pub(super) fn assigned(&mut self, assignment: Arc<Assignment>) {
        let partition = Partition {
            assignment,
            offsets: Offsets::default(),
            buffered: 0,
            in_hand: 0,
            leaving: false,
            expired: false,
            starved: false,
            stopped: Vec::new(),
        };
        self.partitions
            .insert(partition.assignment.place, partition);
    }

    /// Of each partition that may be fetched from, how many records there is room for.
    pub(super) fn rooms(&mut self) -> Vec<(Arc<Assignment>, usize)> {
        let (prefetch, closing) = (self.prefetch, self.closing);
        let crowded = self.bytes >= MOST_BYTES;
        let partitions = self.partitions.values_mut();
        let room = |partition: &mut Partition| {
            if partition.leaving || closing {
                return None;
            }
            let most = if crowded { 1 } else { prefetch };
            let room = most.saturating_sub(partition.buffered);
            let room = room.min(partition.offsets.room());
            partition.starved = room == 0;
            (room > 0).then(|| (Arc::clone(&partition.assignment), room))
        };
        partitions.filter_map(room).collect()
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
        for ticket in records {
            if partition.offsets.take(ticket.record.offset) {
                partition.buffered += 1;
                self.bytes += ticket.record.size();
                let lane = ticket.lane.clone();
                self.buffer.push(lane.as_ref(), ticket);
            }
        }
    }

    /// Hands over up to `max` deliveries.
    pub(super) fn take(&mut self, max: usize) -> Vec<Ticket> {
        if self.closing {
            return Vec::new();
        }
        let taken = self.buffer.take(max);
        let mut room = false;
        for ticket in &taken {
            self.bytes -= ticket.record.size();
            if let Some(partition) = self.ours(&ticket.assignment) {
                partition.buffered -= 1;
                partition.in_hand += 1;
                room |= partition.starved;
            }
        }
        self.stirs |= room && self.has_room();
        taken
    }

    /// Whether the driver is to look again before it would by itself; asked once.
    pub(super) fn stirs(&mut self) -> bool {
        std::mem::take(&mut self.stirs)
    }

    /// Ends a delivery.
    pub(super) fn settle(&mut self, ticket: &Ticket, fate: Fate, now: Instant) -> Settled {
        let lane = ticket.lane.as_ref();
        let Some(partition) = self.ours(&ticket.assignment) else {
            self.leave_lane(lane, None, now);
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
            Fate::Again { attempt, delay } => (!partition.leaving).then(|| {
                let ticket = Ticket {
                    attempt,
                    ..ticket.clone()
                };
                (ticket, delay)
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
        self.leave_lane(lane, back, now);
        Settled::Recorded
    }

    /// Does what is due; says when next something is.
    pub(super) fn advance(&mut self, now: Instant) -> Option<Instant> {
        while let Some(entry) = self.timers.first_entry() {
            if entry.key().0 > now {
                return Some(entry.key().0);
            }
            match entry.remove() {
                Timer::Appear(ticket) => self.wait(*ticket),
                Timer::Resume(lane) => {
                    let mut stopped = self.partitions.values().flat_map(|one| &one.stopped);
                    if !stopped.any(|(stopped, _)| stopped.as_ref() == Some(&lane)) {
                        self.buffer.resume(&lane);
                    }
                }
            }
        }
        None
    }

    /// These partitions are to go: nothing more of them is handed over.
    pub(super) fn leave(&mut self, places: &[Place]) {
        for place in places {
            if let Some(partition) = self.partitions.get_mut(place) {
                partition.leaving = true;
                partition.buffered = 0;
            }
        }
        let gone = |ticket: &Ticket| places.contains(&ticket.assignment.place);
        for ticket in self.buffer.extract(gone) {
            self.bytes -= ticket.record.size();
        }
        for back in self.back.values_mut() {
            back.items.retain(|ticket| !gone(ticket));
        }
        self.timers
            .retain(|_, timer| !matches!(timer, Timer::Appear(ticket) if gone(ticket)));
    }

    /// How many deliveries of these partitions are in hand.
    pub(super) fn in_hand(&self, places: &[Place]) -> usize {
        let partitions = places.iter().filter_map(|place| self.partitions.get(place));
        partitions.map(|partition| partition.in_hand).sum()
    }

    /// These partitions are gone, and with them the leases on what is still in hand.
    pub(super) fn unassigned(&mut self, places: &[Place]) {
        self.leave(places);
        for place in places {
            let Some(partition) = self.partitions.remove(place) else {
                continue;
            };
            partition.assignment.keeper.revoke();
            for lane in partition
                .stopped
                .iter()
                .filter_map(|(lane, _)| lane.as_ref())
            {
                self.buffer.resume(lane);
            }
        }
    }

    /// The leases on what is still in hand of these partitions are lost: it is not settled any more.
    pub(super) fn expire(&mut self, places: &[Place]) {
        for place in places {
            if let Some(partition) = self.partitions.get_mut(place) {
                partition.expired = true;
                partition.assignment.keeper.revoke();
            }
        }
    }

    /// Every partition that is ours.
    pub(super) fn places(&self) -> Vec<Place> {
        self.partitions.keys().copied().collect()
    }

    /// What is to be committed: of these partitions, or of all.
    pub(super) fn uncommitted(&self, of: Option<&[Place]>) -> Vec<(Place, i64)> {
        let wanted = |place: &Place| of.is_none_or(|places| places.contains(place));
        let partitions = self.partitions.iter().filter(|(place, _)| wanted(place));
        let uncommitted = partitions.map(|(place, one)| Some((*place, one.offsets.uncommitted()?)));
        uncommitted.flatten().collect()
    }

    /// What was finished since this was last asked.
    pub(super) fn finished(&mut self) -> Finished {
        std::mem::take(&mut self.finished)
    }

    /// The source has left its group, with the positions of so many partitions uncommitted.
    pub(super) fn left(&mut self, unflushed: usize) {
        self.unflushed = unflushed;
    }

    /// Of how many partitions the last positions did not reach the broker.
    pub(super) fn unflushed(&self) -> usize {
        self.unflushed
    }

    /// The broker has a position.
    pub(super) fn committed(&mut self, place: Place, position: i64) {
        if let Some(partition) = self.partitions.get_mut(&place) {
            partition.offsets.committed(position);
        }
    }

    /// Nothing more is handed over.
    pub(super) fn close(&mut self) {
        self.closing = true;
        let places = self.places();
        let gone = |ticket: &Ticket| places.contains(&ticket.assignment.place);
        drop(self.buffer.extract(gone));
        self.bytes = 0;
    }

    /// Whether nothing more is handed over.
    pub(super) fn is_closing(&self) -> bool {
        self.closing
    }

    /// Whether something waits to be handed over.
    pub(super) fn has_buffered(&self) -> bool {
        !self.buffer.is_empty()
    }

    /// The source cannot go on.
    pub(super) fn fail(&mut self, error: Error) {
        self.fatal.get_or_insert(error);
    }

    /// The error that ended the source.
    pub(super) fn fatal(&self) -> Option<&Error> {
        self.fatal.as_ref()
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

    fn ours(&mut self, assignment: &Assignment) -> Option<&mut Partition> {
        self.partitions
            .get_mut(&assignment.place)
            .filter(|one| one.assignment.epoch == assignment.epoch && !one.expired)
    }

    /// Whether a partition that found no room has enough of it now to be worth a fetch.
    fn has_room(&self) -> bool {
        let enough = self.prefetch / 2;
        self.partitions
            .values()
            .any(|one| one.starved && one.buffered <= enough && one.offsets.room() > 0)
    }

    /// One less of the lane is out. With the last one, what came back takes its old places, and
    /// the lane goes on when the longest delay asked for is over.
    fn leave_lane(&mut self, lane: Option<&Lane>, back: Option<(Ticket, Duration)>, now: Instant) {
        let until = back.as_ref().filter(|(_, delay)| !delay.is_zero());
        let until = until.map(|(_, delay)| later(now, *delay));
        let Some(lane) = lane else {
            match (back, until) {
                (Some((ticket, _)), Some(until)) => {
                    self.after(until, Timer::Appear(Box::new(ticket)));
                }
                (Some((ticket, _)), None) => self.wait(ticket),
                (None, _) => {}
            }
            return;
        };
        if let Some((ticket, _)) = back {
            let back = self.back.entry(lane.clone()).or_default();
            back.items.push(ticket);
            back.until = back.until.max(until);
        }
        let last = self.buffer.out(lane) <= 1;
        self.buffer.settled(lane);
        if !last {
            return;
        }
        let Some(mut back) = self.back.remove(lane) else {
            return;
        };
        if let Some(until) = back.until {
            self.buffer.hold(lane);
            self.after(until, Timer::Resume(lane.clone()));
        }
        back.items
            .sort_unstable_by_key(|ticket| std::cmp::Reverse(ticket.record.offset));
        for ticket in back.items {
            self.count_in(&ticket);
            self.buffer.put_back(lane, ticket);
        }
    }

    fn wait(&mut self, ticket: Ticket) {
        self.count_in(&ticket);
        let lane = ticket.lane.clone();
        self.buffer.push(lane.as_ref(), ticket);
    }

    fn count_in(&mut self, ticket: &Ticket) {
        self.bytes += ticket.record.size();
        if let Some(partition) = self.ours(&ticket.assignment) {
            partition.buffered += 1;
        }
    }

    fn after(&mut self, due: Instant, timer: Timer) {
        self.count += 1;
        self.stirs = true;
        self.timers.insert((due, self.count), timer);
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a failed unwrap fails the test")]
mod tests;
