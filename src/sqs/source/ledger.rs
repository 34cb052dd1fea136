use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;

use super::gather::{BATCH, Gatherer};
use super::receipt::{Answer, Change, DeadCopy, Delete, Ended, Grant, Id, Return, Stage};
use crate::sqs::retry;

/// How long SQS lets a message be invisible at most, counted from its receive
/// (`ChangeMessageVisibility`, API version 2012-11-05).
const LONGEST: Duration = Duration::from_hours(12);

/// The shortest pause between two tries of an extension.
const BREATH: Duration = Duration::from_millis(50);

/// Every receipt from its receive until the broker confirmed its settlement or took it away.
///
/// It does no I/O: [`wake`](Self::wake) and the two `next_` functions say what to send, `deleted`
/// and `changed` take the answers. At most one visibility request of a receipt is queued or in
/// flight, and what it asks is decided when it is sent, so that a heartbeat never comes after a
/// settlement and hides the message again.
#[derive(Debug)]
pub(super) struct Ledger {
    visibility: Duration,
    entries: HashMap<Id, Entry>,
    /// When to look at which receipt.
    agenda: BTreeSet<(Instant, Id)>,
    deletes: Gatherer<Id>,
    changes: Gatherer<Id>,
    /// Changes that go alone, a request each.
    alone: Vec<Id>,
    ended: Vec<Ended>,
    last: u64,
    held: usize,
}

#[derive(Debug)]
struct Entry {
    grant: Grant,
    stage: Stage,
    visibility: Visibility,
    /// The latest time at which the broker surely had not yet begun to count.
    received: Instant,
    /// Until when the lease is confirmed.
    ends: Instant,
    /// When to extend it.
    beat: Instant,
    /// When to try a failed settlement again.
    retry: Option<Instant>,
    tries: u32,
    /// Under which time the agenda has it.
    agenda: Instant,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Visibility {
    Idle,
    Queued,
    Sent,
}

impl Ledger {
    /// An empty ledger of leases of `visibility`; settlements are gathered for at most `linger`.
    pub(super) fn new(visibility: Duration, linger: Duration) -> Self {
        Self {
            visibility,
            entries: HashMap::new(),
            agenda: BTreeSet::new(),
            deletes: Gatherer::new(linger),
            changes: Gatherer::new(linger),
            alone: Vec::new(),
            ended: Vec::new(),
            last: 0,
            held: 0,
        }
    }

    /// Every receipt, settled ones that are not confirmed included.
    pub(super) fn len(&self) -> usize {
        self.entries.len()
    }

    /// Receipts that are buffered or in hand.
    pub(super) fn held(&self) -> usize {
        self.held
    }

    /// Enters a receipt of a receive that was sent at `started` and answered at `now`. The lease
    /// is taken to run from `started`, because nobody knows when in between it began.
    pub(super) fn grant(&mut self, grant: Grant, started: Instant, now: Instant) -> Id {
        self.last += 1;
        let id = Id(self.last);
        let ends = started + self.visibility;
        let left = ends.saturating_duration_since(now);
        let beat = (started + self.visibility / 2).max(now + left / 4);
        self.entries.insert(
            id,
            Entry {
                grant,
                stage: Stage::Held,
                visibility: Visibility::Idle,
                received: started,
                ends,
                beat,
                retry: None,
                tries: 0,
                agenda: beat,
            },
        );
        self.agenda.insert((beat, id));
        self.held += 1;
        id
    }

    /// Whether a receipt is still ours; one whose lease has just run out is ended here.
    pub(super) fn is_ours(&mut self, id: Id, now: Instant) -> bool {
        match self.entries.get(&id) {
            None => false,
            Some(entry) if entry.ends <= now => {
                self.end(id, true);
                false
            }
            Some(_) => true,
        }
    }

    /// Gathers the delete of a receipt.
    pub(super) fn delete(&mut self, id: Id, now: Instant) {
        if self.enter(id, Stage::Deleting) {
            self.deletes.push(id, now);
        }
    }

    /// Gathers the visibility change of a receipt, or sends it `alone`; `Expire` lets go of it.
    pub(super) fn leave(&mut self, id: Id, back: Return, alone: bool, now: Instant) {
        match back {
            Return::Expire => self.end(id, false),
            Return::After(seconds) => {
                if self.enter(id, Stage::Leaving { seconds, alone }) {
                    self.queue_change(id, now);
                    self.reschedule(id);
                }
            }
        }
    }

    /// Keeps a receipt alive until its turn in the group comes; answers its place there.
    pub(super) fn wait(&mut self, id: Id) -> u128 {
        self.enter(id, Stage::Waiting);
        let entry = self.entries.get(&id);
        entry.map_or(0, |entry| entry.grant.receipt.sequence)
    }

