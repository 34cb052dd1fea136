use std::fmt;
use std::future::Future;
use std::ops::Deref;
use std::pin::Pin;
use std::task::{Context as Task, Poll};

use opentelemetry::Context;
use rdkafka::ClientConfig;
use rdkafka::client::{ClientContext, DefaultClientContext};
use rdkafka::config::{FromClientConfig, FromClientConfigAndContext};
use rdkafka::error::{KafkaError, KafkaResult};
use rdkafka::message::{Message as _, OwnedMessage, ToBytes};
use rdkafka::producer::future_producer::OwnedDeliveryResult;
use rdkafka::producer::{DeliveryFuture, FutureProducer, FutureRecord};
use rdkafka::util::{AsyncRuntime, DefaultRuntime, Timeout};

use super::KafkaCluster;
use super::sending::{Record, Sending};

/// Traces a [`FutureProducer`], and carries context on its records, with the same signatures:
///
/// ```
/// use rdkafka::ClientConfig;
/// use tracehop::kafka::TracedProducer;
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> rdkafka::error::KafkaResult<()> {
/// let producer: TracedProducer = ClientConfig::new()
///     .set("bootstrap.servers", "localhost:9092")
///     .create()?;
/// # Ok(())
/// # }
/// ```
///
/// Each send is a `send {topic}` span, child of what is current where it is called (where its
/// future is first polled), until the delivery report. Its context goes onto the record's headers,
/// of which those that are not its own stay as they are. A creation context that is on a record
/// already is kept, and linked to; the one of the message in hand, which is being forwarded, is
/// replaced.
///
/// Nothing here fails a send: a record that is too large with these headers goes out without them.
/// One that fails comes back with the headers that it had. Everything else, transactions included,
/// is the producer's own, through [`Deref`].
///
/// Source: OpenTelemetry semantic conventions v1.44.0, messaging and Kafka.
#[must_use = "the producer's polling thread ends with it"]
pub struct TracedProducer<C = DefaultClientContext, R = DefaultRuntime>
where
    C: ClientContext + 'static,
{
    inner: FutureProducer<C, R>,
    cluster: KafkaCluster,
}

impl<C, R> TracedProducer<C, R>
where
    C: ClientContext + 'static,
    R: AsyncRuntime,
{
    /// Traces a producer that exists already.
    pub fn new(producer: FutureProducer<C, R>, cluster: KafkaCluster) -> Self {
        Self {
            inner: producer,
            cluster,
        }
    }

    /// What telemetry knows of the cluster.
    pub fn cluster(&self) -> &KafkaCluster {
        &self.cluster
    }

    /// [`FutureProducer::send`], traced. Dropping the future ends the span as `cancelled`; the
    /// record may still be sent.
    ///
    /// # Errors
    /// Those of the producer, with the record and the headers that it had.
    pub async fn send<K, P, T>(
        &self,
        mut record: FutureRecord<'_, K, P>,
        queue_timeout: T,
    ) -> OwnedDeliveryResult
    where
        K: ToBytes + ?Sized,
        P: ToBytes + ?Sized,
        T: Into<Timeout>,
    {
        let sending = self
            .cluster
            .send(&Context::current(), Record::from(&mut record));
        let queue_timeout = queue_timeout.into();
        let answer = self.inner.send(record, queue_timeout).await;
        let Some(mut sending) = sending else {
            return answer;
        };
        let answer = match answer {
            Err((error, message)) if sending.is_in_the_way(&error) => {
                let topic = message.topic().to_owned();
                let message = with_headers(message, |headers| {
                    self.cluster.withdraw(&mut sending, &topic, headers);
                });
                self.inner.send(again(&message), queue_timeout).await
            }
            answer => answer,
        };
        finish(sending, answer)
    }

    /// [`FutureProducer::send_result`], traced: the span lasts until the delivery that is answered
    /// is awaited, and ends as `cancelled` if that is dropped first. For sends that nobody awaits
    /// there is [`ProducerExt`](super::ProducerExt), whose spans end by themselves.
    ///
    /// # Errors
    /// Those of the producer, with the record and the headers that it had.
    pub fn send_result<'a, K, P>(
        &self,
        mut record: FutureRecord<'a, K, P>,
    ) -> Result<TracedDelivery, (KafkaError, FutureRecord<'a, K, P>)>
    where
        K: ToBytes + ?Sized,
        P: ToBytes + ?Sized,
    {
        let sending = self
            .cluster
            .send(&Context::current(), Record::from(&mut record));
        let Some(mut sending) = sending else {
            return self.inner.send_result(record).map(TracedDelivery::untraced);
        };
        let answer = match self.inner.send_result(record) {
            Err((error, mut record)) if sending.is_in_the_way(&error) => {
                self.cluster
                    .withdraw(&mut sending, record.topic, &mut record.headers);
                self.inner.send_result(record)
            }
            answer => answer,
        };
        match answer {
            Ok(delivery) => Ok(TracedDelivery {
                delivery,
                sending: Some(sending),
            }),
            Err((error, mut record)) => {
                sending.failed(&error, &mut record.headers);
                Err((error, record))
            }
        }
    }
}

impl<C, R> Deref for TracedProducer<C, R>
where
    C: ClientContext + 'static,
{
    type Target = FutureProducer<C, R>;

    fn deref(&self) -> &Self::Target {
        &self.inner
    }
}

impl<C, R> Clone for TracedProducer<C, R>
where
    C: ClientContext + 'static,
{
    fn clone(&self) -> Self {
        Self {
            inner: self.inner.clone(),
            cluster: self.cluster.clone(),
        }
    }
}

impl<C, R> fmt::Debug for TracedProducer<C, R>
where
    C: ClientContext + 'static,
{
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TracedProducer")
            .field("cluster", &self.cluster)
            .finish_non_exhaustive()
    }
}

