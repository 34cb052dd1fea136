use std::sync::Arc;

use tokio::time::Instant;

use super::Ledger;
use crate::sqs::source::entry::{Asked, Entry, Queue, Took};
use crate::sqs::source::gather::BATCH;
use crate::sqs::source::receipt::{Answer, Change, Delete, Id};

/// What is asked of the broker, ten receipts at a time, and what becomes of its answers.
impl Ledger {
    /// The next ten deletes, or fewer that have lingered or that `flush` sends.
    pub(in crate::sqs::source) fn next_deletes(
        &mut self,
        now: Instant,
        flush: bool,
    ) -> Option<Vec<Delete>> {
        let mut batch = Vec::new();
        while batch.is_empty() {
            for id in self.deletes.batch(now, flush)? {
                let Some(entry) = self.entries.get_mut(&id) else {
                    continue;
                };
                if entry.has_ended(now) {
                    self.end(id, true);
                    continue;
                }
                batch.push(Delete {
                    id,
                    receipt: Arc::clone(&entry.grant.receipt),
                });
            }
        }
        Some(batch)
    }

    /// The next ten visibility changes, or fewer that have lingered or that `flush` sends.
    /// Heartbeats that are nearly due fill up the ten.
    pub(in crate::sqs::source) fn next_changes(
        &mut self,
        now: Instant,
        flush: bool,
    ) -> Option<Vec<Change>> {
        if let Some(id) = self.alone.pop() {
            return match self.change(id, Queue::Alone, now) {
                None => self.next_changes(now, flush),
                Some(change) => Some(vec![change]),
            };
        }
        let mut batch = Vec::new();
        while batch.is_empty() {
            let ids = self.changes.batch(now, flush)?;
            batch.extend(
                ids.into_iter()
                    .filter_map(|id| self.change(id, Queue::Gathered, now)),
            );
        }
        self.fill(&mut batch, now);
        Some(batch)
    }

    /// Takes the answer to a delete.
    pub(in crate::sqs::source) fn deleted(&mut self, id: Id, answer: &Answer, now: Instant) {
        match answer {
            Answer::Done | Answer::Refused => self.end(id, *answer == Answer::Refused),
            Answer::Failed => {
                if let Some(entry) = self.entries.get_mut(&id) {
                    entry.retry_later(now);
                    self.reschedule(id);
                }
            }
        }
    }

    /// Takes the answer to a visibility change that was sent at `sent`.
    pub(in crate::sqs::source) fn changed(
        &mut self,
        change: &Change,
        answer: &Answer,
        sent: Instant,
        now: Instant,
    ) {
        let Some(entry) = self.entries.get_mut(&change.id) else {
            return;
        };
        match entry.took(change, answer, sent, now) {
            Took::Over { lost } => return self.end(change.id, lost),
            Took::Settles => self.queue_change(change.id, now),
            Took::Goes => {}
        }
        self.reschedule(change.id);
    }

    /// Queues the one visibility request of a receipt, where it goes out with others or alone.
    pub(super) fn queue_change(&mut self, id: Id, now: Instant) {
        match self.entries.get_mut(&id).and_then(Entry::queue) {
            Some(Queue::Gathered) => self.changes.push(id, now),
            Some(Queue::Alone) => self.alone.push(id),
            None => {}
        }
    }

    /// What to ask for a receipt out of a queue, at the moment of sending.
    fn change(&mut self, id: Id, queue: Queue, now: Instant) -> Option<Change> {
        let visibility = self.visibility;
        match self.entries.get_mut(&id)?.ask(id, queue, visibility, now) {
            Asked::Change(change) => Some(change),
            Asked::Nothing => None,
            Asked::Ended => {
                self.end(id, true);
                None
            }
        }
    }

    /// Adds the heartbeats that are nearly due.
    fn fill(&mut self, batch: &mut Vec<Change>, now: Instant) {
        let soon = now + self.visibility / 8;
        let room = BATCH - batch.len();
        let near: Vec<Id> = self
            .agenda
            .range(..=(soon, Id(u64::MAX)))
            .map(|(_, id)| *id)
            .filter(|id| {
                self.entries
                    .get(id)
                    .is_some_and(|entry| entry.beats_by(soon))
            })
            .take(room)
            .collect();
        for id in near {
            if let Some(entry) = self.entries.get_mut(&id) {
                entry.beat_now();
            }
            batch.extend(self.change(id, Queue::Gathered, now));
            self.reschedule(id);
        }
    }
}
