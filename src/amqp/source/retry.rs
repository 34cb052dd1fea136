use std::collections::BTreeMap;
use std::time::Duration;

use lapin::options::{BasicPublishOptions, ConfirmSelectOptions, QueueDeclareOptions};
use lapin::types::{AMQPValue, FieldTable, ShortString};
use lapin::{Channel, Confirmation, Connection};
use opentelemetry::Context;
use opentelemetry::trace::TraceContextExt as _;
use tracehop_propagation::traceparent;

use super::place::Place;
use crate::amqp::attempt::RETRIED;
use crate::amqp::mapping::to_amqp;
use crate::contract::{Message, Value};
use crate::telemetry::PREVIOUS;

/// Where it was published first. Its routing key then is the key of the message.
const EXCHANGE: &str = "tracehop-exchange";

/// A fixed ladder of queues in which failed messages wait for their next attempt, one a delay.
///
/// Each gives its messages back to the queue that is consumed when they have waited, and takes a
/// place in it behind those that came meanwhile: order is given up.
#[derive(Clone, Debug)]
pub(super) struct RetryQueues {
    queue: String,
    /// Rising.
    delays: Vec<Duration>,
}

/// What a copy is made of.
#[derive(Clone, Debug)]
pub(super) struct Copy {
    pub(super) message: Message,
    pub(super) exchange: ShortString,
}

/// A message on its way to a retry queue.
#[derive(Debug)]
pub(super) struct Retry {
    pub(super) place: Place,
    pub(super) copy: Box<Copy>,
    pub(super) attempt: u32,
    pub(super) delay: Duration,
    /// Where it failed.
    pub(super) process: Context,
}

impl RetryQueues {
    pub(super) fn new(queue: &str, mut delays: Vec<Duration>) -> Self {
        delays.sort_unstable();
        delays.dedup();
        Self {
            queue: queue.to_owned(),
            delays,
        }
    }

    /// Opens the channel that copies go out on, with the queues declared.
    pub(super) async fn open(&self, connection: &Connection) -> lapin::Result<Channel> {
        let channel = connection.create_channel().await?;
        for delay in &self.delays {
            let options = QueueDeclareOptions {
                durable: true,
                ..QueueDeclareOptions::default()
            };
            let declared =
                channel.queue_declare(self.name(*delay), options, self.arguments(*delay));
            declared.await?;
        }
        channel
            .confirm_select(ConfirmSelectOptions::default())
            .await?;
        Ok(channel)
    }

    /// Puts a copy into the queue that its delay asks for; says whether the broker has it there.
    pub(super) async fn copy(&self, channel: &Channel, retry: &Retry) -> lapin::Result<bool> {
        let queue = self.name(self.step(retry.delay));
        let Ok((queue, properties, payload)) = to_amqp(letter(retry), Some(queue.as_str())) else {
            return Ok(false);
        };
        let options = BasicPublishOptions {
            mandatory: true,
            ..BasicPublishOptions::default()
        };
        let published = channel.basic_publish("".into(), queue, options, &payload, properties);
        let confirmation = published.await?.await?;
        Ok(confirmation == Confirmation::Ack(None))
    }

    /// The shortest that is no shorter than what is asked for, else the longest.
    fn step(&self, delay: Duration) -> Duration {
        let longest = self.delays.last().copied().unwrap_or_default();
        let long_enough = self.delays.iter().find(|step| **step >= delay);
        long_enough.copied().unwrap_or(longest)
    }

    fn name(&self, delay: Duration) -> ShortString {
        let mut name = format!("{}.retry.{}", self.queue, delay.as_millis());
        name.truncate(name.floor_char_boundary(255));
        name.into()
    }

    /// A quorum queue that loses nothing on the way back (RabbitMQ 3.10: `at-least-once` asks for
    /// `reject-publish`).
    fn arguments(&self, delay: Duration) -> FieldTable {
        let text = |text: &str| AMQPValue::LongString(text.into());
        let milliseconds = i64::try_from(delay.as_millis()).unwrap_or(i64::MAX);
        BTreeMap::from([
            ("x-queue-type".into(), text("quorum")),
            ("x-message-ttl".into(), AMQPValue::LongLongInt(milliseconds)),
            ("x-dead-letter-exchange".into(), text("")),
            ("x-dead-letter-routing-key".into(), text(&self.queue)),
            ("x-dead-letter-strategy".into(), text("at-least-once")),
            ("x-overflow".into(), text("reject-publish")),
        ])
        .into()
    }
}

/// The exchange that a message was published to before it waited in a retry queue; takes off what
/// the retry queue was told.
pub(super) fn returned(message: &mut Message) -> Option<ShortString> {
    message.headers.get(RETRIED)?;
    let exchange = message.headers.get(EXCHANGE).and_then(Value::as_str);
    let exchange = exchange.and_then(|exchange| ShortString::try_new(exchange).ok());
    message.headers.remove(RETRIED);
    message.headers.remove(EXCHANGE);
    exchange
}

/// What goes to a retry queue. It does not expire: the queue would give it back early for that.
fn letter(retry: &Retry) -> Message {
    let mut message = retry.copy.message.clone();
    let headers = &mut message.headers;
    headers.set(RETRIED, i64::from(retry.attempt));
    headers.set(EXCHANGE, retry.copy.exchange.as_str());
    // The count of the queue that is left is in ours.
    headers.remove("x-delivery-count");
    match traceparent(retry.process.span().span_context()) {
        Some(previous) => headers.set(PREVIOUS, previous),
        None => drop(headers.remove(PREVIOUS)),
    }
    message.properties.expiration = None;
    message
}
