use std::collections::BTreeSet;

use tokio::time::Instant;

/// Beyond so many deliveries that are held back, nothing new is taken until some of them are due.
const MOST: usize = 10_000;

/// The tags of failed deliveries that wait unsettled for their next attempt, by when that is.
#[derive(Debug, Default)]
pub(super) struct Holds {
    due: BTreeSet<(Instant, u64)>,
    /// How many of them take up the prefetch of the present consumer, which brought all from tag
    /// `since` on.
    crowding: usize,
    since: u64,
}

impl Holds {
    pub(super) fn hold(&mut self, tag: u64, due: Instant) {
        self.due.insert((due, tag));
        self.crowding += usize::from(tag >= self.since);
    }

    /// Takes one that is due.
    pub(super) fn take_due(&mut self, now: Instant) -> Option<u64> {
        let (due, tag) = *self.due.first()?;
        if due > now {
            return None;
        }
        self.due.pop_first();
        self.crowding -= usize::from(tag >= self.since);
        Some(tag)
    }

    /// Takes them all.
    pub(super) fn take(&mut self) -> impl Iterator<Item = u64> + use<> {
        self.crowding = 0;
        let due = std::mem::take(&mut self.due);
        due.into_iter().map(|(_, tag)| tag)
    }

    /// When the next of them is due.
    pub(super) fn next_due(&self) -> Option<Instant> {
        self.due.first().map(|(due, _)| *due)
    }

    /// Whether half of the present consumer's prefetch is taken up, and more can be held back.
    pub(super) fn crowd(&self, prefetch: u16) -> bool {
        self.due.len() < MOST && self.crowding > usize::from(prefetch / 2)
    }

    /// A consumer starts that brings what comes from tag `since` on.
    pub(super) fn renewed(&mut self, since: u64) {
        self.crowding = 0;
        self.since = since;
    }
}
