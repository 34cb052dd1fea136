use std::collections::VecDeque;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};

use rdkafka::TopicPartitionList;
use rdkafka::client::ClientContext;
use rdkafka::config::RDKafkaLogLevel;
use rdkafka::consumer::{BaseConsumer, Consumer as _, ConsumerContext, RebalanceProtocol};
use rdkafka::error::{KafkaError, KafkaResult};
use rdkafka::types::RDKafkaRespErr;

/// What librdkafka calls back about and commits come to, as the thread that polls finds it: nothing
/// is done in the callbacks themselves, so that a partition can be drained before it is given away.
#[derive(Default)]
pub(super) struct Group {
    events: Mutex<VecDeque<Event>>,
    leaving: AtomicBool,
}

pub(super) enum Event {
    /// To be answered, even where it is of no partition.
    Assigned(TopicPartitionList),
    /// To be answered. Of partitions that were `lost` nothing may be committed any more.
    Revoked {
        partitions: TopicPartitionList,
        lost: bool,
    },
    /// A commit was answered.
    Committed(KafkaResult<()>),
    /// Something went wrong, in the client's own words.
    Trouble(KafkaError, String),
}

impl Group {
    pub(super) fn next(&self) -> Option<Event> {
        self.events
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .pop_front()
    }

    /// From now on a rebalance is answered at once: nobody looks at events any more.
    pub(super) fn leave(&self) {
        self.leaving.store(true, Ordering::Release);
    }

    pub(super) fn add(&self, event: Event) {
        self.events
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .push_back(event);
    }
}

impl ClientContext for Group {
    fn error(&self, error: KafkaError, reason: &str) {
        self.add(Event::Trouble(error, reason.to_owned()));
    }

    fn log(&self, level: RDKafkaLogLevel, facility: &str, message: &str) {
        crate::kafka::logs::log(level, facility, message);
    }
}

impl ConsumerContext for Group {
    fn rebalance(
        &self,
        consumer: &BaseConsumer<Self>,
        error: RDKafkaRespErr,
        partitions: &mut TopicPartitionList,
    ) {
        if self.leaving.load(Ordering::Acquire) {
            return answer(consumer, error, partitions);
        }
        let partitions = partitions.clone();
        self.add(match error {
            RDKafkaRespErr::RD_KAFKA_RESP_ERR__ASSIGN_PARTITIONS => Event::Assigned(partitions),
            _ => Event::Revoked {
                partitions,
                lost: consumer.assignment_lost(),
            },
        });
    }
}

/// Answers a rebalance while the consumer closes: what is taken now is given away at once.
fn answer(consumer: &BaseConsumer<Group>, error: RDKafkaRespErr, partitions: &TopicPartitionList) {
    // An event may have waited for longer than the group lived, and librdkafka 2.12 would then wait
    // for ever to be answered itself (confluentinc/librdkafka#4884).
    if consumer.closed() {
        return;
    }
    let taken = error == RDKafkaRespErr::RD_KAFKA_RESP_ERR__ASSIGN_PARTITIONS;
    let answered = match consumer.rebalance_protocol() {
        RebalanceProtocol::Cooperative if taken => consumer.incremental_assign(partitions),
        RebalanceProtocol::Cooperative => consumer.incremental_unassign(partitions),
        RebalanceProtocol::Eager | RebalanceProtocol::None => consumer.unassign(),
    };
    if let Err(error) = answered {
        tracing::debug!(%error, "a rebalance could not be answered while closing");
    }
}
