use std::fmt;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use lapin::Channel;
use lapin::types::ShortString;

use super::AmqpSink;
use super::outgoing::Encoder;
use crate::amqp::AmqpUrl;
use crate::amqp::destination::{self, Destinations};
use crate::amqp::topology::Topology;
use crate::contract::{Destination, Error, ErrorKind, Operation, Result, System};
use crate::telemetry::Instrumentation;

/// Sets up an [`AmqpSink`].
#[derive(Clone)]
#[must_use]
pub struct AmqpSinkBuilder {
    url: String,
    exchange: String,
    routing_key: Option<String>,
    settings: Settings,
    instrumentation: Instrumentation,
}

#[derive(Clone, Debug)]
pub(super) struct Settings {
    pub(super) unconfirmed: usize,
    pub(super) mandatory: bool,
    pub(super) persistent: bool,
    pub(super) connect_timeout: Duration,
    pub(super) topology: Option<Topology>,
}

impl AmqpSinkBuilder {
    pub(super) fn new(url: String, exchange: String) -> Self {
        Self {
            url,
            exchange,
            routing_key: None,
            settings: Settings {
                unconfirmed: 1000,
                mandatory: true,
                persistent: true,
                connect_timeout: Duration::from_secs(15),
                topology: None,
            },
            instrumentation: Instrumentation::default(),
        }
    }

    /// The routing key of every message; a message's own key, where it has another, then goes in a
    /// header. Default: the key of each message is its routing key.
    pub fn routing_key(mut self, routing_key: impl Into<String>) -> Self {
        self.routing_key = Some(routing_key.into());
        self
    }

    /// How many messages are published and not yet confirmed at most, at least 1. Default: 1000.
    pub fn max_unconfirmed(mut self, messages: usize) -> Self {
        self.settings.unconfirmed = messages.max(1);
        self
    }

    /// Whether a message that the exchange has no queue for is an error. Default: true; otherwise
    /// the broker drops it, and says that it has it.
    pub fn mandatory(mut self, mandatory: bool) -> Self {
        self.settings.mandatory = mandatory;
        self
    }

    /// Whether messages survive a restart of the broker, in queues that do. Default: true.
    pub fn persistent(mut self, persistent: bool) -> Self {
        self.settings.persistent = persistent;
        self
    }

    /// How long connecting may take, with all that is declared. Default: 15 s.
    pub fn connect_timeout(mut self, timeout: Duration) -> Self {
        self.settings.connect_timeout = timeout;
        self
    }

    /// Declares what the sink needs, on a channel of its own: exchanges, queues, bindings. It runs
    /// on every new connection before anything is published. Default: nothing, the exchange must be
    /// there.
    pub fn topology<F>(mut self, declare: impl Fn(Channel) -> F + Send + Sync + 'static) -> Self
    where
        F: Future<Output = lapin::Result<()>> + Send + 'static,
    {
        self.settings.topology = Some(Topology::new(declare));
        self
    }

    /// The instrumentation. Default: the one on OpenTelemetry's globals.
    pub fn instrumentation(mut self, instrumentation: Instrumentation) -> Self {
        self.instrumentation = instrumentation;
        self
    }

    /// The sink. Nothing is asked of the broker before the first message.
    ///
    /// # Errors
    /// The text is no URL of RabbitMQ, or a name is too long for AMQP.
    pub fn build(self) -> Result<AmqpSink> {
        let url: AmqpUrl = self.url.parse()?;
        let server = Some(url.server());
        let routing_key = self.routing_key.as_deref().unwrap_or_default();
        let exchange = ShortString::try_new(self.exchange.as_str());
        let (Ok(exchange), Ok(_)) = (exchange, ShortString::try_new(routing_key)) else {
            let nowhere = Destination::new(System::RabbitMq, "");
            let detail = "an exchange's name and a routing key have at most 255 bytes on AMQP";
            let kind = ErrorKind::Config;
            return Err(Error::new(Operation::Open, &nowhere, kind, detail));
        };
        let destination = Destination {
            server: server.clone(),
            ..destination::producer(exchange.as_str(), routing_key)
        };
        Ok(AmqpSink {
            url,
            destination: Arc::new(destination),
            encoder: Encoder {
                exchange,
                routing_key: self.routing_key,
                persistent: self.settings.persistent,
                destinations: Destinations::published(server),
                instrumentation: self.instrumentation,
            },
            settings: self.settings,
            line: OnceLock::new(),
        })
    }
}

/// Without the URL, which has the password in it.
impl fmt::Debug for AmqpSinkBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AmqpSinkBuilder")
            .field("exchange", &self.exchange)
            .field("routing_key", &self.routing_key)
            .field("settings", &self.settings)
            .finish_non_exhaustive()
    }
}
