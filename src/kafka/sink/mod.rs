//! Messages to a Kafka topic.

mod builder;
mod reports;

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use opentelemetry::Context;
use opentelemetry::propagation::Injector as _;
use rdkafka::ClientConfig;
use rdkafka::error::KafkaError;
use rdkafka::message::OwnedHeaders;
use rdkafka::producer::{BaseProducer, BaseRecord, Producer as _};
use rdkafka::types::RDKafkaErrorCode;
use tokio::sync::oneshot;
use tracehop_kafka::HeaderInjector;
use tracehop_propagation::LINEAGE;

pub use builder::KafkaSinkBuilder;

use self::builder::Partitioner;
use self::reports::{Pending, Reports};
use super::error::failure;
use super::record;
use crate::contract::{
    Attributes, Confirm, Destination, Error, ErrorKind, Message, Operation, Result, Sink, Value,
};
use crate::telemetry::{
    FreshLineage, Instrumentation, MessageFacts, MessageLink, OperationError, Outcome, Outgoing,
    SendSpan, SendStart,
};

/// A [`Sink`] on a Kafka topic.
///
/// The producer is idempotent and waits for all in-sync replicas (`enable.idempotence`,
/// `acks=all`): within a partition messages stand in the order in which they were enqueued, each
/// once, as long as the sink lives. [`Sent`](crate::contract::Sent) tells partition and offset.
/// Where the producer's own queue is full (`queue.buffering.max.messages`), enqueueing waits.
///
/// The key is the message's key, else its group; messages of a key go to the same partition, chosen
/// as the Java client does (murmur2), unless
/// [`partition`](KafkaSinkBuilder::partition) or `partitioner` of the configuration says otherwise.
/// A message without a payload is a tombstone. The timestamp is the sender's where there is one.
///
/// Headers are bytes on Kafka: text and bytes go out as they are, other values in decimal or as
/// `true` and `false`, points in time in milliseconds since the Unix epoch, and those of types that
/// only another broker knows in their own encoding. Content type, message id, correlation id and
/// reply-to go out as the headers `content-type`, `message-id`, `correlation-id` and `reply-to`,
/// priority and expiration as `amqp-priority` and `amqp-expiration`. There is no deduplication id,
/// and a delay is an error of [`ErrorKind::Payload`].
///
/// Dropping the sink lets what was enqueued go out. Permission: `WRITE` on the topic.
pub struct KafkaSink {
    destination: Arc<Destination>,
    instrumentation: Instrumentation,
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

    /// Starts the span of a send, and writes its context onto the headers of the record.
    fn mark(&self, message: &Message, parent: &Context) -> (SendSpan, Option<OwnedHeaders>) {
        let propagator = self.instrumentation.propagator();
        let existing = propagator.extract(&message.headers).context;
        let outgoing = Instrumentation::outgoing(&existing, parent);
        let users = matches!(outgoing, Outgoing::Users(_));
        let link = [MessageLink::new(&existing)];
        let span = self.instrumentation.send(&SendStart {
            destination: &self.destination,
            parent,
            batch_count: None,
            creation: !users,
            messages: if users { &link } else { &[] },
            facts: MessageFacts {
                key: key(message),
                ..MessageFacts::of(message, &Attributes::default())
            },
        });
        let mut headers = record::headers(message);
        if parent.is_telemetry_suppressed() {
            return (span, headers);
        }
        let carried = if users { &existing } else { span.context() };
        let mut injector = HeaderInjector::new(propagator, &mut headers);
        if users {
            injector = injector.keep_present();
        }
        if parent.get::<FreshLineage>().is_some() {
            // Otherwise it is of the message that is forwarded, and goes with its context.
            for name in LINEAGE {
                if let Some(value) = message.headers.get(name).and_then(Value::as_str) {
                    injector.set(name, value.to_owned());
                }
            }
        }
        let baggage_dropped = propagator.inject(carried, &mut injector);
        let injected = injector.finish();
        let dropped = injected.dropped.iter();
        let dropped = dropped.map(|field| (field.as_str(), "unsupported"));
        self.instrumentation
            .injected(&self.destination, carried, dropped, baggage_dropped);
        (span, headers)
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
        let (span, headers) = self.mark(&message, parent);
        let partition = self
            .partitioner
            .as_ref()
            .and_then(|choose| choose(&message));
        let (answer, answered) = oneshot::channel();
        let pending = Box::new(Pending {
            destination: Arc::clone(&self.destination),
            span,
            answer,
        });
        let mut record = BaseRecord {
            topic: &self.destination.name,
            partition,
            payload: message.payload.as_deref(),
            key: key(&message),
            timestamp: message.properties.timestamp.map(record::millis),
            headers,
            delivery_opaque: pending,
        };
        let room = &self.producer.context().room;
        loop {
            let mut freed = std::pin::pin!(room.notified());
            freed.as_mut().enable();
            let Err((error, refused)) = self.producer.send(record) else {
                break;
            };
            if error != KafkaError::MessageProduction(RDKafkaErrorCode::QueueFull) {
                let failure = failure(Operation::Send, &self.destination, &error, None);
                let span = refused.delivery_opaque.span;
                span.end(&Outcome::failure(OperationError::from(&failure)));
                return Err(failure);
            }
            record = refused;
            freed.await;
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
