//! What comes again, and when.

use tokio::time::Instant;

use super::{State, Timer};
use crate::contract::Lane;
use crate::kafka::source::place::Ticket;

impl State {
    /// Does what is due; says when next something is.
    pub(in crate::kafka::source) fn advance(&mut self, now: Instant) -> Option<Instant> {
        while let Some(entry) = self.timers.first_entry() {
            if entry.key().0 > now {
                return Some(entry.key().0);
            }
            match entry.remove() {
                Timer::Appear(ticket) => self.wait(*ticket),
                Timer::Resume { lane, .. } => self.resume(&lane),
            }
        }
        None
    }

    /// The lane goes on, unless a rejected record has stopped it.
    pub(super) fn resume(&mut self, lane: &Lane) {
        let mut stopped = self.partitions.values().flat_map(|one| &one.stopped);
        if !stopped.any(|(stopped, _)| stopped.as_ref() == Some(lane)) {
            self.buffer.resume(lane);
        }
    }

    /// One less of the lane is out. With the last one, what came back takes its old places, and
    /// the lane goes on when the longest delay asked for is over.
    pub(super) fn leave_lane(
        &mut self,
        lane: Option<&Lane>,
        back: Option<(Ticket, Option<Instant>)>,
    ) {
        let Some(lane) = lane else {
            match back {
                Some((ticket, Some(then))) => self.after(then, Timer::Appear(Box::new(ticket))),
                Some((ticket, None)) => self.wait(ticket),
                None => {}
            }
            return;
        };
        if let Some(back) = back {
            self.back.entry(lane.clone()).or_default().push(back);
        }
        if !self.buffer.settled(lane) {
            return;
        }
        let Some(mut back) = self.back.remove(lane) else {
            return;
        };
        let longest = back
            .iter()
            .filter_map(|(ticket, then)| Some((then.as_ref()?, ticket.assignment.place)));
        if let Some((until, place)) = longest.max() {
            let lane = lane.clone();
            self.buffer.hold(&lane);
            self.after(*until, Timer::Resume { lane, place });
        }
        back.sort_unstable_by_key(|(ticket, _)| std::cmp::Reverse(ticket.record.offset));
        for (ticket, _) in back {
            self.count_in(&ticket);
            self.buffer.put_back(lane, ticket);
        }
    }

    fn wait(&mut self, ticket: Ticket) {
        self.count_in(&ticket);
        let lane = ticket.lane().cloned();
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
