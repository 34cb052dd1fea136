//! Messages to a Kafka topic.

mod builder;
mod reports;

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use opentelemetry::Context;
use rdkafka::ClientConfig;
use rdkafka::error::KafkaError;
use rdkafka::producer::{BaseProducer, BaseRecord, Producer as _};
use rdkafka::types::RDKafkaErrorCode;
use tokio::sync::oneshot;

pub use builder::KafkaSinkBuilder;

use self::builder::Partitioner;
use self::reports::{Pending, Reports};
use super::error::failure;
use super::sending::Record as Outgoing;
use super::{KafkaCluster, record};
use crate::contract::{Confirm, Destination, Error, ErrorKind, Message, Operation, Result, Sink};

/// A [`Sink`] on a Kafka topic.
///
/// The producer is idempotent and waits for all in-sync replicas (`enable.idempotence`,
/// `acks=all`): within a partition messages stand in the order in which they were enqueued, each
/// once, as long as the sink lives. [`Sent`](crate::contract::Sent) tells partition and offset.
/// Where the producer's own queue is full (`queue.buffering.max.messages`), enqueueing waits. The
/// first message waits for the producer's id, for which librdkafka (2.12) looks every 0.5 s: keep a
/// sink for many messages.
///
/// The key is the message's key, else its group; messages of a key go to the same partition, chosen
/// as the Java client does (murmur2), unless
/// [`partition`](KafkaSinkBuilder::partition) or `partitioner` of the configuration says otherwise.
/// A message without a payload is a tombstone. The timestamp is the sender's where there is one.
///
/// Headers are bytes on Kafka: text and bytes go out as they are, other values in decimal or as
/// `true` and `false`, points in time in milliseconds since the Unix epoch, and those of types that
/// only another broker knows in their own encoding. Content type and encoding, message id,
/// correlation id and reply-to go out as the headers `content-type`, `content-encoding`,
/// `message-id`, `correlation-id` and `reply-to`; type, application id, priority and expiration as
/// `amqp-type`, `amqp-app-id`, `amqp-priority` and `amqp-expiration`. There is no deduplication id,
/// and a delay is an error of [`ErrorKind::Payload`].
///
/// Dropping the sink lets what was enqueued go out. Permission: `WRITE` on the topic.
pub struct KafkaSink {
    destination: Arc<Destination>,
    cluster: KafkaCluster,
    producer: Arc<BaseProducer<Reports>>,
    partitioner: Option<Partitioner>,
    /// Tells the thread that serves the reports that nothing more is enqueued.
    dropped: Arc<AtomicBool>,
}

impl KafkaSink {
    /// A sink to that topic, with every default of [`KafkaSinkBuilder`].
    ///
    /// # Errors
    /// As [`KafkaSinkBuilder::build`].
    pub fn new(config: ClientConfig, topic: impl Into<String>) -> Result<Self> {
        Self::builder(config, topic).build()
    }

    /// Sets up a sink. The configuration is librdkafka's own (2.12), with `bootstrap.servers` and
    /// what security needs.
    pub fn builder(config: ClientConfig, topic: impl Into<String>) -> KafkaSinkBuilder {
        KafkaSinkBuilder::new(config, topic.into())
    }

    fn error(&self, kind: ErrorKind, detail: &str) -> Error {
        Error::new(Operation::Send, &self.destination, kind, detail)
    }
}

impl Sink for KafkaSink {
    fn destination(&self) -> &Destination {
        &self.destination
    }

    async fn enqueue(&self, message: Message, parent: &Context) -> Result<Confirm> {
        if message.properties.delay.is_some() {
            return Err(self.error(ErrorKind::Payload, "Kafka holds no message back"));
        }
        let partition = self
            .partitioner
            .as_ref()
            .and_then(|choose| choose(&message));
        let mut headers = record::headers(&message);
        let outgoing = Outgoing {
            topic: &self.destination.name,
            partition,
            key: key(&message),
            payload: message.payload.as_deref(),
            headers: &mut headers,
        };
        let sending = self.cluster.send(parent, outgoing);
        let (answer, answered) = oneshot::channel();
        let mut record = BaseRecord {
            topic: &self.destination.name,
            partition,
            payload: message.payload.as_deref(),
            key: key(&message),
            timestamp: message.properties.timestamp.map(record::millis),
            headers,
            delivery_opaque: Box::new(Pending {
                destination: Arc::clone(&self.destination),
                sending,
                answer,
            }),
        };
        let room = &self.producer.context().room;
        loop {
            let mut freed = std::pin::pin!(room.notified());
            freed.as_mut().enable();
            let Err((error, refused)) = self.producer.send(record) else {
                break;
            };
            record = refused;
            if error == KafkaError::MessageProduction(RDKafkaErrorCode::QueueFull) {
                freed.await;
                continue;
            }
            let sending = &mut record.delivery_opaque.sending;
            match sending.as_mut() {
                Some(sending) if sending.is_in_the_way(&error) => {
                    self.cluster
                        .withdraw(sending, record.topic, &mut record.headers);
                }
                _ => {
                    if let Some(sending) = sending.take() {
                        sending.failed(&error, &mut None);
                    }
                    return Err(failure(Operation::Send, &self.destination, &error, None));
                }
            }
        }
        let ended = self.error(ErrorKind::Closed, "the producer has ended");
        Ok(Confirm::new(
            async move { answered.await.unwrap_or(Err(ended)) },
        ))
    }
}

/// What partitions by: the message's key, else what it is to be kept in order with.
fn key(message: &Message) -> Option<&[u8]> {
    message.key.as_deref().or(message.group.as_deref())
}

/// Without the configuration, which may hold credentials.
impl fmt::Debug for KafkaSink {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("KafkaSink")
            .field("destination", &self.destination)
            .finish_non_exhaustive()
    }
}

impl Drop for KafkaSink {
    fn drop(&mut self) {
        self.dropped.store(true, Ordering::Release);
    }
}
