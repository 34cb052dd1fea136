//! What a FIFO queue remembers for five minutes.

use std::collections::{HashMap, VecDeque};
use std::hash::Hash;
use std::time::Duration;

use tokio::time::Instant;

/// The deduplication interval. Source: "Exactly-once processing" in the SQS developer guide.
const INTERVAL: Duration = Duration::from_mins(5);

/// Values by key, each forgotten when the interval is over.
#[derive(Debug)]
pub(super) struct Recent<K, V> {
    values: HashMap<K, (Instant, V)>,
    /// In the order of time. A key that was forgotten or renewed since may still stand here.
    ages: VecDeque<(Instant, K)>,
}

impl<K, V> Default for Recent<K, V> {
    fn default() -> Self {
        Self {
            values: HashMap::new(),
            ages: VecDeque::new(),
        }
    }
}

impl<K: Clone + Eq + Hash, V> Recent<K, V> {
    pub(super) fn get(&mut self, key: &K, now: Instant) -> Option<&V> {
        while let Some((since, key)) = self
            .ages
            .pop_front_if(|(since, _)| *since + INTERVAL <= now)
        {
            if self.values.get(&key).is_some_and(|(at, _)| *at == since) {
                self.values.remove(&key);
            }
        }
        self.values.get(key).map(|(_, value)| value)
    }

    pub(super) fn insert(&mut self, key: K, value: V, now: Instant) {
        self.ages.push_back((now, key.clone()));
        self.values.insert(key, (now, value));
    }

    pub(super) fn forget(&mut self, key: &K) {
        self.values.remove(key);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_is_kept_for_five_minutes_from_its_last_insertion() {
        let start = Instant::now();
        let at = |seconds| start + Duration::from_secs(seconds);
        let mut recent = Recent::default();
        recent.insert("a", 1, at(0));
        assert_eq!(recent.get(&"a", at(299)), Some(&1));
        recent.insert("a", 2, at(299));
        assert_eq!(recent.get(&"a", at(598)), Some(&2));
        assert_eq!(recent.get(&"a", at(599)), None);
        assert!(recent.values.is_empty() && recent.ages.is_empty());
    }
}
