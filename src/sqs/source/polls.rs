use std::time::Duration;

use tokio::time::Instant;

use super::gather::BATCH;
use crate::contract::{Capacity, Error, ErrorKind};
use crate::sqs::retry;

/// How long a queue must have been missing until it counts as deleted: it may be on its way back
/// (a local broker that starts again), and `QueueDoesNotExist` may come from one stale node.
const MISSING: Duration = Duration::from_secs(3);

/// Room for settlements that are not confirmed, beyond what is in hand and buffered.
const UNCONFIRMED: usize = 1000;

/// Which receives are in flight, and when there is to be another one.
///
/// One while the queue is idle; more while they come back full, up to `most` and to what the
/// capacity has room for. Each asks for ten.
#[derive(Debug)]
pub(super) struct Polls {
    /// How many deliveries may be in hand or buffered.
    room: usize,
    most: usize,
    wanted: usize,
    flying: usize,
    tries: u32,
    /// After a failure: not before then.
    pause: Option<Instant>,
    missing: Option<Instant>,
    trouble: Option<String>,
}

/// How long a receive waits for a first message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Wait {
    /// The wait time of the source.
    Long,
    /// A second at most, so that no more than one outlasts a busy time.
    Short,
}

impl Polls {
    pub(super) fn new(capacity: Capacity, prefetch: usize, most: usize) -> Self {
        Self {
            room: capacity.slots.max(1).saturating_add(prefetch.max(BATCH)),
            most: most.max(1),
            wanted: 1,
            flying: 0,
            tries: 0,
            pause: None,
            missing: None,
            trouble: None,
        }
    }

    /// Whether another receive would start, with `held` deliveries in hand or buffered and
    /// `entries` in all, settled ones that are not confirmed included.
    pub(super) fn may_start(&self, held: usize, entries: usize, now: Instant) -> bool {
        self.flying < self.wanted
            && held + (self.flying + 1) * BATCH <= self.room
            && entries < self.room.saturating_add(UNCONFIRMED)
            && self.pause.is_none_or(|pause| pause <= now)
    }

    /// Starts a receive, where there may be one.
    pub(super) fn start(&mut self, held: usize, entries: usize, now: Instant) -> Option<Wait> {
        if !self.may_start(held, entries, now) {
            return None;
        }
        self.flying += 1;
        self.pause = None;
        Some(if self.flying == 1 {
            Wait::Long
        } else {
            Wait::Short
        })
    }

    /// A receive brought that many.
    pub(super) fn brought(&mut self, count: usize) {
        self.flying = self.flying.saturating_sub(1);
        self.tries = 0;
        self.pause = None;
        self.missing = None;
        self.trouble = None;
        self.wanted = match count {
            0 => 1,
            full if full >= BATCH => (self.wanted + 1).min(self.most),
            few if few < BATCH / 2 => (self.wanted - 1).max(1),
            _ => self.wanted,
        };
    }

    /// A receive failed: the next one waits. Answers whether nothing mends it.
    pub(super) fn failed(&mut self, error: &Error, now: Instant) -> bool {
        self.flying = self.flying.saturating_sub(1);
        self.wanted = 1;
        self.tries += 1;
        self.pause = Some(now + retry::backoff(self.tries));
        if self.trouble.replace(error.to_string()).is_none() {
            tracing::warn!(%error, "receiving fails, and is tried again");
        }
        if error.kind() != ErrorKind::NotFound {
            self.missing = None;
            return false;
        }
        now.duration_since(*self.missing.get_or_insert(now)) >= MISSING
    }

    /// How many receives are in flight.
    pub(super) fn flying(&self) -> usize {
        self.flying
    }

    /// Until when none starts.
    pub(super) fn pause(&self) -> Option<Instant> {
        self.pause
    }

    /// Why none comes back, where that is so.
    pub(super) fn trouble(&self) -> Option<&str> {
        self.trouble.as_deref()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::contract::{Destination, Operation, System};

    fn error(kind: ErrorKind) -> Error {
        let queue = Destination::new(System::AwsSqs, "orders");
        Error::new(Operation::Receive, &queue, kind, "said so")
    }

    fn polls(slots: usize) -> Polls {
        Polls::new(Capacity::slots(slots), 10, 4)
    }

    /// Starts all that may start.
    fn started(polls: &mut Polls, held: usize) -> usize {
        let now = Instant::now();
        std::iter::from_fn(|| polls.start(held, held, now)).count()
    }

    #[test]
    fn an_idle_queue_has_one_long_poll() {
        let mut polls = polls(100);
        assert_eq!(polls.start(0, 0, Instant::now()), Some(Wait::Long));
        assert_eq!(started(&mut polls, 0), 0);
        polls.brought(0);
        assert_eq!(polls.start(0, 0, Instant::now()), Some(Wait::Long));
    }

    #[test]
    fn full_receives_open_more_and_an_empty_one_leaves_one() {
        let mut polls = polls(100);
        for in_flight in [1, 2, 3, 4, 4] {
            started(&mut polls, 0);
            assert_eq!(polls.flying(), in_flight);
            polls.brought(10);
        }
        polls.brought(0);
        assert_eq!(started(&mut polls, 0), 0, "two are still in flight");
        polls.brought(5);
        polls.brought(5);
        assert_eq!(started(&mut polls, 0), 1);
    }

    #[test]
    fn only_the_first_is_a_long_poll() {
        let mut polls = polls(100);
        polls.brought(10);
        assert_eq!(polls.start(0, 0, Instant::now()), Some(Wait::Long));
        assert_eq!(polls.start(0, 0, Instant::now()), Some(Wait::Short));
    }

    #[test]
    fn a_receive_starts_only_where_ten_have_room() {
        let mut polls = polls(32);
        assert_eq!(started(&mut polls, 33), 0);
        assert_eq!(started(&mut polls, 32), 1);
        assert_eq!(started(&mut polls, 22), 0, "no second one is wanted");
        polls.brought(10);
        assert_eq!(started(&mut polls, 22), 2);
    }

    #[test]
    fn unconfirmed_settlements_are_bounded_too() {
        let mut polls = polls(32);
        assert_eq!(polls.start(0, 32 + 10 + UNCONFIRMED, Instant::now()), None);
        assert!(polls.start(0, 32 + 10, Instant::now()).is_some());
    }

    #[test]
    fn a_failure_pauses_and_says_why_until_a_receive_succeeds() {
        let now = Instant::now();
        let mut polls = polls(32);
        polls.start(0, 0, now);
        assert!(!polls.failed(&error(ErrorKind::Throttled), now));
        assert!(polls.trouble().is_some_and(|why| why.contains("said so")));
        assert_eq!(polls.start(0, 0, now), None);
        let later = polls.pause().unwrap_or(now);
        assert!(later > now && polls.start(0, 0, later).is_some());
        polls.brought(0);
        assert_eq!(polls.trouble(), None);
    }

    #[test]
    fn a_queue_that_stays_missing_is_deleted() {
        let now = Instant::now();
        let mut polls = polls(32);
        assert!(!polls.failed(&error(ErrorKind::NotFound), now));
        assert!(!polls.failed(&error(ErrorKind::Unavailable), now + MISSING));
        assert!(!polls.failed(&error(ErrorKind::NotFound), now + MISSING));
        assert!(polls.failed(&error(ErrorKind::NotFound), now + MISSING * 2));
    }
}
