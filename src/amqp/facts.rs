//! What telemetry says of a message.

use std::time::{Duration, SystemTime};

use lapin::BasicProperties;
use lapin::message::Delivery;
use lapin::types::{AMQPValue, ShortString};
use tracehop_amqp::HeaderExtractor;

use crate::telemetry::MessageFacts;

/// The facts of a delivery, whose headers `carrier` reads.
pub(crate) fn facts<'a>(
    delivery: &'a Delivery,
    carrier: &'a HeaderExtractor<'_>,
) -> MessageFacts<'a> {
    MessageFacts {
        delivery_tag: Some(delivery.delivery_tag),
        enqueued_at: enqueued_at(delivery),
        ..properties_facts(&delivery.properties, delivery.data.len(), carrier)
    }
}

/// The facts that go with a message, to the broker and from it.
pub(crate) fn properties_facts<'a>(
    properties: &'a BasicProperties,
    body_size: usize,
    carrier: &'a HeaderExtractor<'_>,
) -> MessageFacts<'a> {
    MessageFacts {
        id: properties.message_id().as_ref().map(ShortString::as_str),
        conversation_id: properties
            .correlation_id()
            .as_ref()
            .map(ShortString::as_str),
        body_size: Some(body_size),
        headers: Some(carrier),
        ..MessageFacts::NONE
    }
}

/// Which attempt a delivery is, from 1: by the count of a quorum queue; a classic queue only tells
/// that there was one before.
pub(crate) fn attempt(delivery: &Delivery) -> u32 {
    let before = match header(delivery, "x-delivery-count").and_then(whole) {
        Some(count) => u32::try_from(count).unwrap_or(u32::MAX),
        None => u32::from(delivery.redelivered),
    };
    before.saturating_add(1)
}

/// When the broker took the message in, where it is set up to say so (RabbitMQ documentation,
/// "Message Interceptors"). The property `timestamp` may be the sender's, and counts seconds.
fn enqueued_at(delivery: &Delivery) -> Option<SystemTime> {
    let millis = header(delivery, "timestamp_in_ms").and_then(whole)?;
    SystemTime::UNIX_EPOCH.checked_add(Duration::from_millis(millis))
}

fn header<'a>(delivery: &'a Delivery, name: &str) -> Option<&'a AMQPValue> {
    delivery.properties.headers().as_ref()?.inner().get(name)
}

/// A whole number of any of the types that brokers and clients write it as.
fn whole(value: &AMQPValue) -> Option<u64> {
    match *value {
        AMQPValue::ShortShortInt(number) => number.try_into().ok(),
        AMQPValue::ShortShortUInt(number) => Some(number.into()),
        AMQPValue::ShortInt(number) => number.try_into().ok(),
        AMQPValue::ShortUInt(number) => Some(number.into()),
        AMQPValue::LongInt(number) => number.try_into().ok(),
        AMQPValue::LongUInt(number) => Some(number.into()),
        AMQPValue::LongLongInt(number) => number.try_into().ok(),
        AMQPValue::Timestamp(number) => Some(number),
        _ => None,
    }
}
