//! Which partitions are ours, and how far they are.

use std::sync::Arc;

use super::{Finished, MOST_BYTES, Partition, State, Timer};
use crate::contract::Knowledge as _;
use crate::kafka::source::offsets::Offsets;
use crate::kafka::source::place::{Assignment, Place, Ticket};

impl State {
    /// A partition is ours from now on.
    pub(in crate::kafka::source) fn assigned(&mut self, assignment: Arc<Assignment>) {
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
    pub(in crate::kafka::source) fn rooms(&mut self) -> Vec<(Arc<Assignment>, usize)> {
        let (prefetch, closing) = (self.prefetch, self.is_closing());
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

    /// These partitions are to go: nothing more of them is handed over.
    pub(in crate::kafka::source) fn leave(&mut self, places: &[Place]) {
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
        self.back.retain(|_, back| {
            back.retain(|(ticket, _)| !gone(ticket));
            !back.is_empty()
        });
        let mut resumed = Vec::new();
        self.timers.retain(|_, timer| match timer {
            Timer::Appear(ticket) => !gone(ticket),
            Timer::Resume { lane, place } => {
                let goes = places.contains(place);
                if goes {
                    resumed.push(lane.clone());
                }
                !goes
            }
        });
        for lane in resumed {
            self.resume(&lane);
        }
    }

    /// How many deliveries of these partitions are in hand.
    pub(in crate::kafka::source) fn in_hand(&self, places: &[Place]) -> usize {
        let partitions = places.iter().filter_map(|place| self.partitions.get(place));
        partitions.map(|partition| partition.in_hand).sum()
    }

    /// These partitions are gone, and with them the leases on what is still in hand.
    pub(in crate::kafka::source) fn unassigned(&mut self, places: &[Place]) {
        self.leave(places);
        for place in places {
            let Some(partition) = self.partitions.remove(place) else {
                continue;
            };
            partition.assignment.keeper.revoke();
            let stopped = partition.stopped.iter();
            for lane in stopped.filter_map(|(lane, _)| lane.as_ref()) {
                self.resume(lane);
            }
        }
    }

    /// The leases on what is still in hand of these partitions are lost: it is not settled any more.
    pub(in crate::kafka::source) fn expire(&mut self, places: &[Place]) {
        for place in places {
            if let Some(partition) = self.partitions.get_mut(place) {
                partition.expired = true;
                partition.assignment.keeper.revoke();
            }
        }
    }

    /// Every partition that is ours.
    pub(in crate::kafka::source) fn places(&self) -> Vec<Place> {
        self.partitions.keys().copied().collect()
    }

    /// What is to be committed: of these partitions, or of all.
    pub(in crate::kafka::source) fn uncommitted(&self, of: Option<&[Place]>) -> Vec<(Place, i64)> {
        let wanted = |place: &Place| of.is_none_or(|places| places.contains(place));
        let partitions = self.partitions.iter().filter(|(place, _)| wanted(place));
        let uncommitted = partitions.map(|(place, one)| Some((*place, one.offsets.uncommitted()?)));
        uncommitted.flatten().collect()
    }

    /// What was finished since this was last asked.
    pub(in crate::kafka::source) fn finished(&mut self) -> Finished {
        std::mem::take(&mut self.finished)
    }

    /// The source has left its group, with the positions of so many partitions uncommitted.
    pub(in crate::kafka::source) fn left(&mut self, unflushed: usize) {
        self.unflushed = unflushed;
    }

    /// Of how many partitions the last positions have not reached the broker.
    pub(in crate::kafka::source) fn unflushed(&self) -> usize {
        self.unflushed + self.uncommitted(None).len()
    }

    /// What was finished could not be committed: the next commit tells of it.
    pub(in crate::kafka::source) fn not_committed(&mut self, finished: Finished) {
        self.finished.after(finished);
    }

    /// The broker has a position.
    pub(in crate::kafka::source) fn committed(&mut self, place: Place, position: i64) {
        if let Some(partition) = self.partitions.get_mut(&place) {
            partition.offsets.committed(position);
        }
    }

    pub(super) fn ours(&mut self, assignment: &Assignment) -> Option<&mut Partition> {
        self.partitions
            .get_mut(&assignment.place)
            .filter(|one| one.assignment.epoch == assignment.epoch && !one.expired)
    }

    /// Whether a partition that found no room has enough of it now to be worth a fetch.
    pub(super) fn has_room(&self) -> bool {
        let enough = self.prefetch / 2;
        self.partitions
            .values()
            .any(|one| one.starved && one.buffered <= enough && one.offsets.room() > 0)
    }
}
