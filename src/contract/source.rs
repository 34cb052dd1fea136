use std::future::Future;
use std::ops::{Deref, DerefMut};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use futures_util::FutureExt as _;
use opentelemetry::Context;
use tokio::time::Instant;

use super::{Destination, Lane, Lease, Message, Result};

/// Where deliveries come from.
///
/// Polling, heartbeats, flushes and reconnects run in a driver that the source owns, started by
/// [`open`](Self::open). Dropping the source aborts the driver, and what was not settled is
/// delivered again.
///
/// A source never yields a delivery of a lane while another of that lane is unsettled, but for
/// one contiguous run of at most [`Capacity::per_lane`] in a single answer.
pub trait Source: Send + Sync + 'static {
    /// What settling takes. It is moved into [`settle`](Self::settle), so that settling twice does
    /// not compile.
    type Receipt: Send + 'static;

    /// What the source reads from, for health and errors; each delivery has its own.
    fn destination(&self) -> &Destination;

    /// Connects and starts the driver. Called once.
    ///
    /// # Errors
    /// A destination that does not exist, missing credentials and denied access are errors here;
    /// later the driver retries.
    fn open(&self, capacity: Capacity) -> impl Future<Output = Result<()>> + Send;

    /// Takes up to `max` deliveries out of the source's buffer, waiting for the first. An empty
    /// answer means that the source is closed.
    ///
    /// Cancel-safe: a dropped call strands no delivery.
    ///
    /// # Errors
    /// Only what no retry mends, such as a destination that was deleted.
    fn receive(
        &self,
        max: usize,
    ) -> impl Future<Output = Result<Vec<Delivery<Self::Receipt>>>> + Send;

    /// Settles a delivery. It returns once the source has recorded it; the slot and the lane are
    /// then free, and the source gets it to the broker, retrying until the lease ends.
    ///
    /// Not cancel-safe: a dropped call may or may not have recorded the settlement.
    ///
    /// # Errors
    /// The settlement could not be recorded; the message comes again.
    fn settle(
        &self,
        receipt: Self::Receipt,
        how: Settlement,
    ) -> impl Future<Output = Result<Settled>> + Send;

    /// Settles a delivery, and takes the next where one waits. Provided: [`settle`](Self::settle) and
    /// then [`receive`](Self::receive). A source that does both in one step wakes nobody who waits
    /// for what the settlement sets free.
    ///
    /// Not cancel-safe, as [`settle`](Self::settle) is not; what was taken comes again.
    ///
    /// # Errors
    /// As [`settle`](Self::settle); nothing is taken then.
    fn exchange(
        &self,
        receipt: Self::Receipt,
        how: Settlement,
    ) -> impl Future<Output = Result<(Settled, Option<Delivery<Self::Receipt>>)>> + Send {
        async move {
            let settled = self.settle(receipt, how).await?;
            // What ends the source is told again by the next receive.
            let next = self.receive(1).now_or_never().and_then(Result::ok);
            Ok((settled, next.and_then(|mut taken| taken.pop())))
        }
    }

    /// Stops polling, gives back what is buffered and what a poll in flight still brings, and
    /// flushes settlements, all by `deadline`.
    ///
    /// # Errors
    /// What could not be flushed in time; it is delivered again.
    fn close(&self, deadline: Instant) -> impl Future<Output = Result<()>> + Send;

    /// How many messages wait at the broker, where it can say. Provided: `None`.
    ///
    /// # Errors
    /// The broker could not be asked.
    fn backlog(&self) -> impl Future<Output = Result<Option<u64>>> + Send {
        async { Ok(None) }
    }

    /// Why the source is not taking deliveries just now, such as a broker that is gone.
    /// Provided: `None`, which is ready.
    fn unready(&self) -> Option<String> {
        None
    }
}

/// How much the receiver can take.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Capacity {
    /// Deliveries in hand at a time.
    pub slots: usize,
    /// The longest run of one lane that may be in hand at a time; 1 unless runs are handled whole.
    pub per_lane: usize,
}

