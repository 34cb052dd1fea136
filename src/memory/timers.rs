use std::collections::BTreeMap;

use tokio::time::Instant;

use super::parts::Stored;
use crate::contract::Lane;

/// What happens at its time without anybody's doing.
#[derive(Debug)]
pub(super) enum Timer {
    /// A delayed message takes its place.
    Appear(Box<Stored>),
    /// A held lane goes on.
    Resume(Lane),
    /// The delivery of that tag comes back.
    Return(u64),
}

/// The timers, in the order of their times, and among equals of their setting.
#[derive(Debug, Default)]
pub(super) struct Timers {
    due: BTreeMap<(Instant, u64), Timer>,
    count: u64,
}

impl Timers {
    pub(super) fn set(&mut self, due: Instant, timer: Timer) {
        self.count += 1;
        self.due.insert((due, self.count), timer);
    }

    /// When the first is due.
    pub(super) fn next(&self) -> Option<Instant> {
        self.due.first_key_value().map(|((due, _), _)| *due)
    }

    /// Takes the first one, if it is due by `now`.
    pub(super) fn take_due(&mut self, now: Instant) -> Option<Timer> {
        let first = self.due.first_entry()?;
        (first.key().0 <= now).then(|| first.remove())
    }

    /// How many messages are delayed.
    pub(super) fn delayed(&self) -> usize {
        let is_delayed = |timer: &&Timer| matches!(timer, Timer::Appear(_));
        self.due.values().filter(is_delayed).count()
    }
}
