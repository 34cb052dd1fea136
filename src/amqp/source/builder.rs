use std::fmt;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use lapin::Channel;
use lapin::types::ShortString;

use super::AmqpSource;
use crate::amqp::topology::Topology;
use crate::amqp::{AmqpUrl, destination};
use crate::contract::{Destination, Error, ErrorKind, Operation, Result, System};
use crate::telemetry::Instrumentation;

/// Sets up an [`AmqpSource`].
#[derive(Clone)]
#[must_use]
pub struct AmqpSourceBuilder {
    url: String,
    queue: String,
    settings: Settings,
}

#[derive(Clone, Debug)]
pub(super) struct Settings {
    pub(super) prefetch: usize,
    pub(super) consumer_timeout: Duration,
    pub(super) connect_timeout: Duration,
    pub(super) topology: Option<Topology>,
    pub(super) retry_delays: Vec<Duration>,
    pub(super) dead_letters: bool,
    pub(super) instrumentation: Instrumentation,
}

/// What RabbitMQ has had by default since 3.8.17.
const CONSUMER_TIMEOUT: Duration = Duration::from_mins(30);

impl AmqpSourceBuilder {
    pub(super) fn new(url: String, queue: String) -> Self {
        let settings = Settings {
            prefetch: 100,
            consumer_timeout: CONSUMER_TIMEOUT,
            connect_timeout: Duration::from_secs(15),
            topology: None,
            retry_delays: Vec::new(),
            dead_letters: false,
            instrumentation: Instrumentation::default(),
        };
        Self {
            url,
            queue,
            settings,
        }
    }

    /// How many messages are kept ready beyond those in hand. Default: 100. Those in hand and these
    /// together, at most 65,535, are what the broker may have out to this consumer.
    pub fn prefetch(mut self, messages: usize) -> Self {
        self.settings.prefetch = messages;
        self
    }

    /// The broker's `consumer_timeout`: it closes the channel of a consumer that leaves a delivery
    /// unsettled for longer. Default: 30 min, as RabbitMQ's own; `Duration::MAX` where it is switched
    /// off. After nine tenths of it a delivery is given back and its lease is lost, so that one slow
    /// handler does not cost the others their channel; failed messages wait here for no longer.
    pub fn consumer_timeout(mut self, timeout: Duration) -> Self {
        self.settings.consumer_timeout = timeout;
        self
    }

    /// How long connecting may take, with all that is declared. Default: 15 s.
    pub fn connect_timeout(mut self, timeout: Duration) -> Self {
        self.settings.connect_timeout = timeout;
        self
    }

    /// Declares what the source needs, on a channel of its own: queues, exchanges, bindings. It runs
    /// on every new connection before anything is consumed, so that what went with the broker is
    /// there again. Default: nothing, the queue must be there.
    pub fn topology<F>(mut self, declare: impl Fn(Channel) -> F + Send + Sync + 'static) -> Self
    where
        F: Future<Output = lapin::Result<()>> + Send + 'static,
    {
        self.settings.topology = Some(Topology::new(declare));
        self
    }

    /// Lets failed messages wait in queues of these delays, in whole milliseconds, and not here. A
    /// copy goes to the queue with the shortest delay that is no shorter than the one asked for,
    /// else to the longest; when the broker has it there, the message is acked. Default: none.
    ///
    /// The queues are quorum queues named `{queue}.retry.{milliseconds}`, which the source declares:
    /// it needs the permissions to configure, write and read them. Order is given up: a message
    /// comes back behind those that came meanwhile.
    pub fn retry_queues(mut self, delays: impl IntoIterator<Item = Duration>) -> Self {
        self.settings.retry_delays = delays.into_iter().collect();
        self
    }

    /// Says that the queue has a dead-letter exchange, or that rejected messages may be dropped.
    /// Default: false, and the first reject brings a warning, because RabbitMQ drops a rejected
    /// message where there is none, and does not tell clients.
    pub fn dead_letters(mut self, known: bool) -> Self {
        self.settings.dead_letters = known;
        self
    }

    /// The instrumentation. Default: the one on OpenTelemetry's globals.
    pub fn instrumentation(mut self, instrumentation: Instrumentation) -> Self {
        self.settings.instrumentation = instrumentation;
        self
    }

    /// The source. Nothing is asked of the broker before it is opened.
    ///
    /// # Errors
    /// The text is no URL of RabbitMQ, or the queue's name is too long for AMQP.
    pub fn build(self) -> Result<AmqpSource> {
        let url: AmqpUrl = self.url.parse()?;
        let server = Some(url.server());
        let Ok(queue) = ShortString::try_new(self.queue.as_str()) else {
            let nowhere = Destination::new(System::RabbitMq, "");
            let detail = "the name of a queue has at most 255 bytes on AMQP";
            let kind = ErrorKind::Config;
            return Err(Error::new(Operation::Open, &nowhere, kind, detail));
        };
        let destination = Destination {
            server,
            ..destination::consumer("", queue.as_str(), queue.as_str())
        };
        Ok(AmqpSource {
            url,
            queue,
            destination: Arc::new(destination),
            settings: self.settings,
            running: OnceLock::new(),
        })
    }
}

/// Without the URL, which has the password in it.
impl fmt::Debug for AmqpSourceBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AmqpSourceBuilder")
            .field("queue", &self.queue)
            .field("settings", &self.settings)
            .finish_non_exhaustive()
    }
}