    /// Keeps a receipt alive until a copy is in the dead-letter queue; answers what to copy.
    pub(super) fn reject(&mut self, id: Id) -> Option<Box<DeadCopy>> {
        self.enter(id, Stage::Rejecting);
        self.entries.get_mut(&id)?.grant.copy.take()
    }

    /// Looks at what is due: leases that ended, heartbeats and retries.
    pub(super) fn wake(&mut self, now: Instant) {
        while let Some(&(at, id)) = self.agenda.first() {
            if at > now {
                break;
            }
            let Some(entry) = self.entries.get_mut(&id) else {
                self.agenda.pop_first();
                continue;
            };
            if entry.ends <= now {
                self.end(id, true);
                continue;
            }
            if entry.retry.is_some_and(|retry| retry <= now) {
                entry.retry = None;
                match entry.stage {
                    Stage::Deleting => self.deletes.push(id, now),
                    _ => self.queue_change(id, now),
                }
            } else if entry.beat <= now {
                // The next look, unless an answer brings it forward.
                entry.beat = entry.ends;
                self.queue_change(id, now);
            }
            self.reschedule(id);
        }
    }

    /// The next ten deletes, or fewer that have lingered or that `flush` sends.
    pub(super) fn next_deletes(&mut self, now: Instant, flush: bool) -> Option<Vec<Delete>> {
        let mut batch = Vec::new();
        while batch.is_empty() {
            for id in self.deletes.batch(now, flush)? {
                let Some(entry) = self.entries.get_mut(&id) else {
                    continue;
                };
                if entry.ends <= now {
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
    pub(super) fn next_changes(&mut self, now: Instant, flush: bool) -> Option<Vec<Change>> {
        if let Some(id) = self.alone.pop() {
            return match self.change(id, true, now) {
                None => self.next_changes(now, flush),
                Some(change) => Some(vec![change]),
            };
        }
        let mut batch = Vec::new();
        while batch.is_empty() {
            let ids = self.changes.batch(now, flush)?;
            batch.extend(ids.into_iter().filter_map(|id| self.change(id, false, now)));
        }
        self.fill(&mut batch, now);
        Some(batch)
    }

    /// Takes the answer to a delete.
    pub(super) fn deleted(&mut self, id: Id, answer: &Answer, now: Instant) {
        match answer {
            Answer::Done | Answer::Refused => self.end(id, *answer == Answer::Refused),
            Answer::Failed => self.retry(id, now),
        }
    }

    /// Takes the answer to a visibility change that was sent at `sent`.
    pub(super) fn changed(
        &mut self,
        change: &Change,
        answer: &Answer,
        sent: Instant,
        now: Instant,
    ) {
        let Some(entry) = self.entries.get_mut(&change.id) else {
            return;
        };
        entry.visibility = Visibility::Idle;
        if !change.extends {
            match answer {
                Answer::Done => self.end(change.id, false),
                Answer::Refused => self.end(change.id, true),
                Answer::Failed => self.retry(change.id, now),
            }
            return;
        }
        match answer {
            Answer::Done => {
                entry.tries = 0;
                let lasts = Duration::from_secs(u64::from(change.seconds));
                entry.ends = sent + lasts;
                entry.beat = sent + lasts / 2;
            }
            // A settlement is recorded already: it goes on, and may be refused itself.
            Answer::Refused if entry.stage != Stage::Held => entry.beat = entry.ends,
            Answer::Refused => {
                self.end(change.id, true);
                return;
            }
            Answer::Failed => {
                entry.tries += 1;
                // Several tries must fit into what is left of the lease.
                let left = entry.ends.saturating_duration_since(now);
                entry.beat = now + retry::backoff(entry.tries).min(left / 4 + BREATH);
            }
        }
        if !entry.stage.alive() {
            self.queue_change(change.id, now);
        }
        self.reschedule(change.id);
    }

    /// Receipts that are over since the last call.
    pub(super) fn take_ended(&mut self) -> Vec<Ended> {
        std::mem::take(&mut self.ended)
    }

    /// When to call [`wake`](Self::wake) and the `next_` functions again.
    pub(super) fn next_due(&self) -> Option<Instant> {
        let agenda = self.agenda.first().map(|(at, _)| *at);
        [agenda, self.deletes.due(), self.changes.due()]
            .into_iter()
            .flatten()
            .min()
    }

    /// Whether something is to be sent at once.
    pub(super) fn is_due(&self, now: Instant) -> bool {
        !self.alone.is_empty() || self.next_due().is_some_and(|due| due <= now)
    }

    /// Whether something is gathered that a flush would send.
    pub(super) fn has_gathered(&self) -> bool {
        self.deletes.due().or(self.changes.due()).is_some()
    }

    fn enter(&mut self, id: Id, stage: Stage) -> bool {
        let Some(entry) = self.entries.get_mut(&id) else {
            return false;
        };
        if entry.stage == Stage::Held {
            self.held -= 1;
        }
        entry.stage = stage;
        entry.tries = 0;
        true
    }

    /// Queues the one visibility request that the receipt may have; one that is in flight is
    /// waited for, and its answer comes back here.
    fn queue_change(&mut self, id: Id, now: Instant) {
        let Some(entry) = self.entries.get_mut(&id) else {
            return;
        };
        let alone = matches!(entry.stage, Stage::Leaving { alone: true, .. });
        match (entry.visibility, alone) {
            (Visibility::Sent, _) | (Visibility::Queued, false) => {}
            (Visibility::Idle, false) => {
                entry.visibility = Visibility::Queued;
                self.changes.push(id, now);
            }
            (Visibility::Idle | Visibility::Queued, true) => {
                // A heartbeat of it that is still in the gatherer is passed over there.
                entry.visibility = Visibility::Queued;
                self.alone.push(id);
            }
        }
    }

    /// What to ask for a receipt now, at the moment of sending, in a request of its own or not.
    fn change(&mut self, id: Id, lonely: bool, now: Instant) -> Option<Change> {
        let visibility = self.visibility;
        let entry = self.entries.get_mut(&id)?;
        let alone = matches!(entry.stage, Stage::Leaving { alone: true, .. });
        if entry.visibility != Visibility::Queued || alone != lonely {
            return None;
        }
        if entry.ends <= now {
            self.end(id, true);
            return None;
        }
        let left = (entry.received + LONGEST).saturating_duration_since(now);
        let seconds = match entry.stage {
            Stage::Leaving { seconds, .. } => Duration::from_secs(u64::from(seconds)).min(left),
            _ => visibility.min(left),
        }
        .as_secs();
        let extends = entry.stage.alive();
        if extends && now + Duration::from_secs(seconds) <= entry.ends {
            // The twelve hours are nearly over: there is no more to be had.
            entry.visibility = Visibility::Idle;
            return None;
        }
        entry.visibility = Visibility::Sent;
        Some(Change {
            id,
            receipt: Arc::clone(&entry.grant.receipt),
            seconds: u32::try_from(seconds).unwrap_or_default(),
            extends,
        })
    }

    fn fill(&mut self, batch: &mut Vec<Change>, now: Instant) {
        let soon = now + self.visibility / 8;
        let room = BATCH - batch.len();
        let near: Vec<Id> = self
            .agenda
            .range(..=(soon, Id(u64::MAX)))
            .map(|(_, id)| *id)
            .filter(|id| {
                self.entries.get(id).is_some_and(|entry| {
                    entry.stage.alive()
                        && entry.visibility == Visibility::Idle
                        && entry.beat <= soon
                        && entry.beat < entry.ends
                })
            })
            .take(room)
            .collect();
        for id in near {
            if let Some(entry) = self.entries.get_mut(&id) {
                entry.visibility = Visibility::Queued;
                entry.beat = entry.ends;
            }
            batch.extend(self.change(id, false, now));
            self.reschedule(id);
        }
    }

    fn retry(&mut self, id: Id, now: Instant) {
        if let Some(entry) = self.entries.get_mut(&id) {
            entry.tries += 1;
            entry.retry = Some(now + retry::backoff(entry.tries));
            self.reschedule(id);
        }
    }

    fn reschedule(&mut self, id: Id) {
        let Some(entry) = self.entries.get_mut(&id) else {
            return;
        };
        let beat = if entry.stage.alive() {
            entry.beat
        } else {
            entry.ends
        };
        let at = [Some(beat), entry.retry, Some(entry.ends)]
            .into_iter()
            .flatten()
            .min()
            .unwrap_or(entry.ends);
        if at != entry.agenda {
            self.agenda.remove(&(entry.agenda, id));
            self.agenda.insert((at, id));
            entry.agenda = at;
        }
    }

    fn end(&mut self, id: Id, lost: bool) {
        let Some(entry) = self.entries.remove(&id) else {
            return;
        };
        self.agenda.remove(&(entry.agenda, id));
        if entry.stage == Stage::Held {
            self.held -= 1;
        }
        if lost && entry.stage == Stage::Held {
            entry.grant.keeper.revoke();
        }
        self.ended.push(Ended {
            id,
            lane: entry.grant.lane,
            sequence: entry.grant.receipt.sequence,
            stage: entry.stage,
            lost,
        });
    }
}

#[cfg(test)]
mod tests;
