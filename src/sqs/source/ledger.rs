mod asked;
#[cfg(test)]
mod tests;

use std::collections::{BTreeSet, HashMap};
use std::time::Duration;

use tokio::time::Instant;

use super::entry::Entry;
use super::gather::Gatherer;
use super::receipt::{DeadCopy, Ended, Grant, Id, Return, Stage};

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

    /// Enters a receipt of a receive that was sent at `started` and answered at `now`.
    pub(super) fn grant(&mut self, grant: Grant, started: Instant, now: Instant) -> Id {
        self.last += 1;
        let id = Id(self.last);
        let entry = Entry::new(grant, started, self.visibility, now);
        self.agenda.insert((entry.agenda, id));
        self.entries.insert(id, entry);
        self.held += 1;
        id
    }

    /// Whether a receipt is still ours; one whose lease has just run out is ended here.
    pub(super) fn is_ours(&mut self, id: Id, now: Instant) -> bool {
        match self.entries.get(&id) {
            None => false,
            Some(entry) if entry.has_ended(now) => {
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
            if entry.has_ended(now) {
                self.end(id, true);
                continue;
            }
            match entry.due(now) {
                Some(Stage::Deleting) => self.deletes.push(id, now),
                Some(_) => self.queue_change(id, now),
                None => {}
            }
            self.reschedule(id);
        }
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
        entry.enter(stage);
        true
    }

    fn reschedule(&mut self, id: Id) {
        let Some(entry) = self.entries.get_mut(&id) else {
            return;
        };
        let at = entry.next_look();
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