impl<R: AsyncRuntime> FromClientConfig for TracedProducer<DefaultClientContext, R> {
    fn from_config(config: &ClientConfig) -> KafkaResult<Self> {
        Self::from_config_and_context(config, DefaultClientContext)
    }
}

impl<C, R> FromClientConfigAndContext<C> for TracedProducer<C, R>
where
    C: ClientContext + 'static,
    R: AsyncRuntime,
{
    fn from_config_and_context(config: &ClientConfig, context: C) -> KafkaResult<Self> {
        let producer = FutureProducer::from_config_and_context(config, context)?;
        Ok(Self::new(producer, KafkaCluster::from_config(config)))
    }
}

/// A [`DeliveryFuture`] that ends the span of its send.
pub struct TracedDelivery {
    delivery: DeliveryFuture,
    sending: Option<Sending>,
}

impl TracedDelivery {
    fn untraced(delivery: DeliveryFuture) -> Self {
        Self {
            delivery,
            sending: None,
        }
    }
}

impl Future for TracedDelivery {
    type Output = <DeliveryFuture as Future>::Output;

    fn poll(mut self: Pin<&mut Self>, task: &mut Task<'_>) -> Poll<Self::Output> {
        let answer = Pin::new(&mut self.delivery).poll(task);
        if answer.is_pending() {
            return answer;
        }
        match (&answer, self.sending.take()) {
            // As it is where it lies: it is large.
            (Poll::Ready(Ok(Ok(delivery))), Some(sending)) => {
                sending.delivered(delivery.partition, delivery.offset);
                answer
            }
            // Cancelled with its producer, it ends so when it is dropped.
            (_, Some(sending)) => answer.map_ok(|answer| finish(sending, answer)),
            (_, None) => answer,
        }
    }
}

impl fmt::Debug for TracedDelivery {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TracedDelivery").finish_non_exhaustive()
    }
}

fn finish(sending: Sending, answer: OwnedDeliveryResult) -> OwnedDeliveryResult {
    match answer {
        Ok(delivery) => {
            sending.delivered(delivery.partition, delivery.offset);
            Ok(delivery)
        }
        Err((error, message)) => {
            let message = with_headers(message, |headers| sending.failed(&error, headers));
            Err((error, message))
        }
    }
}

fn with_headers(
    mut message: OwnedMessage,
    change: impl FnOnce(&mut Option<rdkafka::message::OwnedHeaders>),
) -> OwnedMessage {
    let mut headers = message.detach_headers();
    change(&mut headers);
    message.replace_headers(headers)
}

/// The record that a message was refused as.
fn again(message: &OwnedMessage) -> FutureRecord<'_, [u8], [u8]> {
    let partition = message.partition();
    FutureRecord {
        topic: message.topic(),
        partition: (partition >= 0).then_some(partition),
        payload: message.payload(),
        key: message.key(),
        timestamp: message.timestamp().to_millis(),
        headers: message.headers().cloned(),
    }
}
