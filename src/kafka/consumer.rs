use std::fmt::{self, Display};
use std::ops::Deref;
use std::pin::Pin;
use std::task::{Context as Task, Poll, ready};

use futures_util::Stream;
use rdkafka::ClientConfig;
use rdkafka::config::{FromClientConfig, FromClientConfigAndContext};
use rdkafka::consumer::{
    CommitMode, Consumer, ConsumerContext, DefaultConsumerContext, MessageStream, StreamConsumer,
};
use rdkafka::error::{KafkaError, KafkaResult};
use rdkafka::message::{BorrowedMessage, Message};
use rdkafka::topic_partition_list::TopicPartitionList;
use rdkafka::util::{AsyncRuntime, DefaultRuntime};
use tracehop_kafka::HeaderExtractor;

use super::{KafkaCluster, MessageExt};
use crate::telemetry::Started;

/// Traces a [`StreamConsumer`], with the same signatures:
///
/// ```
/// use rdkafka::ClientConfig;
/// use tracehop::kafka::TracedConsumer;
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> rdkafka::error::KafkaResult<()> {
/// let consumer: TracedConsumer = ClientConfig::new()
///     .set("bootstrap.servers", "localhost:9092")
///     .set("group.id", "billing")
///     .create()?;
/// # Ok(())
/// # }
/// ```
///
/// - Each record that [`recv`](Self::recv) or a [`stream`](Self::stream) hands over is a
///   `poll {topic}` span, child of what is current, that links to the record's creation context. It
///   starts when the record is found and ends at once: waiting is not in it, and neither a poll that
///   brings nothing has one nor a record that librdkafka has fetched ahead.
/// - [`process`](Self::process) runs a handler in a `process {topic}` span.
/// - The commits are `commit {topic}` spans. Those that librdkafka makes by itself
///   (`enable.auto.commit`) are not seen.
///
/// Everything else is the consumer's own, through [`Deref`]. For the records of a partition queue
/// there is [`KafkaCluster::polled`].
///
/// Source: OpenTelemetry semantic conventions v1.44.0, messaging and Kafka.
#[must_use = "the consumer leaves its group with it"]
pub struct TracedConsumer<C = DefaultConsumerContext, R = DefaultRuntime>
where
    C: ConsumerContext,
{
    inner: StreamConsumer<C, R>,
    cluster: KafkaCluster,
}

impl<C, R> TracedConsumer<C, R>
where
    C: ConsumerContext + 'static,
{
    /// Traces a consumer that exists already.
    pub fn new(consumer: StreamConsumer<C, R>, cluster: KafkaCluster) -> Self {
        Self {
            inner: consumer,
            cluster,
        }
    }

    /// What telemetry knows of the cluster.
    pub fn cluster(&self) -> &KafkaCluster {
        &self.cluster
    }

    /// [`StreamConsumer::stream`], traced: a record has its span when it is taken from the stream.
    pub fn stream(&self) -> TracedStream<'_, C> {
        TracedStream {
            inner: self.inner.stream(),
            cluster: &self.cluster,
        }
    }

    /// [`StreamConsumer::recv`], traced. Cancel-safe: a future that is dropped has taken no record,
    /// and leaves no span.
    ///
    /// # Errors
    /// Those of the consumer.
    pub async fn recv(&self) -> KafkaResult<BorrowedMessage<'_>> {
        let answer = self.inner.recv().await;
        self.cluster.polled_one(&answer);
        answer
    }

    /// [`Consumer::commit`], traced. With [`CommitMode::Async`] the span ends when the commit is
    /// queued: its outcome goes to the consumer context alone.
    ///
    /// # Errors
    /// Those of the consumer.
    pub fn commit(&self, offsets: &TopicPartitionList, mode: CommitMode) -> KafkaResult<()> {
        let commit = || self.inner.commit(offsets, mode);
        self.cluster.commit(Some(offsets), commit)
    }

    /// [`Consumer::commit_consumer_state`], traced like [`commit`](Self::commit).
    ///
    /// # Errors
    /// Those of the consumer.
    pub fn commit_consumer_state(&self, mode: CommitMode) -> KafkaResult<()> {
        let commit = || self.inner.commit_consumer_state(mode);
        self.cluster.commit(None, commit)
    }

    /// [`Consumer::commit_message`], traced like [`commit`](Self::commit). The span links to the
    /// record.
    ///
    /// # Errors
    /// Those of the consumer.
    pub fn commit_message(
        &self,
        message: &BorrowedMessage<'_>,
        mode: CommitMode,
    ) -> KafkaResult<()> {
        let commit = || self.inner.commit_message(message, mode);
        self.cluster.commit_message(message, commit)
    }

    /// Runs `handler` in the process span of a record; see [`MessageExt::process`].
    ///
    /// # Errors
    /// The handler's own.
    pub async fn process<M, F, T, E>(&self, message: &M, handler: F) -> Result<T, E>
    where
        M: Message,
        for<'m> HeaderExtractor<'m>: From<&'m M>,
        F: Future<Output = Result<T, E>>,
        E: Display,
    {
        message.process(&self.cluster, handler).await
    }
}

impl<C: ConsumerContext, R> Deref for TracedConsumer<C, R> {
    type Target = StreamConsumer<C, R>;

    fn deref(&self) -> &Self::Target {
        &self.inner
    }
}

impl<C: ConsumerContext, R> fmt::Debug for TracedConsumer<C, R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TracedConsumer")
            .field("cluster", &self.cluster)
            .finish_non_exhaustive()
    }
}

impl<R: AsyncRuntime> FromClientConfig for TracedConsumer<DefaultConsumerContext, R> {
    fn from_config(config: &ClientConfig) -> KafkaResult<Self> {
        Self::from_config_and_context(config, DefaultConsumerContext)
    }
}

impl<C, R> FromClientConfigAndContext<C> for TracedConsumer<C, R>
where
    C: ConsumerContext + 'static,
    R: AsyncRuntime,
{
    fn from_config_and_context(config: &ClientConfig, context: C) -> KafkaResult<Self> {
        let consumer = StreamConsumer::from_config_and_context(config, context)?;
        Ok(Self::new(consumer, KafkaCluster::from_config(config)))
    }
}

/// A [`MessageStream`] whose records have poll spans; see [`TracedConsumer::stream`].
pub struct TracedStream<'a, C: ConsumerContext> {
    inner: MessageStream<'a, C>,
    cluster: &'a KafkaCluster,
}

impl<'a, C: ConsumerContext> Stream for TracedStream<'a, C> {
    type Item = Result<BorrowedMessage<'a>, KafkaError>;

    fn poll_next(mut self: Pin<&mut Self>, task: &mut Task<'_>) -> Poll<Option<Self::Item>> {
        let item = ready!(Pin::new(&mut self.inner).poll_next(task));
        if let Some(answer) = &item {
            self.cluster.polled_one(answer);
        }
        Poll::Ready(item)
    }
}

impl<C: ConsumerContext> fmt::Debug for TracedStream<'_, C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TracedStream")
            .field("cluster", self.cluster)
            .finish_non_exhaustive()
    }
}

impl KafkaCluster {
    fn polled_one(&self, answer: &KafkaResult<BorrowedMessage<'_>>) {
        match answer {
            Ok(message) => self.polled(message),
            Err(error) => self.polled_nothing(Started::now(), Some(error)),
        }
    }
}
