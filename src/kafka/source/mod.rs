//! Messages from a Kafka topic.

mod builder;
mod commits;
mod driver;
mod fetcher;
mod group;
mod lag;
mod offsets;
mod open;
mod place;
mod reader;
mod rebalance;
mod retries;
mod shared;
mod state;
mod trouble;

use std::fmt;
use std::sync::{Arc, OnceLock, Weak};
use std::time::Duration;

use rdkafka::ClientConfig;
use tokio::time::Instant;

pub use builder::{GroupProtocol, KafkaSourceBuilder, LaneBy, StartAt};

use self::builder::Settings;
use self::driver::LAST_COMMIT;
use self::place::Ticket;
use self::reader::Reader;
use self::retries::Retries;
use self::shared::Shared;
use self::state::{Fate, State};
use crate::contract::{
    Capacity, Delivery, Destination, Error, ErrorKind, Operation, Result, Settled, Settlement,
    Source,
};

/// A [`Source`] on a Kafka topic, as a member of a consumer group.
///
/// It owns one thread, which polls, takes part in rebalances and commits, whatever handlers do: one
/// that takes ten minutes does not throw the member out. Records of a partition are handled in
/// order, one at a time, or those of a key ([`KafkaSourceBuilder::lanes`]).
///
/// Committed is the lowest offset of a partition that is not finished, else the last one plus one:
/// nothing is lost when a member dies, and what others of its partition had finished above that
/// comes again. At most 10,000 records of a partition are taken above it. When a partition goes to
/// another member, what is in hand of it may finish first
/// ([`rebalance_drain`](KafkaSourceBuilder::rebalance_drain)), its position is committed, and then
/// it goes; where the group has already taken it away, the leases on it are lost at once.
///
/// A message that is to come again is held in this process, with its lane, and its attempts are
/// counted here: after a crash they start again at 1. With
/// [`retry_topic`](KafkaSourceBuilder::retry_topic) it goes through a topic instead.
///
/// Kafka has no dead letters of its own: [`Settlement::Reject`] leaves the record unfinished, stops
/// its lane and turns the source unready, until it is restarted. A worker whose `DeadLetter::to` is
/// a [`KafkaSink`](crate::kafka::KafkaSink) publishes the message there instead, and goes on.
///
/// The id of a message is that of its header `message-id`, else `topic/partition/offset`. Its key is
/// its group too. The timestamp of a record counts as the time at which Kafka had it; with the
/// topic's default (`CreateTime`) that is by the producer's clock.
///
/// A receipt that is dropped unsettled lets its message come again at once. Permissions: `READ` on
/// the topic and on the group; `WRITE` on a retry topic.
pub struct KafkaSource {
    config: ClientConfig,
    main: Arc<Destination>,
    retries: Option<Arc<Destination>>,
    settings: Settings,
    running: OnceLock<Running>,
}

struct Running {
    shared: Arc<Shared>,
    retries: Option<Retries>,
}

/// What settles one delivery of a [`KafkaSource`].
#[derive(Debug)]
pub struct KafkaReceipt {
    /// Until it is settled. Boxed, because a receipt passes through many hands.
    ticket: Option<Box<Ticket>>,
    shared: Weak<Shared>,
}

impl KafkaSource {
    /// A source on that topic as a member of that group, with every default of
    /// [`KafkaSourceBuilder`].
    ///
    /// # Errors
    /// As [`KafkaSourceBuilder::build`].
    pub fn new(
        config: ClientConfig,
        topic: impl Into<String>,
        group: impl Into<String>,
    ) -> Result<Self> {
        Self::builder(config, topic, group).build()
    }

    /// Sets up a source. The configuration is librdkafka's own (2.12), with `bootstrap.servers` and
    /// what security needs; of what it leaves open the source sets `isolation.level` to
    /// `read_committed`, `auto.offset.reset` to `earliest`, `fetch.queue.backoff.ms` to 10,
    /// `fetch.wait.max.ms` to 50, and what librdkafka keeps ready of each partition to 4 MiB
    /// (`queued.max.messages.kbytes`) or 10,000 records (`queued.min.messages`).
    pub fn builder(
        config: ClientConfig,
        topic: impl Into<String>,
        group: impl Into<String>,
    ) -> KafkaSourceBuilder {
        KafkaSourceBuilder::new(config, topic.into(), group.into())
    }

    fn running(&self, operation: Operation) -> Result<&Running> {
        self.running.get().ok_or_else(|| {
            let detail = "the source is not open";
            Error::new(operation, &self.main, ErrorKind::Closed, detail)
        })
    }
}

impl KafkaReceipt {
    fn hand_over(mut ticket: Ticket, shared: &Arc<Shared>) -> Delivery<Self> {
        let delivery = shared.reader.deliver(&mut ticket);
        let receipt = Self {
            ticket: Some(Box::new(ticket)),
            shared: Arc::downgrade(shared),
        };
        delivery.with_receipt(receipt).0
    }
}

