//! Messages from a RabbitMQ queue.

mod attempts;
mod builder;
mod deliveries;
mod delivery;
mod driver;
mod holds;
mod ladder;
mod outage;
mod place;
mod retry;
mod session;
mod settle;
mod state;

use std::sync::{Arc, OnceLock, Weak};

use lapin::options::QueueDeclareOptions;
use lapin::types::{FieldTable, ShortString};
use opentelemetry::Context;
use tokio::time::Instant;
use tokio_util::task::AbortOnDropHandle;

pub use builder::AmqpSourceBuilder;

use self::builder::Settings;
use self::deliveries::Held;
use self::delivery::Reader;
use self::driver::{Driver, Line};
use self::place::Place;
use self::retry::RetryQueues;
use self::session::Dialer;
use self::state::{Rules, State};
use super::AmqpUrl;
use super::destination::Destinations;
use super::failure::{failure, timeout};
use crate::contract::{
    Capacity, Delivery, Destination, Error, ErrorKind, Operation, Result, Settled, Settlement,
    Shared, Source,
};
use crate::telemetry::{MessageFacts, MessageLink, Outcome, Puller, Receive, Started};

/// A [`Source`] on a RabbitMQ queue, classic or quorum.
///
/// It has a connection of its own. When that is lost, or the consumer is cancelled, everything it
/// brought has lost its lease and comes again; the source connects again with backoff and is
/// unready meanwhile. Acks go out together, as one where all before it are to be acked too.
///
/// A nack with a delay keeps the message unsettled here until the delay is over, and then gives it
/// back to the queue; or puts it into [retry queues](AmqpSourceBuilder::retry_queues).
/// [`Settlement::Reject`] is `basic.reject`: the queue's dead-letter exchange gets the message, or
/// it is gone where there is none. Messages belong to no lane: RabbitMQ delivers them in order, and
/// they are handled side by side.
///
/// Attempts are counted by `x-delivery-count` (quorum queues), by `x-death` (a retry topology of
/// your own), or by the source itself for messages with an id.
///
/// A receipt that is dropped unsettled gives its message back. After [`close`](Source::close) what
/// is in hand may still be settled, as long as the source lives.
#[derive(Debug)]
pub struct AmqpSource {
    url: AmqpUrl,
    queue: ShortString,
    destination: Arc<Destination>,
    settings: Settings,
    running: OnceLock<Running>,
}

#[derive(Debug)]
struct Running {
    shared: Arc<Shared<State>>,
    line: Arc<Line>,
    _driver: AbortOnDropHandle<()>,
}

/// What settles one delivery of an [`AmqpSource`].
#[derive(Debug)]
pub struct AmqpReceipt {
    place: Place,
    /// Where to say that it was dropped unsettled.
    shared: Weak<Shared<State>>,
}

impl AmqpSource {
    /// A source on the queue of that name at `url`, as `amqp://user:password@host:5672/%2f`, with
    /// every default of [`AmqpSourceBuilder`].
    ///
    /// # Errors
    /// The text is no URL of RabbitMQ.
    pub fn new(url: impl Into<String>, queue: impl Into<String>) -> Result<Self> {
        Self::builder(url, queue).build()
    }

    /// Sets up a source on the queue of that name at `url`.
    pub fn builder(url: impl Into<String>, queue: impl Into<String>) -> AmqpSourceBuilder {
        AmqpSourceBuilder::new(url.into(), queue.into())
    }

    fn running(&self, operation: Operation) -> Result<&Running> {
        self.running
            .get()
            .ok_or_else(|| self.error(operation, ErrorKind::Closed, "the source is not open"))
    }

    fn error(&self, operation: Operation, kind: ErrorKind, detail: impl Into<String>) -> Error {
        Error::new(operation, &self.destination, kind, detail)
    }

    fn dialer(&self, capacity: Capacity) -> Dialer {
        let settings = &self.settings;
        let delays = settings.retry_delays.clone();
        let prefetch = capacity.slots.saturating_add(settings.prefetch).max(1);
        Dialer {
            url: self.url.clone(),
            queue: self.queue.clone(),
            destination: Arc::clone(&self.destination),
            topology: settings.topology.clone(),
            retry_queues: (!delays.is_empty())
                .then(|| RetryQueues::new(self.queue.as_str(), delays)),
            prefetch: u16::try_from(prefetch).unwrap_or(u16::MAX),
            patience: settings.connect_timeout,
        }
    }

    fn reader(&self) -> Reader {
        let server = self.destination.server.clone();
        Reader {
            queue: self.queue.clone(),
            destinations: Destinations::consumed(self.queue.clone(), server),
            instrumentation: self.settings.instrumentation.clone(),
            copies: !self.settings.retry_delays.is_empty(),
            longest: self.settings.consumer_timeout / 10 * 9,
        }
    }

