//! Messages from an SQS queue.

mod builder;
mod dead_letter;
mod delivery;
mod driver;
mod entry;
pub(super) mod gather;
mod groups;
mod ledger;
mod open;
mod polls;
mod receipt;
mod requests;
mod state;
mod work;

use std::fmt;
use std::sync::{Arc, OnceLock, Weak};
use std::time::Duration;

use aws_sdk_sqs::Client;
use tokio::time::Instant;
use tokio_util::task::AbortOnDropHandle;

pub use builder::SqsSourceBuilder;

use self::builder::Settings;
use self::dead_letter::DeadLetters;
use self::delivery::Reader;
use self::driver::Driver;
use self::groups::Groups;
use self::ledger::Ledger;
use self::open::QueueFacts;
use self::polls::Polls;
use self::receipt::Id;
use self::requests::Requests;
use self::state::{Held, State};
use super::client;
use super::queue::QueueUrl;
use crate::contract::{
    Capacity, Delivery, Destination, Error, ErrorKind, Lane, Lanes, Operation, Result, Settled,
    Settlement, Shared, Source,
};

/// The shortest lease that can be kept alive: SQS counts visibility in whole seconds.
const SHORTEST_VISIBILITY: Duration = Duration::from_secs(2);

/// A [`Source`] on an SQS queue, standard or FIFO.
///
/// It receives ten at a time, keeps a few messages ready, keeps what is in hand invisible for as
/// long as it takes (SQS allows 12 h), and gathers deletes and visibility changes into batches of
/// ten. Message groups of a FIFO queue are lanes; those of a standard queue are not. A group stops
/// at its first failure and goes back as a whole, in order.
///
/// [`Settlement::Reject`] takes a message to the queue's own dead-letter queue: a copy with its
/// attributes and lineage is sent there, and then the message is deleted. Where there is none, or
/// it cannot be reached, the message is left to expire and comes again. The span in which it is
/// settled is the last attempt that the lineage names.
///
/// A receipt that is dropped unsettled lets its lease run out. After [`close`](Source::close) what
/// is in hand may still be settled, as long as the source lives.
///
/// Permissions: `sqs:ReceiveMessage`, `sqs:DeleteMessage`, `sqs:ChangeMessageVisibility`,
/// `sqs:GetQueueAttributes`; for rejects `sqs:GetQueueUrl` and `sqs:SendMessage` on the dead-letter
/// queue.
pub struct SqsSource {
    client: Client,
    url: QueueUrl,
    destination: Arc<Destination>,
    fifo: bool,
    settings: Settings,
    running: OnceLock<Running>,
}

#[derive(Debug)]
struct Running {
    shared: Arc<Shared<State>>,
    _driver: AbortOnDropHandle<()>,
}

/// What settles one delivery of an [`SqsSource`].
#[derive(Debug)]
pub struct SqsReceipt {
    id: Id,
    lane: Option<Lane>,
    /// Where to say that it was dropped unsettled.
    shared: Weak<Shared<State>>,
}

impl SqsSource {
    /// A source on the queue of that URL, with every default of [`SqsSourceBuilder`].
    ///
    /// # Errors
    /// The text is no queue URL.
    pub fn new(client: Client, queue_url: impl Into<String>) -> Result<Self> {
        Self::builder(client, queue_url).build()
    }

    /// Sets up a source on the queue of that URL.
    pub fn builder(client: Client, queue_url: impl Into<String>) -> SqsSourceBuilder {
        SqsSourceBuilder::new(client, &queue_url.into())
    }

    fn running(&self, operation: Operation) -> Result<&Running> {
        self.running.get().ok_or_else(|| {
            let detail = "the source is not open";
            Error::new(operation, &self.destination, ErrorKind::Closed, detail)
        })
    }

    /// The driver of an open source, and what it shares.
    fn driver(&self, capacity: Capacity, calls: Client, facts: QueueFacts) -> Driver {
        let settings = &self.settings;
        let visibility = settings.visibility.or(facts.visibility);
        let visibility = visibility.unwrap_or_default().max(SHORTEST_VISIBILITY);
        // A receive may be answered at its end, and its leases count from its start: what is left
        // of them by then must be enough to extend them.
        let wait = settings
            .wait
            .min(visibility * 2 / 3)
            .max(SHORTEST_VISIBILITY / 2);
        let requests = Requests {
            polls: client::for_polls(&self.client, wait),
            calls,
            url: self.url.clone(),
            destination: Arc::clone(&self.destination),
            instrumentation: settings.instrumentation.clone(),
            visibility: i32::try_from(visibility.as_secs()).unwrap_or(i32::MAX),
            system_names: delivery::system_names(self.fifo, settings.native_attributes).into(),
        };
        let reader = Reader {
            destination: Arc::clone(&self.destination),
            instrumentation: settings.instrumentation.clone(),
            fifo: self.fifo,
            redrives: facts.redrive.is_some(),
        };
        let state = State::new(
            Lanes::new(capacity.per_lane),
            Ledger::new(visibility, settings.linger(self.fifo)),
            Groups::new(visibility),
            Polls::new(capacity, settings.prefetch, settings.receives),
        );
        Driver {
            shared: Arc::new(Shared::new(state)),
            dead_letters: facts
                .redrive
                .map(|redrive| Arc::new(DeadLetters::new(requests.calls.clone(), redrive))),
            requests,
            reader: Arc::new(reader),
            wait,
            repeats: Vec::new(),
        }
    }
}

