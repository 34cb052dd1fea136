use std::sync::Arc;
use std::thread;
use std::time::Duration;

use bytes::BytesMut;
use rdkafka::consumer::BaseConsumer;
use rdkafka::consumer::base_consumer::PartitionQueue;
use tokio::time::Instant;

use super::group::Group;
use super::place::{Assignment, Ticket, Topic};
use super::reader::Reader;
use super::retries;

/// The queue of one partition, split off from the others: what is not fetched from it waits there,
/// and holds back no other partition.
pub(super) struct Fetcher {
    queue: PartitionQueue<Group>,
    /// A record whose next attempt is not due, and since when it is.
    early: Option<(Ticket, Instant)>,
}

impl Fetcher {
    /// Splits off the queue of a partition, which wakes the current thread from now on. Before the
    /// partition is assigned, so that no record of it goes another way.
    pub(super) fn new(
        consumer: &Arc<BaseConsumer<Group>>,
        topic: &str,
        partition: i32,
    ) -> Option<Self> {
        let mut queue = consumer.split_partition_queue(topic, partition)?;
        let driver = thread::current();
        queue.set_nonempty_callback(move || driver.unpark());
        let early = None;
        Some(Self { queue, early })
    }

    /// When there is something to fetch that is not due yet.
    pub(super) fn due(&self) -> Option<Instant> {
        self.early.as_ref().map(|(_, due)| *due)
    }

    /// Takes up to `max` records off the queue.
    pub(super) fn fetch(
        &mut self,
        reader: &Reader,
        assignment: &Arc<Assignment>,
        max: usize,
    ) -> Vec<Ticket> {
        let (mut fetched, mut block) = (Vec::new(), BytesMut::new());
        if let Some((ticket, due)) = self.early.take() {
            if due > Instant::now() {
                self.early = Some((ticket, due));
                return fetched;
            }
            fetched.push(ticket);
        }
        while fetched.len() < max {
            let Some(polled) = self.queue.poll(Duration::ZERO) else {
                break;
            };
            // An error is told through the group's callback.
            let Ok(message) = polled else { continue };
            let ticket = reader.read(&message, &mut block, assignment);
            let due = match assignment.place.topic {
                Topic::Main => None,
                Topic::Retries => retries::due(&ticket.record.headers()),
            };
            if let Some(due) = due {
                self.early = Some((ticket, due));
                break;
            }
            fetched.push(ticket);
        }
        fetched
    }
}
