//! Messages to a RabbitMQ exchange.

mod builder;
mod driver;
mod flights;
mod outgoing;
mod session;

use std::sync::{Arc, OnceLock};

use opentelemetry::Context;
use tokio::sync::{mpsc, oneshot};

pub use builder::AmqpSinkBuilder;

use self::builder::Settings;
use self::driver::Driver;
use self::outgoing::{Encoder, Pending};
use self::session::Dialer;
use super::AmqpUrl;
use crate::contract::{Confirm, Destination, Error, ErrorKind, Message, Operation, Result, Sink};

/// Messages that wait to be published, beyond those that are not yet confirmed.
const ROOM: usize = 64;

/// A [`Sink`] on a RabbitMQ exchange, or on a queue by its name.
///
/// Messages are published in the order in which they were enqueued, with their publisher confirms in
/// flight together, and are persistent. A message that the exchange has no queue for is an error
/// with the code `NO_ROUTE`, one that the broker could not take on is `nack`.
///
/// It has a connection of its own, from the first message on. When that is lost, the messages that
/// were not yet confirmed fail with [`ErrorKind::Unavailable`]: the broker may have them or not. The
/// next message waits for a new connection, and fails if there is none to be had.
///
/// Headers keep their types; integers have 64 bits, headers of one name go as an array. A message
/// without an id gets one. Group, deduplication id, and a key beside a fixed routing key go in the
/// headers `tracehop-group`, `tracehop-dedup-id` and `tracehop-key`, which
/// [`AmqpSource`](super::AmqpSource) takes off again. A delay, a missing payload, and what else AMQP
/// cannot carry is an error of [`ErrorKind::Payload`] that says why.
///
/// Trace context is written as far as a header frame has room for it, by
/// [`tracehop_amqp::HeaderInjector`]. Dropping the sink lets what was enqueued go out.
#[derive(Debug)]
pub struct AmqpSink {
    url: AmqpUrl,
    destination: Arc<Destination>,
    encoder: Encoder,
    settings: Settings,
    line: OnceLock<mpsc::Sender<Pending>>,
}

impl AmqpSink {
    /// A sink on that exchange at `url`, as `amqp://user:password@host:5672/%2f`, where the key of
    /// each message is its routing key, with every default of [`AmqpSinkBuilder`].
    ///
    /// # Errors
    /// As [`AmqpSinkBuilder::build`].
    pub fn new(url: impl Into<String>, exchange: impl Into<String>) -> Result<Self> {
        Self::builder(url, exchange).build()
    }

    /// A sink on the queue of that name: the default exchange, with the name as the routing key.
    ///
    /// # Errors
    /// As [`AmqpSinkBuilder::build`].
    pub fn to_queue(url: impl Into<String>, queue: impl Into<String>) -> Result<Self> {
        Self::builder(url, "").routing_key(queue).build()
    }

    /// Sets up a sink on that exchange; the default one is called `""`.
    pub fn builder(url: impl Into<String>, exchange: impl Into<String>) -> AmqpSinkBuilder {
        AmqpSinkBuilder::new(url.into(), exchange.into())
    }

    /// The line to the driver, which starts with the first message.
    fn line(&self) -> &mpsc::Sender<Pending> {
        self.line.get_or_init(|| {
            let (sender, receiver) = mpsc::channel(ROOM);
            let dialer = Dialer {
                url: self.url.clone(),
                destination: Arc::clone(&self.destination),
                exchange: self.encoder.exchange.clone(),
                topology: self.settings.topology.clone(),
                mandatory: self.settings.mandatory,
                patience: self.settings.connect_timeout,
            };
            tokio::spawn(Driver::new(dialer, self.settings.unconfirmed, receiver).run());
            self.encoder
                .instrumentation
                .start_producer(&self.destination);
            sender
        })
    }

    fn closed(&self) -> Error {
        let detail = "the sink's task has ended";
        let kind = ErrorKind::Closed;
        Error::new(Operation::Send, &self.destination, kind, detail)
    }
}

impl Sink for AmqpSink {
    fn destination(&self) -> &Destination {
        &self.destination
    }

    async fn enqueue(&self, message: Message, parent: &Context) -> Result<Confirm> {
        let room = self.line().reserve().await.map_err(|_| self.closed())?;
        let (answer, answered) = oneshot::channel();
        let pending = self
            .encoder
            .encode(message, parent, &self.destination, answer)?;
        room.send(pending);
        let closed = self.closed();
        Ok(Confirm::new(async move {
            answered.await.unwrap_or(Err(closed))
        }))
    }
}