impl SqsReceipt {
    /// Hands over with a receipt what has had none in the buffer, where it would keep the source's
    /// state alive.
    fn hand_over(held: Held, shared: &Arc<Shared<State>>) -> Delivery<Self> {
        let receipt = Self {
            id: held.id,
            lane: held.delivery.lane.clone(),
            shared: Arc::downgrade(shared),
        };
        held.delivery.with_receipt(receipt).0
    }
}

impl Source for SqsSource {
    type Receipt = SqsReceipt;

    fn destination(&self) -> &Destination {
        &self.destination
    }

    async fn open(&self, capacity: Capacity) -> Result<()> {
        let calls = client::for_calls(&self.client);
        let facts = open::ask(&calls, &self.url, &self.destination).await?;
        if let Some(redrive) = &facts.redrive {
            redrive.warn(&self.destination);
        }
        self.settings
            .instrumentation
            .start_consumer(&self.destination);
        let driver = self.driver(capacity, calls, facts);
        self.running.get_or_init(move || Running {
            shared: Arc::clone(&driver.shared),
            _driver: AbortOnDropHandle::new(tokio::spawn(driver.run())),
        });
        Ok(())
    }

    async fn receive(&self, max: usize) -> Result<Vec<Delivery<SqsReceipt>>> {
        let shared = &self.running(Operation::Receive)?.shared;
        let held = shared.receive(max).await?;
        Ok(held
            .into_iter()
            .map(|held| SqsReceipt::hand_over(held, shared))
            .collect())
    }

    async fn settle(&self, mut receipt: SqsReceipt, how: Settlement) -> Result<Settled> {
        receipt.shared = Weak::new();
        let shared = &self.running(Operation::Settle)?.shared;
        let (id, lane, now) = (receipt.id, receipt.lane.as_ref(), Instant::now());
        Ok(shared.change(|state| state.settle(id, lane, how, now)))
    }

    async fn exchange(
        &self,
        mut receipt: SqsReceipt,
        how: Settlement,
    ) -> Result<(Settled, Option<Delivery<SqsReceipt>>)> {
        receipt.shared = Weak::new();
        let shared = &self.running(Operation::Settle)?.shared;
        let (id, lane, now) = (receipt.id, receipt.lane.as_ref(), Instant::now());
        let (settled, next) =
            shared.change(|state| (state.settle(id, lane, how, now), state.pop()));
        let next = next.map(|held| SqsReceipt::hand_over(held, shared));
        Ok((settled, next))
    }

    /// A receive in flight is waited for up to the deadline, and what it brings is given back: SQS
    /// may hand a message to a connection that was just closed, where it stays invisible for its
    /// timeout. A shorter [`wait_time`](SqsSourceBuilder::wait_time) makes closing an idle source
    /// faster.
    async fn close(&self, deadline: Instant) -> Result<()> {
        let Some(running) = self.running.get() else {
            return Ok(());
        };
        running.shared.change(|state| state.close(Instant::now()));
        let flushed = tokio::time::timeout_at(deadline, running.shared.flushed()).await;
        if flushed.is_ok() {
            return Ok(());
        }
        let unconfirmed = running.shared.lock().unconfirmed();
        if unconfirmed == 0 {
            return Ok(());
        }
        let detail = format!("{unconfirmed} settlements were not confirmed in time");
        Err(Error::new(
            Operation::Close,
            &self.destination,
            ErrorKind::Timeout,
            detail,
        ))
    }

    async fn backlog(&self) -> Result<Option<u64>> {
        open::backlog(&self.client, &self.url, &self.destination).await
    }

    fn unready(&self) -> Option<String> {
        let Some(running) = self.running.get() else {
            return Some("not open".to_owned());
        };
        running.shared.lock().trouble().map(ToOwned::to_owned)
    }
}

/// Without the client, which shows its endpoint with the credentials in it.
impl fmt::Debug for SqsSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SqsSource")
            .field("url", &self.url)
            .field("settings", &self.settings)
            .finish_non_exhaustive()
    }
}

impl Drop for SqsReceipt {
    fn drop(&mut self) {
        if let Some(shared) = self.shared.upgrade() {
            shared.change(|state| state.abandon(self.id, self.lane.as_ref(), Instant::now()));
        }
    }
}
