use std::collections::HashMap;

use tokio::time::Instant;

use super::parts::Stored;
use crate::contract::Lane;

/// The lanes of which something is handed over.
#[derive(Debug, Default)]
pub(super) struct Runs(HashMap<Lane, Run>);

/// The part of a lane that is handed over: it comes back in order once all of it is settled.
#[derive(Debug, Default)]
pub(super) struct Run {
    out: usize,
    pub(super) back: Vec<Stored>,
    /// The longest delay that was asked for.
    pub(super) held_until: Option<Instant>,
}

impl Runs {
    /// One more of the lane is out.
    pub(super) fn hand_over(&mut self, lane: &Lane) {
        self.0.entry(lane.clone()).or_default().out += 1;
    }

    /// One less of the lane is out, and may come back. Answers the run with the last one, what
    /// came back in its old order.
    pub(super) fn leave(
        &mut self,
        lane: &Lane,
        back: Option<Stored>,
        held_until: Option<Instant>,
    ) -> Option<Run> {
        let run = self.0.get_mut(lane)?;
        run.out -= 1;
        run.held_until = run.held_until.max(held_until);
        run.back.extend(back);
        if run.out > 0 {
            return None;
        }
        let mut run = self.0.remove(lane)?;
        run.back.sort_unstable_by_key(|stored| stored.place);
        Some(run)
    }

    /// How many came back and wait for the others.
    pub(super) fn back(&self) -> usize {
        self.0.values().map(|run| run.back.len()).sum()
    }
}
