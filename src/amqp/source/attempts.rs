use lapin::BasicProperties;
use lapin::types::AMQPValue;
use lru::LruCache;

use super::retry::RETRIED;

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

/// The attempt that a message's headers tell of, from 1.
pub(super) fn told(properties: &BasicProperties, queue: &str) -> u32 {
    let Some(headers) = properties.headers() else {
        return 1;
    };
    let header = |name: &str| headers.inner().get(name);
    let deliveries = header("x-delivery-count").and_then(count).unwrap_or(0);
    let before = match header(RETRIED).and_then(count) {
        Some(attempts) => attempts,
        None => header("x-death").map_or(0, |deaths| died(deaths, queue)),
    };
    before.saturating_add(deliveries).saturating_add(1)
}

/// How often a message was given up in `queue` before it came back to it. A message that expired
/// or found no room there was not attempted.
fn died(deaths: &AMQPValue, queue: &str) -> u32 {
    let AMQPValue::FieldArray(deaths) = deaths else {
        return 0;
    };
    let counts = deaths.as_slice().iter().filter_map(|death| {
        let AMQPValue::FieldTable(death) = death else {
            return None;
        };
        let field = |name: &str| death.inner().get(name);
        let attempted = is(field("reason"), "rejected") || is(field("reason"), "delivery_limit");
        (attempted && is(field("queue"), queue)).then(|| field("count").and_then(count))?
    });
    counts.fold(0, u32::saturating_add)
}

fn is(value: Option<&AMQPValue>, text: &str) -> bool {
    match value {
        Some(AMQPValue::LongString(value)) => value.as_bytes() == text.as_bytes(),
        Some(AMQPValue::ShortString(value)) => value.as_str() == text,
        _ => false,
    }
}

/// RabbitMQ counts in 64 bits, other clients in what their language has.
fn count(value: &AMQPValue) -> Option<u32> {
    let number = match value {
        AMQPValue::ShortShortInt(number) => i64::from(*number),
        AMQPValue::ShortShortUInt(number) => i64::from(*number),
        AMQPValue::ShortInt(number) => i64::from(*number),
        AMQPValue::ShortUInt(number) => i64::from(*number),
        AMQPValue::LongInt(number) => i64::from(*number),
        AMQPValue::LongUInt(number) => i64::from(*number),
        AMQPValue::LongLongInt(number) => *number,
        _ => return None,
    };
    Some(u32::try_from(number.max(0)).unwrap_or(u32::MAX))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use lapin::types::{FieldArray, FieldTable};

    use super::*;

    fn with(headers: &[(&str, AMQPValue)]) -> BasicProperties {
        let entries = headers.iter().cloned();
        let table: BTreeMap<_, _> = entries.map(|(name, value)| (name.into(), value)).collect();
        BasicProperties::default().with_headers(table.into())
    }

    fn death(queue: &str, reason: &str, count: i64) -> AMQPValue {
        let mut table = FieldTable::default();
        table.insert("queue".into(), AMQPValue::LongString(queue.into()));
        table.insert("reason".into(), AMQPValue::LongString(reason.into()));
        table.insert("count".into(), AMQPValue::LongLongInt(count));
        AMQPValue::FieldTable(table)
    }

    #[test]
    fn a_message_that_says_nothing_is_at_its_first_attempt() {
        assert_eq!(told(&BasicProperties::default(), "orders"), 1);
        assert_eq!(told(&with(&[("x-death", AMQPValue::Void)]), "orders"), 1);
        let negative = with(&[("x-delivery-count", AMQPValue::LongInt(-3))]);
        assert_eq!(told(&negative, "orders"), 1);
    }

    #[test]
    fn a_quorum_queue_counts_deliveries_before_this_one() {
        let properties = with(&[("x-delivery-count", AMQPValue::LongLongInt(2))]);
        assert_eq!(told(&properties, "orders"), 3);
    }

    #[test]
    fn only_deaths_by_rejection_in_this_queue_were_attempts() {
        let deaths = FieldArray::from(vec![
            death("orders", "rejected", 3),
            death("orders.retry", "expired", 3),
            death("orders", "expired", 7),
            death("orders", "delivery_limit", 1),
            death("others", "rejected", 5),
        ]);
        let properties = with(&[("x-death", AMQPValue::FieldArray(deaths))]);
        assert_eq!(told(&properties, "orders"), 5);
        assert_eq!(told(&properties, "dead"), 1);
    }

    #[test]
    fn a_copy_from_a_retry_queue_counts_by_itself() {
        let deaths = FieldArray::from(vec![death("orders", "rejected", 9)]);
        let properties = with(&[
            (RETRIED, AMQPValue::LongString("4".into())),
            ("x-death", AMQPValue::FieldArray(deaths)),
        ]);
        assert_eq!(told(&properties, "orders"), 10, "text is no count of ours");
        let properties = with(&[
            (RETRIED, AMQPValue::LongLongInt(4)),
            ("x-delivery-count", AMQPValue::LongLongInt(1)),
        ]);
        assert_eq!(told(&properties, "orders"), 6);
    }

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
