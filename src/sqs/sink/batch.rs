use std::time::Duration;

use tokio::time::Instant;

use crate::contract::{Lane, Lanes, later};

/// What a batch of several holds at most, in bytes. SQS allows 1 MiB since 2025; queues and
/// servers that do not are served too, and a batch of more would cost no less, for each 64 KiB is
/// billed as a request.
const MOST_BYTES: usize = 262_144;

/// What waits to be sent, gathered into batches: at most one of a lane in flight at a time, and so
/// at most one in a batch.
#[derive(Debug)]
pub(super) struct Batches<T> {
    waiting: Lanes<Sized<T>>,
    /// What did not fit into the batch before.
    carried: Option<Sized<T>>,
    size: usize,
    linger: Duration,
    /// Since when the first has waited.
    since: Option<Instant>,
    /// A lane was freed: there is nothing to linger for.
    ripe: bool,
}

#[derive(Debug)]
struct Sized<T> {
    bytes: usize,
    item: T,
}

impl<T> Batches<T> {
    /// Batches of at most `size`; fewer go once the first has waited for `linger`.
    pub(super) fn new(size: usize, linger: Duration) -> Self {
        Self {
            waiting: Lanes::new(1),
            carried: None,
            size,
            linger,
            since: None,
            ripe: false,
        }
    }

    pub(super) fn len(&self) -> usize {
        self.waiting.len() + usize::from(self.carried.is_some())
    }

    pub(super) fn push(&mut self, lane: Option<&Lane>, bytes: usize, item: T, now: Instant) {
        self.waiting.push(lane, Sized { bytes, item });
        self.since.get_or_insert(now);
    }

    /// Puts an item that failed back in its place, to be sent again at once.
    pub(super) fn again(&mut self, lane: Option<&Lane>, bytes: usize, item: T) {
        let item = Sized { bytes, item };
        match lane {
            Some(lane) => self.waiting.put_back(lane, item),
            None => self.waiting.push(None, item),
        }
        self.ripe = true;
    }

    /// The one of the lane that was in flight is answered.
    pub(super) fn settled(&mut self, lane: &Lane) {
        self.waiting.settled(lane);
        self.ripe = true;
    }

    /// Takes out what waits in the lane.
    pub(super) fn drain(&mut self, lane: &Lane) -> Vec<T> {
        let drained = self.waiting.drain_lane(lane);
        drained.into_iter().map(|sized| sized.item).collect()
    }

    /// The next batch, where there is a full one, or one has lingered, or `flush` asks for it.
    pub(super) fn next(&mut self, now: Instant, flush: bool) -> Option<Vec<T>> {
        let lingered = self.due().is_some_and(|due| due <= now);
        if !(lingered || flush || self.ripe || self.len() >= self.size) {
            return None;
        }
        let mut batch = Vec::new();
        let mut bytes = 0;
        while batch.len() < self.size {
            let next = self.carried.take().or_else(|| self.waiting.take(1).pop());
            let Some(next) = next else { break };
            bytes += next.bytes;
            if bytes > MOST_BYTES && !batch.is_empty() {
                self.carried = Some(next);
                break;
            }
            batch.push(next.item);
        }
        self.ripe = false;
        // What is left either lingers anew, or waits for its lane.
        self.since = (!batch.is_empty() && self.len() > 0).then_some(now);
        (!batch.is_empty()).then_some(batch)
    }

    /// From when on there is a batch.
    pub(super) fn due(&self) -> Option<Instant> {
        Some(later(self.since?, self.linger))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LINGER: Duration = Duration::from_millis(5);

    fn lane(name: &'static str) -> Lane {
        Lane::new(name)
    }

    #[test]
    fn ten_go_at_once_and_fewer_after_the_linger() {
        let now = Instant::now();
        let mut batches = Batches::new(10, LINGER);
        for item in 0..12 {
            batches.push(None, 1, item, now);
        }
        assert_eq!(batches.next(now, false).map(|batch| batch.len()), Some(10));
        assert_eq!(batches.next(now, false), None);
        assert_eq!(batches.next(now + LINGER, false), Some(vec![10, 11]));
    }

    #[test]
    fn one_of_a_group_is_in_flight_at_a_time() {
        let now = Instant::now();
        let mut batches = Batches::new(10, LINGER);
        for (name, item) in [("a", 1), ("a", 2), ("b", 3), ("a", 4)] {
            batches.push(Some(&lane(name)), 1, item, now);
        }
        assert_eq!(batches.next(now, true), Some(vec![1, 3]));
        assert_eq!(batches.next(now, true), None);
        batches.settled(&lane("a"));
        assert_eq!(batches.next(now, false), Some(vec![2]));
    }

    #[test]
    fn what_failed_goes_again_before_the_rest_of_its_group() {
        let now = Instant::now();
        let mut batches = Batches::new(10, LINGER);
        for item in 1..=2 {
            batches.push(Some(&lane("a")), 1, item, now);
        }
        assert_eq!(batches.next(now, true), Some(vec![1]));
        batches.again(Some(&lane("a")), 1, 1);
        assert_eq!(batches.next(now, false), Some(vec![1]));
        batches.settled(&lane("a"));
        assert_eq!(batches.next(now, false), Some(vec![2]));
    }

    #[test]
    fn a_batch_keeps_its_size_and_a_large_message_goes_alone() {
        let now = Instant::now();
        let mut batches = Batches::new(10, LINGER);
        for (item, bytes) in [(1, 200_000), (2, 70_000), (3, 500_000), (4, 10)] {
            batches.push(None, bytes, item, now);
        }
        for expected in [vec![1], vec![2], vec![3], vec![4]] {
            assert_eq!(batches.next(now, true), Some(expected));
        }
        assert_eq!(batches.len(), 0);
    }
}
