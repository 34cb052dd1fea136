//! What a consumer does: records are polled, and offsets are committed.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use opentelemetry::Context;
use rdkafka::error::{KafkaError, KafkaResult};
use rdkafka::message::{BorrowedMessage, Message};
use rdkafka::topic_partition_list::TopicPartitionList;
use tracehop_kafka::HeaderExtractor;

use super::KafkaCluster;
use super::failure::operation_error;
use crate::contract::Destination;
use crate::telemetry::{
    ClientOperation, MessageFacts, MessageLink, Outcome, Puller, Receive, SettleStart, Started,
};

impl KafkaCluster {
    /// Writes the `poll {topic}` span of a record that the application has just got, which ends at
    /// once and links to the record's creation context, and counts what the record carried. The
    /// wrapped consumers do so themselves; this is for records that come by other ways, such as a
    /// partition queue.
    pub fn polled(&self, message: &BorrowedMessage<'_>) {
        let telemetry = self.telemetry();
        if !telemetry.records() {
            return;
        }
        let current = Context::current();
        if current.is_telemetry_suppressed() {
            return;
        }
        let destination = self.topic(message.topic());
        let carrier = HeaderExtractor::from(message);
        let creation = telemetry.creation(&destination, &carrier);
        telemetry.malformed_keys(&destination, || carrier.malformed_keys() > 0);
        let link = MessageLink {
            creation: &creation,
            facts: facts(message, &carrier),
        };
        let receive = Receive {
            destination: &destination,
            puller: Puller::Client,
            parent: &current,
            started: Started::when_recorded(),
            messages: std::slice::from_ref(&link),
            batch: false,
        };
        telemetry.received(&receive, &Outcome::success());
    }

    /// A poll that brought no record: because it failed, or because none came in its time. That a
    /// partition has come to its end is no failure.
    pub(super) fn polled_nothing(&self, started: Started, error: Option<&KafkaError>) {
        let error = error.filter(|error| !matches!(error, KafkaError::PartitionEOF(_)));
        let outcome = Outcome {
            error: error.map(operation_error),
            ..Outcome::default()
        };
        let receive = Receive {
            destination: &self.topic(""),
            puller: Puller::Client,
            parent: &Context::current(),
            started,
            messages: &[],
            batch: false,
        };
        self.telemetry().received(&receive, &outcome);
    }

    /// Runs a commit of these offsets in a `commit {topic}` span, which links to the message whose
    /// process span is current.
    pub(super) fn commit(
        &self,
        offsets: Option<&TopicPartitionList>,
        commit: impl FnOnce() -> KafkaResult<()>,
    ) -> KafkaResult<()> {
        if !self.telemetry().records() {
            return commit();
        }
        let elements = offsets
            .map(TopicPartitionList::elements)
            .unwrap_or_default();
        let topic = match elements.as_slice() {
            [first, others @ ..] if others.iter().all(|one| one.topic() == first.topic()) => {
                first.topic()
            }
            _ => "",
        };
        let partition = match elements.as_slice() {
            [one] => Some(one.partition()),
            _ => None,
        };
        let facts = MessageFacts {
            partition,
            ..MessageFacts::NONE
        };
        self.settle(&self.topic(topic), &[], facts, commit)
    }

    /// Runs the commit of one record in a `commit {topic}` span that links to it.
    pub(super) fn commit_message(
        &self,
        message: &BorrowedMessage<'_>,
        commit: impl FnOnce() -> KafkaResult<()>,
    ) -> KafkaResult<()> {
        if !self.telemetry().records() {
            return commit();
        }
        let carrier = HeaderExtractor::from(message);
        let topic = self.topic(message.topic());
        let creation = self
            .telemetry()
            .propagator_for(&topic)
            .extract_parent(&carrier);
        let facts = MessageFacts {
            partition: Some(message.partition()),
            offset: Some(message.offset()),
            ..MessageFacts::NONE
        };
        let link = MessageLink::new(&creation);
        self.settle(&topic, &[link], facts, commit)
    }

    fn settle(
        &self,
        destination: &Arc<Destination>,
        messages: &[MessageLink<'_>],
        facts: MessageFacts<'_>,
        commit: impl FnOnce() -> KafkaResult<()>,
    ) -> KafkaResult<()> {
        let span = self.telemetry().settle(&SettleStart {
            destination,
            operation: ClientOperation::Commit,
            parent: &Context::current(),
            messages,
            batch_count: None,
            facts,
        });
        let answer = commit();
        span.end(&Outcome::of(
            answer.as_ref().map_err(|error| operation_error(error)),
        ));
        answer
    }
}

/// What telemetry says of a received record.
pub(super) fn facts<'a>(
    message: &'a impl Message,
    carrier: &'a HeaderExtractor<'_>,
) -> MessageFacts<'a> {
    MessageFacts {
        partition: Some(message.partition()),
        offset: Some(message.offset()),
        key: message.key(),
        tombstone: message.payload().is_none(),
        body_size: Some(message.payload().map_or(0, <[u8]>::len)),
        enqueued_at: timestamp(message),
        headers: Some(carrier),
        ..MessageFacts::NONE
    }
}

/// When the record was appended, or created, as the topic's `message.timestamp.type` has it.
fn timestamp(message: &impl Message) -> Option<SystemTime> {
    let millis = u64::try_from(message.timestamp().to_millis()?).ok()?;
    SystemTime::UNIX_EPOCH.checked_add(Duration::from_millis(millis))
}