    /// Tells telemetry of what is handed over together.
    fn record(&self, held: &[Held]) {
        let instrumentation = &self.settings.instrumentation;
        if held.is_empty() || !instrumentation.records() {
            return;
        }
        let started = Started::now();
        let messages: Vec<_> = held
            .iter()
            .map(|held| MessageLink {
                creation: &held.delivery.context,
                facts: MessageFacts::of(&held.delivery.message, &held.delivery.attributes),
            })
            .collect();
        let receive = Receive {
            destination: &self.destination,
            puller: Puller::Source,
            parent: &Context::new(),
            started,
            messages: &messages,
            batch: true,
        };
        instrumentation.received(&receive, &Outcome::success());
    }
}

impl AmqpReceipt {
    /// A delivery with its receipt, as it is handed over.
    fn hand_over(held: Held, shared: &Arc<Shared<State>>) -> Delivery<Self> {
        let receipt = Self {
            place: held.place,
            shared: Arc::downgrade(shared),
        };
        held.delivery.with_receipt(receipt).0
    }
}

impl Source for AmqpSource {
    type Receipt = AmqpReceipt;

    fn destination(&self) -> &Destination {
        &self.destination
    }

    async fn open(&self, capacity: Capacity) -> Result<()> {
        let dialer = self.dialer(capacity);
        let session = dialer.open().await?;
        self.settings
            .instrumentation
            .start_consumer(&self.destination);
        let state = State::new(Rules {
            prefetch: dialer.prefetch,
            dead_letters: self.settings.dead_letters,
        });
        let driver = Driver {
            shared: Arc::new(Shared::new(state)),
            dialer,
            reader: self.reader(),
            line: Arc::default(),
        };
        self.running.get_or_init(move || Running {
            shared: Arc::clone(&driver.shared),
            line: Arc::clone(&driver.line),
            _driver: AbortOnDropHandle::new(tokio::spawn(driver.run(session))),
        });
        Ok(())
    }

    async fn receive(&self, max: usize) -> Result<Vec<Delivery<AmqpReceipt>>> {
        let shared = &self.running(Operation::Receive)?.shared;
        let held = shared.receive(max).await?;
        self.record(&held);
        Ok(held
            .into_iter()
            .map(|held| AmqpReceipt::hand_over(held, shared))
            .collect())
    }

    async fn settle(&self, mut receipt: AmqpReceipt, how: Settlement) -> Result<Settled> {
        receipt.shared = Weak::new();
        let shared = &self.running(Operation::Settle)?.shared;
        Ok(shared.change(|state| state.settle(receipt.place, how, Instant::now())))
    }

    async fn exchange(
        &self,
        mut receipt: AmqpReceipt,
        how: Settlement,
    ) -> Result<(Settled, Option<Delivery<AmqpReceipt>>)> {
        receipt.shared = Weak::new();
        let shared = &self.running(Operation::Settle)?.shared;
        let now = Instant::now();
        let (settled, next) =
            shared.change(|state| (state.settle(receipt.place, how, now), state.pop()));
        let next = next.map(|held| {
            self.record(std::slice::from_ref(&held));
            AmqpReceipt::hand_over(held, shared)
        });
        Ok((settled, next))
    }

    async fn close(&self, deadline: Instant) -> Result<()> {
        let Some(running) = self.running.get() else {
            return Ok(());
        };
        running.shared.change(|state| state.close(Instant::now()));
        running.shared.driver.notify_one();
        drop(tokio::time::timeout_at(deadline, running.shared.flushed()).await);
        let unconfirmed = running.shared.lock().unconfirmed();
        if unconfirmed == 0 {
            return Ok(());
        }
        let detail = format!("{unconfirmed} settlements did not get to the broker");
        Err(self.error(Operation::Close, ErrorKind::Timeout, detail))
    }

    /// How many messages are ready in the queue, those that are out to consumers not counted.
    async fn backlog(&self) -> Result<Option<u64>> {
        let connection = self.running(Operation::Backlog)?.line.get();
        let Some(connection) = connection else {
            let detail = "there is no connection to the broker";
            return Err(self.error(Operation::Backlog, ErrorKind::Unavailable, detail));
        };
        let asked = async {
            let channel = connection.create_channel().await?;
            let options = QueueDeclareOptions {
                passive: true,
                ..QueueDeclareOptions::default()
            };
            let nothing = FieldTable::default();
            channel
                .queue_declare(self.queue.clone(), options, nothing)
                .await
        };
        let patience = self.settings.connect_timeout;
        let queue = tokio::time::timeout(patience, asked)
            .await
            .map_err(|_| timeout(Operation::Backlog, &self.destination, patience))?
            .map_err(|error| failure(Operation::Backlog, &self.destination, &error))?;
        Ok(Some(queue.message_count().into()))
    }

    fn unready(&self) -> Option<String> {
        let Some(running) = self.running.get() else {
            return Some("not open".to_owned());
        };
        running.shared.lock().trouble().map(ToOwned::to_owned)
    }
}

impl Drop for AmqpReceipt {
    fn drop(&mut self) {
        if let Some(shared) = self.shared.upgrade() {
            shared.change(|state| state.abandon(self.place, Instant::now()));
        }
    }
}
