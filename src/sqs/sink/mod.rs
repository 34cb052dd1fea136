//! Messages to an SQS queue.

mod batch;
mod builder;
mod driver;
mod groups;
mod outgoing;
mod request;

use std::fmt;
use std::sync::{Arc, OnceLock};

use opentelemetry::Context;
use tokio::sync::{mpsc, oneshot};

pub use builder::SqsSinkBuilder;

use self::driver::Driver;
use self::outgoing::Pending;
use self::request::Requests;
use crate::contract::{
    Confirm, Destination, Error, ErrorKind, Message, Operation, Result, Sent, Sink,
};

/// Messages that wait to be sent, beyond those that the driver sorts.
const ROOM: usize = 64;

/// A [`Sink`] on an SQS queue, standard or FIFO.
///
/// It gathers messages of all its callers into batches of ten, several in flight at a time. On a
/// FIFO queue at most one message of a group is in flight, so that order is kept: a batch has one
/// of each group at most. Entries that SQS could not take for the moment are sent again in their
/// place, twice at most; calls that fail as a whole are repeated by the AWS client alone.
///
/// On a FIFO queue, when a message fails for good, those enqueued behind it in its group fail too,
/// until the confirms of all of them were awaited or dropped: a caller that then sends the group
/// again from the first failure on keeps its order.
///
/// Headers become message attributes, at most 10. Group and deduplication id are those of the
/// message; a group on a standard queue is for fair queues. Of the properties only the delay is
/// sent, and the key is not: SQS has no place for them. What SQS cannot carry otherwise is an
/// error of [`ErrorKind::Payload`] that says why.
///
/// Trace context is written as far as it fits, by [`tracehop_sqs::HeaderInjector`]. Dropping the
/// sink lets what was enqueued go out. Permission: `sqs:SendMessage`.
pub struct SqsSink {
    destination: Arc<Destination>,
    requests: Requests,
    settings: builder::Settings,
    queue: OnceLock<mpsc::Sender<Pending>>,
}

/// What becomes of a message.
type Answer = groups::Guarded<Result<Sent>>;

impl SqsSink {
    /// A sink on the queue of that URL, with every default of [`SqsSinkBuilder`].
    ///
    /// # Errors
    /// The text is no queue URL.
    pub fn new(client: aws_sdk_sqs::Client, queue_url: impl Into<String>) -> Result<Self> {
        Self::builder(client, queue_url).build()
    }

    /// Sets up a sink on the queue of that URL.
    pub fn builder(client: aws_sdk_sqs::Client, queue_url: impl Into<String>) -> SqsSinkBuilder {
        SqsSinkBuilder::new(client, &queue_url.into())
    }

    /// The line to the driver, which starts with the first message.
    fn queue(&self) -> &mpsc::Sender<Pending> {
        self.queue.get_or_init(|| {
            let (sender, receiver) = mpsc::channel(ROOM);
            tokio::spawn(Driver::new(self.requests.clone(), &self.settings, receiver).run());
            sender
        })
    }

    fn closed(&self) -> Error {
        let detail = "the sink's task has ended, or its request panicked";
        Error::new(
            Operation::Send,
            &self.destination,
            ErrorKind::Closed,
            detail,
        )
    }
}

impl Sink for SqsSink {
    fn destination(&self) -> &Destination {
        &self.destination
    }

    async fn enqueue(&self, message: Message, parent: &Context) -> Result<Confirm> {
        let encoder = &self.requests.encoder;
        let entry = encoder.encode(message, parent)?;
        let room = self.queue().reserve().await.map_err(|_| self.closed())?;
        let (answer, answered) = oneshot::channel();
        room.send(encoder.pending(entry, parent, answer));
        let closed = self.closed();
        Ok(Confirm::new(async move {
            match answered.await {
                Ok(answer) => answer.into_inner(),
                Err(_) => Err(closed),
            }
        }))
    }
}

/// Without the client, which shows its endpoint with the credentials in it.
impl fmt::Debug for SqsSink {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SqsSink")
            .field("url", &self.requests.url)
            .field("settings", &self.settings)
            .finish_non_exhaustive()
    }
}
