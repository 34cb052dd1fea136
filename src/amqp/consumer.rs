use std::fmt;
use std::ops::Deref;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context as TaskContext, Poll};

use futures_util::Stream;
use lapin::Consumer;
use lapin::message::Delivery;

use super::delivery::TracedDelivery;
use super::receiver::Receiver;

/// A [`Consumer`] whose deliveries are traced. All else is reached through [`Deref`].
#[derive(Clone)]
pub struct TracedConsumer {
    consumer: Consumer,
    receiver: Arc<Receiver>,
    no_ack: bool,
}

impl TracedConsumer {
    pub(super) fn new(consumer: Consumer, receiver: Arc<Receiver>, no_ack: bool) -> Self {
        Self {
            consumer,
            receiver,
            no_ack,
        }
    }

    /// Hands over a delivery that came past the stream: to a delegate of
    /// [`set_delegate`](Consumer::set_delegate).
    pub fn traced(&self, delivery: Delivery) -> TracedDelivery {
        self.receiver.pushed(delivery, self.no_ack)
    }
}

/// A message counts as consumed when the stream yields it, and not before: what is prefetched leaves
/// no trace.
impl Stream for TracedConsumer {
    type Item = lapin::Result<TracedDelivery>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut TaskContext<'_>) -> Poll<Option<Self::Item>> {
        let next = std::task::ready!(Pin::new(&mut self.consumer).poll_next(cx));
        Poll::Ready(next.map(|delivery| Ok(self.traced(delivery?))))
    }
}

impl Deref for TracedConsumer {
    type Target = Consumer;

    fn deref(&self) -> &Consumer {
        &self.consumer
    }
}

impl fmt::Debug for TracedConsumer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("TracedConsumer")
            .field(&self.consumer)
            .finish()
    }
}
