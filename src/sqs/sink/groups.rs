use std::collections::HashMap;
use std::sync::{Arc, Weak};

use crate::contract::Lane;

/// The groups of a FIFO queue of which a message failed for good.
///
/// What was enqueued behind it must not overtake it: the caller will send it again. So the group
/// is stopped until the caller has seen every failure, which is when its last [`Guarded`] answer
/// is taken or dropped.
#[derive(Debug, Default)]
pub(super) struct Groups(HashMap<Lane, Weak<Stop>>);

/// What keeps a group stopped while it lives.
#[derive(Debug)]
pub(super) struct Stop;

/// An answer that keeps its group stopped until it is taken.
#[derive(Debug)]
pub(super) struct Guarded<T> {
    value: T,
    stop: Option<Arc<Stop>>,
}

impl<T> Guarded<T> {
    pub(super) fn new(value: T, stop: Option<Arc<Stop>>) -> Self {
        Self { value, stop }
    }

    pub(super) fn into_inner(self) -> T {
        drop(self.stop);
        self.value
    }
}

impl Groups {
    /// What stops the group, where it is stopped.
    pub(super) fn stopped(&self, lane: &Lane) -> Option<Arc<Stop>> {
        self.0.get(lane)?.upgrade()
    }

    /// Stops the group.
    pub(super) fn stop(&mut self, lane: &Lane) -> Arc<Stop> {
        self.0.retain(|_, stop| stop.strong_count() > 0);
        self.stopped(lane).unwrap_or_else(|| {
            let stop = Arc::new(Stop);
            self.0.insert(lane.clone(), Arc::downgrade(&stop));
            stop
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_group_is_stopped_until_every_failure_was_seen() {
        let lane = Lane::new("g");
        let mut groups = Groups::default();
        let first = Guarded::new(1, Some(groups.stop(&lane)));
        let second = Guarded::new(2, groups.stopped(&lane));
        assert_eq!(first.into_inner(), 1);
        assert!(groups.stopped(&lane).is_some());
        drop(second);
        assert!(groups.stopped(&lane).is_none());
    }
}
