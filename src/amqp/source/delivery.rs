use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use bytes::Bytes;
use lapin::message::Delivery as Received;
use lapin::types::ShortString;
use tokio::time::Instant;

use super::deliveries::Granted;
use super::retry::{self, Copy};
use crate::amqp::attempt;
use crate::amqp::destination::Destinations;
use crate::amqp::mapping::from_amqp;
use crate::contract::{Delivery, LeaseKeeper, Message, Value, later};
use crate::telemetry::Instrumentation;

/// What every message of one queue has in common.
#[derive(Debug)]
pub(super) struct Reader {
    pub(super) queue: ShortString,
    pub(super) destinations: Destinations,
    pub(super) instrumentation: Instrumentation,
    /// Whether failed messages are copied to retry queues.
    pub(super) copies: bool,
    /// How long a delivery may be unsettled.
    pub(super) longest: Duration,
}

impl Reader {
    /// A delivery of what RabbitMQ handed out, and what its lease and settlement need.
    pub(super) fn read(&self, received: Received, now: Instant) -> (Granted, Delivery<()>) {
        let attempt = attempt::told(&received.properties, self.queue.as_str());
        let payload = Bytes::from(received.data);
        let mut message = from_amqp(received.routing_key.as_str(), &received.properties, payload);
        let (exchange, routing_key) = match retry::returned(&mut message) {
            Some(exchange) => (exchange, key(&message).unwrap_or(received.routing_key)),
            None => (received.exchange, received.routing_key),
        };
        let destination = self.destinations.get(&exchange, &routing_key);
        let context = self.instrumentation.extract(&destination, &message.headers);
        let keeper = LeaseKeeper::new();
        let lease = keeper.lease();
        let granted = Granted {
            acker: received.acker,
            keeper,
            destination: Arc::clone(&destination),
            context: context.clone(),
            message_id: message.properties.message_id.clone(),
            attempt,
            expires: later(now, self.longest),
            copy: self.copies.then(|| {
                let message = message.clone();
                Box::new(Copy { message, exchange })
            }),
        };
        let mut delivery = Delivery::new(message, destination, lease, ());
        delivery.context = context;
        delivery.attributes.delivery_tag = Some(received.delivery_tag);
        delivery.attributes.enqueued_at = enqueued_at(&delivery.message);
        if let Some(user) = received.properties.user_id() {
            let user = ("user_id".to_owned(), user.to_string());
            delivery.attributes.native.push(user);
        }
        (granted, delivery)
    }
}

/// When the broker took the message in, where it is set up to say so (RabbitMQ, "Message
/// Interceptors").
fn enqueued_at(message: &Message) -> Option<SystemTime> {
    let Some(Value::Int(milliseconds)) = message.headers.get("timestamp_in_ms") else {
        return None;
    };
    let since = Duration::from_millis(u64::try_from(*milliseconds).ok()?);
    UNIX_EPOCH.checked_add(since)
}

/// The key of a message as a routing key.
fn key(message: &Message) -> Option<ShortString> {
    let key = std::str::from_utf8(message.key.as_deref()?).ok()?;
    ShortString::try_new(key).ok()
}
