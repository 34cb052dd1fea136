//! How often a message has been tried, as far as it tells itself.

use lapin::BasicProperties;
use lapin::message::Delivery;
use lapin::types::AMQPValue;

/// How many attempts a message had before it went to a retry queue.
pub(super) const RETRIED: &str = "tracehop-retried";

/// Which attempt a delivery from `queue` is, from 1, to somebody who keeps no count of his own: a
/// classic queue only says that a message comes again.
pub(super) fn attempt(delivery: &Delivery, queue: &str) -> u32 {
    told(&delivery.properties, queue).max(1 + u32::from(delivery.redelivered))
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
}
