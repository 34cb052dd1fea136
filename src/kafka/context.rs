use std::error::Error;
use std::fmt;

use rdkafka::client::{ClientContext, OAuthToken};
use rdkafka::config::RDKafkaLogLevel;
use rdkafka::error::KafkaError;
use rdkafka::message::{DeliveryResult, Message as _};
use rdkafka::producer::{Partitioner, ProducerContext};
use rdkafka::statistics::Statistics;

use super::KafkaCluster;
use super::sending::Sending;

/// A [`ProducerContext`] around one's own, for a `BaseProducer` or a `ThreadedProducer`, whose
/// delivery callback ends the span of the send. Every callback of one's own context is called as
/// before, and gets the opaque that was given to the record.
///
/// ```
/// use rdkafka::ClientConfig;
/// use rdkafka::producer::{BaseRecord, DefaultProducerContext, ThreadedProducer};
/// use tracehop::kafka::{KafkaCluster, ProducerExt, TracedContext};
///
/// # fn main() -> rdkafka::error::KafkaResult<()> {
/// let mut config = ClientConfig::new();
/// config.set("bootstrap.servers", "localhost:9092");
/// let context = TracedContext::new(DefaultProducerContext, KafkaCluster::from_config(&config));
/// let producer: ThreadedProducer<_> = config.create_with_context(context)?;
///
/// let record = BaseRecord::to("orders").key("7").payload("an order");
/// producer.send_traced(record).map_err(|(error, _)| error)?;
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct TracedContext<C> {
    inner: C,
    cluster: KafkaCluster,
}

impl<C> TracedContext<C> {
    /// Around a context of one's own; rdkafka's `DefaultProducerContext` is the one that does
    /// nothing.
    pub fn new(context: C, cluster: KafkaCluster) -> Self {
        Self {
            inner: context,
            cluster,
        }
    }

    /// The context that this one is around.
    pub fn inner(&self) -> &C {
        &self.inner
    }

    /// What telemetry knows of the cluster.
    pub fn cluster(&self) -> &KafkaCluster {
        &self.cluster
    }
}

impl<C> fmt::Debug for TracedContext<C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TracedContext")
            .field("cluster", &self.cluster)
            .finish_non_exhaustive()
    }
}

/// What travels with a record to its delivery report: the span of the send, and the opaque that
/// the user gave.
#[derive(Debug)]
pub struct TracedOpaque<O> {
    pub(super) sending: Option<Sending>,
    pub(super) users: O,
}

impl<C: ClientContext> ClientContext for TracedContext<C> {
    const ENABLE_REFRESH_OAUTH_TOKEN: bool = C::ENABLE_REFRESH_OAUTH_TOKEN;

    fn log(&self, level: RDKafkaLogLevel, fac: &str, log_message: &str) {
        self.inner.log(level, fac, log_message);
    }

    fn stats(&self, statistics: Statistics) {
        self.inner.stats(statistics);
    }

    fn stats_raw(&self, statistics: &[u8]) {
        self.inner.stats_raw(statistics);
    }

    fn error(&self, error: KafkaError, reason: &str) {
        self.inner.error(error, reason);
    }

    fn generate_oauth_token(&self, config: Option<&str>) -> Result<OAuthToken, Box<dyn Error>> {
        self.inner.generate_oauth_token(config)
    }
}

impl<C, Part> ProducerContext<Part> for TracedContext<C>
where
    C: ProducerContext<Part>,
    Part: Partitioner,
{
    type DeliveryOpaque = Box<TracedOpaque<C::DeliveryOpaque>>;

    fn delivery(&self, result: &DeliveryResult<'_>, opaque: Self::DeliveryOpaque) {
        let TracedOpaque { sending, users } = *opaque;
        match (sending, result) {
            (None, _) => {}
            (Some(sending), Ok(message)) => {
                sending.delivered(message.partition(), message.offset());
            }
            (Some(sending), Err((error, _))) => sending.failed(error, &mut None),
        }
        self.inner.delivery(result, users);
    }

    fn get_custom_partitioner(&self) -> Option<&Part> {
        self.inner.get_custom_partitioner()
    }
}
