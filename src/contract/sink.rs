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

    /// Sends a message and waits until the broker has it. The send span is a child of what is
    /// current where the future is first polled, so that `.with_context(cx)` on it works.
    ///
    /// Not cancel-safe: a dropped call may or may not have sent the message.
    ///
    /// # Errors
    /// As [`enqueue`](Self::enqueue), and what the broker said.
    fn send(&self, message: Message) -> impl Future<Output = Result<Sent>> + Send {
        async move {
            let parent = Context::current();
            self.enqueue(message, &parent).await?.await
        }
    }
}

/// Conveniences over any [`Sink`].
pub trait SinkExt: Sink {
    /// Sends messages in order, with their confirms in flight together; one result a message.
    /// After a message that could not be enqueued the following ones are still tried. The context
    /// is taken as in [`send`](Sink::send).
    fn send_all(
        &self,
        messages: impl IntoIterator<Item = Message, IntoIter: Send> + Send,
    ) -> impl Future<Output = Vec<Result<Sent>>> + Send {
        async move {
            let parent = Context::current();
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

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a failed unwrap fails the test")]
mod tests {
    use std::sync::Mutex;

    use futures_util::FutureExt as _;
    use opentelemetry::KeyValue;
    use opentelemetry::baggage::BaggageExt;
    use opentelemetry::context::FutureExt as _;

    use super::*;
    use crate::contract::System;

    /// Keeps the baggage that each message would have been sent with.
    struct Tenants {
        destination: Destination,
        seen: Mutex<Vec<String>>,
    }

    impl Sink for Tenants {
        fn destination(&self) -> &Destination {
            &self.destination
        }

        async fn enqueue(&self, _: Message, parent: &Context) -> Result<Confirm> {
            let tenant = parent.baggage().get("tenant").map(ToString::to_string);
            self.seen.lock().unwrap().push(tenant.unwrap_or_default());
            Ok(Confirm::new(async { Ok(Sent::default()) }))
        }
    }

    #[test]
    fn a_send_takes_the_context_that_its_future_is_given() {
        let sink = Tenants {
            destination: Destination::new(System::Memory, "orders"),
            seen: Mutex::default(),
        };
        let tenant =
            |name: &'static str| Context::new().with_baggage([KeyValue::new("tenant", name)]);
        let send = sink.send(Message::new("1")).with_context(tenant("acme"));
        send.now_or_never().unwrap().unwrap();
        let send = sink
            .send_all([Message::new("2")])
            .with_context(tenant("zen"));
        assert!(send.now_or_never().unwrap()[0].is_ok());
        assert_eq!(*sink.seen.lock().unwrap(), ["acme", "zen"]);
    }
}
