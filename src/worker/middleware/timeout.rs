use std::time::Duration;

use crate::worker::{Failure, Handler, Incoming};

/// Gives the handler inside a time for each message; when that is over its future is dropped, and
/// the message comes again.
///
/// It differs from [`Worker::timeout`](crate::worker::Worker::timeout) in that it stands where it
/// is put among other wrappers.
#[derive(Clone, Debug)]
pub struct Timeout<H> {
    inner: H,
    time: Duration,
}

impl<H: Handler> Timeout<H> {
    /// Gives `inner` that time for each message.
    pub fn new(inner: H, time: Duration) -> Self {
        Self { inner, time }
    }
}

impl<H: Handler> Handler for Timeout<H> {
    async fn handle(&self, incoming: Incoming) -> Result<(), Failure> {
        tokio::time::timeout(self.time, self.inner.handle(incoming))
            .await
            .unwrap_or_else(|_| Err(Failure::timed_out(self.time)))
    }
}