impl Capacity {
    /// `slots` deliveries at a time, one of each lane.
    pub const fn slots(slots: usize) -> Self {
        Self { slots, per_lane: 1 }
    }
}

/// One delivery of one message: what was delivered, to which it derefs, and its receipt.
#[derive(Debug)]
pub struct Delivery<R> {
    /// Apart, because a delivery passes through many hands and is large.
    delivered: Box<Delivered>,
    /// What settling takes.
    pub receipt: R,
}

/// What a [`Delivery`] delivers.
#[derive(Debug)]
#[non_exhaustive]
pub struct Delivered {
    /// The message.
    pub message: Message,
    /// What it was read from.
    pub destination: Arc<Destination>,
    /// The creation context and the baggage, extracted from the message.
    pub context: Context,
    /// The lane it belongs to; deliveries with none run freely.
    pub lane: Option<Lane>,
    /// As long as the broker counts it as ours.
    pub lease: Lease,
    /// Which attempt this is, from 1.
    pub attempt: u32,
    /// When it came.
    pub received_at: SystemTime,
    /// What the broker says of it beside the message.
    pub attributes: Attributes,
}

impl<R> Delivery<R> {
    /// A first delivery that has just come, in no lane, with nothing extracted.
    pub fn new(message: Message, destination: Arc<Destination>, lease: Lease, receipt: R) -> Self {
        let delivered = Box::new(Delivered {
            message,
            destination,
            context: Context::new(),
            lane: None,
            lease,
            attempt: 1,
            received_at: SystemTime::now(),
            attributes: Attributes::default(),
        });
        Self { delivered, receipt }
    }

    /// The same delivery with another receipt, and the receipt that it had: a source may make
    /// receipts only when it hands over, and a worker keeps them from handlers.
    pub fn with_receipt<S>(self, receipt: S) -> (Delivery<S>, R) {
        let delivered = self.delivered;
        (Delivery { delivered, receipt }, self.receipt)
    }

    /// The message alone.
    pub fn into_message(self) -> Message {
        self.delivered.message
    }
}

impl<R> Deref for Delivery<R> {
    type Target = Delivered;

    fn deref(&self) -> &Delivered {
        &self.delivered
    }
}

impl<R> DerefMut for Delivery<R> {
    fn deref_mut(&mut self) -> &mut Delivered {
        &mut self.delivered
    }
}

/// What a broker says of a delivery beside the message itself.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Attributes {
    /// When the broker took the message in, by its own clock.
    pub enqueued_at: Option<SystemTime>,
    /// Kafka partition.
    pub partition: Option<i32>,
    /// Kafka offset.
    pub offset: Option<i64>,
    /// AMQP delivery tag.
    pub delivery_tag: Option<u64>,
    /// Further attributes under the broker's own names, such as `SenderId`.
    pub native: Vec<(String, String)>,
}

impl Attributes {
    /// The value of one of the broker's own attributes.
    pub fn native(&self, name: &str) -> Option<&str> {
        self.native
            .iter()
            .find(|(known, _)| known == name)
            .map(|(_, value)| value.as_str())
    }
}

/// What becomes of a delivery.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Settlement {
    /// It was handled.
    Ack,
    /// It failed, and is to come again.
    Nack {
        /// After how long; `None` leaves it to the broker.
        delay: Option<Duration>,
    },
    /// No handler has seen it: it goes back as it came.
    Release,
    /// It will never succeed.
    Reject {
        /// Why.
        reason: String,
    },
}

impl Settlement {
    /// The name that telemetry uses.
    pub const fn as_str(&self) -> &'static str {
        match self {
            Self::Ack => "ack",
            Self::Nack { .. } => "nack",
            Self::Release => "release",
            Self::Reject { .. } => "reject",
        }
    }
}

/// How far a settlement has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Settled {
    /// The broker has it.
    Done,
    /// The source has it, and gets it to the broker.
    Recorded,
    /// The delivery was no longer ours: nothing was settled, and it comes again.
    LeaseLost,
}
