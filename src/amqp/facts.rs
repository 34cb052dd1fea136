//! What telemetry says of a message.

use std::time::{Duration, SystemTime};

use lapin::BasicProperties;
use lapin::message::Delivery;
use lapin::types::ShortString;
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

/// When the broker took the message in, where it is set up to say so (RabbitMQ documentation,
/// "Message Interceptors"). The property `timestamp` may be the sender's, and counts seconds.
fn enqueued_at(delivery: &Delivery) -> Option<SystemTime> {
    let headers = delivery.properties.headers().as_ref()?;
    let millis = headers.inner().get("timestamp_in_ms")?;
    let millis = u64::try_from(millis.as_long_long_int()?).ok()?;
    SystemTime::UNIX_EPOCH.checked_add(Duration::from_millis(millis))
}
