use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::task::{self, Poll};
use std::time::Duration;

use opentelemetry::Context;

use super::{Destination, Message, Result};

/// Where messages go.
pub trait Sink: Send + Sync + 'static {
    /// What the sink writes to.
    fn destination(&self) -> &Destination;

    /// Puts a message in line behind those enqueued before it. It waits only for room; the
    /// [`Confirm`] then tells what the broker said. The send span is a child of `parent`.
    ///
    /// Cancel-safe: a dropped call has enqueued nothing.
    ///
    /// # Errors
    /// A message that the broker cannot carry, or a sink that is closed.
    fn enqueue(
        &self,
        message: Message,
        parent: &Context,
    ) -> impl Future<Output = Result<Confirm>> + Send;

    /// Sends a message under the current context and waits until the broker has it.
    ///
    /// Not cancel-safe: a dropped call may or may not have sent the message.
    ///
    /// # Errors
    /// As [`enqueue`](Self::enqueue), and what the broker said.
    fn send(&self, message: Message) -> impl Future<Output = Result<Sent>> + Send {
        let parent = Context::current();
        async move { self.enqueue(message, &parent).await?.await }
    }
}

/// Conveniences over any [`Sink`].
pub trait SinkExt: Sink {
    /// Sends messages in order, with their confirms in flight together; one result a message.
    /// After a message that could not be enqueued the following ones are still tried.
    fn send_all(
        &self,
        messages: impl IntoIterator<Item = Message, IntoIter: Send> + Send,
    ) -> impl Future<Output = Vec<Result<Sent>>> + Send {
        let parent = Context::current();
        async move {
            let mut confirms = Vec::new();
            for message in messages {
                confirms.push(self.enqueue(message, &parent).await);
            }
            let mut results = Vec::with_capacity(confirms.len());
            for confirm in confirms {
                results.push(match confirm {
                    Ok(confirm) => confirm.await,
                    Err(error) => Err(error),
                });
            }
            results
        }
    }

    /// Sends a message that the broker holds back for `delay`.
    ///
    /// # Errors
    /// As [`Sink::send`]; a broker without delays, or with shorter ones, refuses it.
    fn send_after(
        &self,
        delay: Duration,
        message: Message,
    ) -> impl Future<Output = Result<Sent>> + Send {
        self.send(message.with_delay(delay))
    }
}

impl<S: Sink> SinkExt for S {}

/// The answer that is still to come for an enqueued message.
///
/// Dropping it does not take the message back.
#[must_use = "only the confirm says whether the broker has the message"]
pub struct Confirm(Pin<Box<dyn Future<Output = Result<Sent>> + Send>>);

impl Confirm {
    /// The answer that `future` brings.
    pub fn new(future: impl Future<Output = Result<Sent>> + Send + 'static) -> Self {
        Self(Box::pin(future))
    }
}

impl Future for Confirm {
    type Output = Result<Sent>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut task::Context<'_>) -> Poll<Self::Output> {
        self.0.as_mut().poll(cx)
    }
}

impl fmt::Debug for Confirm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Confirm").finish_non_exhaustive()
    }
}

/// What the broker said of a message that it has.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Sent {
    /// The broker's id of the message (SQS).
    pub message_id: Option<String>,
    /// The number that orders it within its group (SQS FIFO).
    pub sequence_number: Option<String>,
    /// Kafka partition.
    pub partition: Option<i32>,
    /// Kafka offset.
    pub offset: Option<i64>,
}
