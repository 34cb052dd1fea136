use std::collections::VecDeque;
use std::time::Duration;

use tokio::time::Instant;

use crate::contract::later;

/// The most entries that SQS takes in one batch request (API version 2012-11-05).
pub(in crate::sqs) const BATCH: usize = 10;

/// Gathers entries into batches of ten, or of fewer once the first has lingered.
#[derive(Debug)]
pub(super) struct Gatherer<T> {
    queue: VecDeque<T>,
    linger: Duration,
    /// Since when the first has waited.
    since: Option<Instant>,
}

impl<T> Gatherer<T> {
    pub(super) fn new(linger: Duration) -> Self {
        Self {
            queue: VecDeque::new(),
            linger,
            since: None,
        }
    }

    pub(super) fn push(&mut self, entry: T, now: Instant) {
        self.queue.push_back(entry);
        self.since.get_or_insert(now);
    }

    /// The next batch, where there is a full one, or one has lingered, or `flush` asks for it.
    pub(super) fn batch(&mut self, now: Instant, flush: bool) -> Option<Vec<T>> {
        let ready = self.due().is_some_and(|due| flush || due <= now);
        if !ready {
            return None;
        }
        let size = self.queue.len().min(BATCH);
        let batch = self.queue.drain(..size).collect();
        self.since = (!self.queue.is_empty()).then_some(now);
        Some(batch)
    }

    /// From when on there is a batch.
    pub(super) fn due(&self) -> Option<Instant> {
        let since = self.since?;
        Some(if self.queue.len() >= BATCH {
            since
        } else {
            later(since, self.linger)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LINGER: Duration = Duration::from_millis(100);

    fn gathered(count: usize, now: Instant) -> Gatherer<usize> {
        let mut gatherer = Gatherer::new(LINGER);
        for entry in 0..count {
            gatherer.push(entry, now);
        }
        gatherer
    }

    #[test]
    fn ten_go_at_once_and_the_rest_lingers() {
        let now = Instant::now();
        let mut gatherer = gathered(12, now);
        assert_eq!(
            gatherer.batch(now, false).map(|batch| batch.len()),
            Some(BATCH)
        );
        assert_eq!(gatherer.batch(now, false), None);
        assert_eq!(gatherer.due(), Some(now + LINGER));
        assert_eq!(gatherer.batch(now + LINGER, false), Some(vec![10, 11]));
        assert_eq!(gatherer.due(), None);
    }

    #[test]
    fn a_flush_waits_for_nothing() {
        let now = Instant::now();
        let mut gatherer = gathered(1, now);
        assert_eq!(gatherer.batch(now, true), Some(vec![0]));
        assert_eq!(gatherer.batch(now, true), None);
    }
}
