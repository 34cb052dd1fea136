use lru::LruCache;

/// How many failed messages of this process are remembered.
const REMEMBERED: usize = 10_000;

/// Counts attempts where the broker does not.
///
/// Quorum queues count deliveries, dead-letter topologies count deaths, and copies in retry queues
/// carry their own count. A classic queue only says that a message comes again: then what this
/// process saw fail counts, by message id, and any other message that comes again is at its second
/// attempt at least.
#[derive(Debug)]
pub(super) struct Attempts(LruCache<String, u32>);

impl Default for Attempts {
    fn default() -> Self {
        // Grows as it fills: most workers never see as many failures.
        Self(LruCache::unbounded())
    }
}

impl Attempts {
    /// Which attempt a delivery is, from 1.
    pub(super) fn of(&mut self, told: u32, redelivered: bool, id: Option<&str>) -> u32 {
        if !redelivered {
            return told;
        }
        match id.and_then(|id| self.0.get(id)) {
            Some(failed) => told.max(failed.saturating_add(1)),
            None => told.max(2),
        }
    }

    /// Keeps how many attempts a message has had that comes again.
    pub(super) fn remember(&mut self, id: Option<&str>, attempts: u32) {
        if let Some(id) = id {
            self.0.put(id.to_owned(), attempts);
            if self.0.len() > REMEMBERED {
                self.0.pop_lru();
            }
        }
    }

    /// Drops what is kept of a message that does not come again.
    pub(super) fn forget(&mut self, id: Option<&str>) {
        if let (Some(id), false) = (id, self.0.is_empty()) {
            self.0.pop(id);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_comes_again_counts_by_what_was_seen_of_it() {
        let mut attempts = Attempts::default();
        assert_eq!(attempts.of(1, true, Some("a")), 2, "seen elsewhere");
        attempts.remember(Some("a"), 2);
        assert_eq!(attempts.of(1, true, Some("a")), 3);
        assert_eq!(attempts.of(7, true, Some("a")), 7, "the broker knows more");
        attempts.remember(Some("b"), 0);
        assert_eq!(attempts.of(1, true, Some("b")), 1, "given back unseen");
        attempts.forget(Some("a"));
        assert_eq!(attempts.of(1, true, Some("a")), 2);
        assert_eq!(attempts.of(1, false, Some("b")), 1);
    }

    #[test]
    fn what_is_remembered_is_bounded() {
        let mut attempts = Attempts::default();
        for id in 0..=REMEMBERED {
            attempts.remember(Some(&id.to_string()), 5);
        }
        assert_eq!(attempts.0.len(), REMEMBERED);
        assert_eq!(attempts.of(1, true, Some("0")), 2);
    }
}
