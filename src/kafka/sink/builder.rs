use std::fmt;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::thread;

use rdkafka::ClientConfig;
use rdkafka::producer::BaseProducer;

use super::KafkaSink;
use super::reports::{self, Reports};
use crate::contract::{Error, ErrorKind, Message, Operation, Result};
use crate::kafka::KafkaCluster;
use crate::kafka::error::failure;
use crate::telemetry::Instrumentation;

/// Chooses the partition of a message; `None` leaves it to the key.
pub(super) type Partitioner = Arc<dyn Fn(&Message) -> Option<i32> + Send + Sync>;

/// Sets up a [`KafkaSink`].
#[derive(Clone)]
#[must_use]
pub struct KafkaSinkBuilder {
    config: ClientConfig,
    topic: String,
    partitioner: Option<Partitioner>,
    instrumentation: Instrumentation,
}

impl KafkaSinkBuilder {
    pub(super) fn new(config: ClientConfig, topic: String) -> Self {
        Self {
            config,
            topic,
            partitioner: None,
            instrumentation: Instrumentation::default(),
        }
    }

    /// Chooses the partition of each message, from 0; where it answers `None`, the key does. A
    /// partition that does not exist fails the message. Default: the key does.
    pub fn partition(
        mut self,
        choose: impl Fn(&Message) -> Option<i32> + Send + Sync + 'static,
    ) -> Self {
        self.partitioner = Some(Arc::new(choose));
        self
    }

    /// The instrumentation. Default: the one on OpenTelemetry's globals.
    pub fn instrumentation(mut self, instrumentation: Instrumentation) -> Self {
        self.instrumentation = instrumentation;
        self
    }

    /// The sink. Nothing is asked of Kafka before the first message.
    ///
    /// # Errors
    /// librdkafka does not accept the configuration, or no thread can be started.
    pub fn build(mut self) -> Result<KafkaSink> {
        // It is a consumer's, and telemetry would tell it of the destination.
        self.config.remove("group.id");
        let cluster = KafkaCluster::from_config(&self.config);
        let cluster = cluster.instrumentation(self.instrumentation);
        let destination = cluster.topic(&self.topic);
        self.config.set("enable.idempotence", "true");
        self.config.set("acks", "all");
        if self.config.get("partitioner").is_none() {
            self.config.set("partitioner", "murmur2_random");
        }
        let producer: BaseProducer<Reports> =
            self.config
                .create_with_context(Reports::default())
                .map_err(|error| failure(Operation::Open, &destination, &error, None))?;
        let producer = Arc::new(producer);
        let dropped = Arc::new(AtomicBool::new(false));
        let (served, gone) = (Arc::clone(&producer), Arc::clone(&dropped));
        thread::Builder::new()
            .name("tracehop-kafka".to_owned())
            .spawn(move || reports::serve(&served, &gone))
            .map_err(|error| {
                let detail = format!("no thread could be started: {error}");
                Error::new(Operation::Open, &destination, ErrorKind::Config, detail)
            })?;
        cluster.telemetry().start_producer(&destination);
        Ok(KafkaSink {
            destination,
            cluster,
            producer,
            partitioner: self.partitioner,
            dropped,
        })
    }
}

/// Without the configuration, which may hold credentials.
impl fmt::Debug for KafkaSinkBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("KafkaSinkBuilder")
            .field("topic", &self.topic)
            .finish_non_exhaustive()
    }
}
