use rdkafka::consumer::{BaseConsumer, CommitMode, Consumer, ConsumerContext};
use rdkafka::error::KafkaResult;
use rdkafka::message::BorrowedMessage;
use rdkafka::topic_partition_list::TopicPartitionList;
use rdkafka::util::Timeout;

use super::KafkaCluster;
use crate::telemetry::Started;

/// Traced calls of a [`BaseConsumer`], each with the signature of the consumer's own behind the
/// cluster that telemetry is told of; see [`TracedConsumer`](super::TracedConsumer) for the spans.
pub trait ConsumerExt<C: ConsumerContext>: Consumer<C> {
    /// [`BaseConsumer::poll`], traced.
    fn poll_traced<T: Into<Timeout>>(
        &self,
        cluster: &KafkaCluster,
        timeout: T,
    ) -> Option<KafkaResult<BorrowedMessage<'_>>>;

    /// [`Consumer::commit`], traced.
    ///
    /// # Errors
    /// Those of the consumer.
    fn commit_traced(
        &self,
        cluster: &KafkaCluster,
        offsets: &TopicPartitionList,
        mode: CommitMode,
    ) -> KafkaResult<()> {
        cluster.commit(Some(offsets), || self.commit(offsets, mode))
    }

    /// [`Consumer::commit_consumer_state`], traced.
    ///
    /// # Errors
    /// Those of the consumer.
    fn commit_consumer_state_traced(
        &self,
        cluster: &KafkaCluster,
        mode: CommitMode,
    ) -> KafkaResult<()> {
        cluster.commit(None, || self.commit_consumer_state(mode))
    }

    /// [`Consumer::commit_message`], traced.
    ///
    /// # Errors
    /// Those of the consumer.
    fn commit_message_traced(
        &self,
        cluster: &KafkaCluster,
        message: &BorrowedMessage<'_>,
        mode: CommitMode,
    ) -> KafkaResult<()> {
        cluster.commit_message(message, || self.commit_message(message, mode))
    }
}

impl<C: ConsumerContext> ConsumerExt<C> for BaseConsumer<C> {
    fn poll_traced<T: Into<Timeout>>(
        &self,
        cluster: &KafkaCluster,
        timeout: T,
    ) -> Option<KafkaResult<BorrowedMessage<'_>>> {
        if !cluster.telemetry().records() {
            return self.poll(timeout);
        }
        let started = Started::now();
        let answer = self.poll(timeout);
        match &answer {
            Some(Ok(message)) => cluster.polled(message),
            Some(Err(error)) => cluster.polled_nothing(started, Some(error)),
            None => cluster.polled_nothing(started, None),
        }
        answer
    }
}