impl Running {
    /// What becomes of the record, by a settlement of its delivery; `None` where it is no longer
    /// ours.
    async fn fate(
        &self,
        receipt: &mut KafkaReceipt,
        how: Settlement,
    ) -> Option<(Box<Ticket>, Fate)> {
        if let (Settlement::Nack { delay }, Some(retries), Some(ticket)) =
            (&how, &self.retries, &receipt.ticket)
        {
            if ticket.assignment.keeper.is_lost() {
                return None;
            }
            // The receipt is held meanwhile: a call that is dropped lets the message come again.
            // Boxed, because it is rare, and would make every settlement's future large.
            if Box::pin(retries.send(ticket, *delay)).await {
                return Some((receipt.ticket.take()?, Fate::Done));
            }
        }
        let ticket = receipt.ticket.take()?;
        let fate = match how {
            Settlement::Ack => Fate::Done,
            Settlement::Nack { delay } => Fate::retried(&ticket, delay.unwrap_or_default()),
            Settlement::Release => Fate::released(&ticket),
            Settlement::Reject { reason } => {
                let reason = ticket.stopped(&reason);
                tracing::error!("{reason}");
                Fate::Stopped { reason }
            }
        };
        Some((ticket, fate))
    }
}

impl Source for KafkaSource {
    type Receipt = KafkaReceipt;

    fn destination(&self) -> &Destination {
        &self.main
    }

    /// It waits until the group has let the source in, 10 s at most: a rebalance takes as long as
    /// other members take to give their partitions away. After that the source is open, and unready.
    async fn open(&self, capacity: Capacity) -> Result<()> {
        let retries = match &self.retries {
            Some(topic) => Some(Retries::open(&self.config, topic, &self.settings)?),
            None => None,
        };
        let reader = Reader {
            main: Arc::clone(&self.main),
            retries: self.retries.clone(),
            lanes: self.settings.lanes,
            instrumentation: self.settings.instrumentation.clone(),
        };
        let state = State::new(capacity.per_lane, self.settings.prefetch);
        let running = Running {
            shared: Shared::new(state, reader),
            retries,
        };
        let shared = Arc::clone(&running.shared);
        open::start(self.config.clone(), self.settings.clone(), shared).await?;
        self.settings.instrumentation.start_consumer(&self.main);
        self.running.get_or_init(|| running);
        Ok(())
    }

    async fn receive(&self, max: usize) -> Result<Vec<Delivery<KafkaReceipt>>> {
        let shared = &self.running(Operation::Receive)?.shared;
        let tickets = shared.receive(max).await?.into_iter();
        Ok(tickets
            .map(|ticket| KafkaReceipt::hand_over(ticket, shared))
            .collect())
    }

    /// With a retry topic, a nack waits until that has the message.
    async fn settle(&self, mut receipt: KafkaReceipt, how: Settlement) -> Result<Settled> {
        let running = self.running(Operation::Settle)?;
        Ok(match running.fate(&mut receipt, how).await {
            Some((ticket, fate)) => running.shared.settle(&ticket, fate),
            None => Settled::LeaseLost,
        })
    }

    async fn exchange(
        &self,
        mut receipt: KafkaReceipt,
        how: Settlement,
    ) -> Result<(Settled, Option<Delivery<KafkaReceipt>>)> {
        let running = self.running(Operation::Settle)?;
        let Some((ticket, fate)) = running.fate(&mut receipt, how).await else {
            return Ok((Settled::LeaseLost, None));
        };
        let shared = &running.shared;
        let (settled, next) = shared.change(|state| (state.settle(&ticket, fate), state.pop()));
        let next = next.map(|ticket| KafkaReceipt::hand_over(ticket, shared));
        Ok((settled, next))
    }

    async fn close(&self, deadline: Instant) -> Result<()> {
        let Some(Running { shared, .. }) = self.running.get() else {
            return Ok(());
        };
        // Whoever has no time left is told so; what is finished is committed all the same.
        shared.close(deadline.max(Instant::now() + LAST_COMMIT));
        let left = tokio::time::timeout_at(deadline, shared.flushed()).await;
        let detail = match (shared.lock().unflushed(), left) {
            (0, Ok(())) => return Ok(()),
            (0, Err(_)) => "the group was not left in time".to_owned(),
            (n, _) => format!("positions of partitions that could not be committed: {n}"),
        };
        let kind = ErrorKind::Timeout;
        Err(Error::new(Operation::Close, &self.main, kind, detail))
    }

    /// The lag of the group: of every partition of the topic, how many offsets there are above the
    /// committed one. Gaps that compaction and transactions leave are counted too.
    async fn backlog(&self) -> Result<Option<u64>> {
        lag::lag(&self.config, &self.main).await.map(Some)
    }

    fn unready(&self) -> Option<String> {
        let Some(running) = self.running.get() else {
            return Some("not open".to_owned());
        };
        running.shared.lock().trouble().map(ToOwned::to_owned)
    }
}

/// Without the configuration, which may hold credentials.
impl fmt::Debug for KafkaSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("KafkaSource")
            .field("destination", &self.main)
            .field("settings", &self.settings)
            .finish_non_exhaustive()
    }
}

/// The thread commits what is finished and leaves the group.
impl Drop for Running {
    fn drop(&mut self) {
        self.shared.close(Instant::now() + LAST_COMMIT);
    }
}

impl Drop for KafkaReceipt {
    fn drop(&mut self) {
        if let (Some(ticket), Some(shared)) = (self.ticket.take(), self.shared.upgrade()) {
            shared.settle(&ticket, Fate::retried(&ticket, Duration::ZERO));
        }
    }
}
