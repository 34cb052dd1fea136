use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use crate::worker::{Failure, Gate, Handler, Incoming};

/// Closes a worker's [`Gate`] for a while when the handler inside fails too often in a row, so
/// that a dependency that is down is not asked again for every message that waits.
///
/// After the pause the gate opens; the first success ends it, the next failure closes the gate
/// anew. A rejection says something of the message alone, and counts as a success.
///
/// ```
/// use std::time::Duration;
/// use tracehop::memory::MemoryBroker;
/// use tracehop::worker::middleware::CircuitBreaker;
/// use tracehop::worker::{Failure, Gate, Incoming, Worker};
///
/// async fn handle(incoming: Incoming) -> Result<(), Failure> {
///     Ok(())
/// }
///
/// let gate = Gate::new();
/// let handler = CircuitBreaker::new(handle, gate.clone())
///     .failures(10)
///     .pause(Duration::from_secs(60));
/// # tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap().block_on(async {
/// let worker = Worker::new(MemoryBroker::new().source("orders"), handler).gate(gate);
/// # });
/// ```
#[derive(Debug)]
pub struct CircuitBreaker<H> {
    inner: H,
    gate: Gate,
    failures: u32,
    pause: Duration,
    in_a_row: AtomicU32,
}

impl<H: Handler> CircuitBreaker<H> {
    /// Closes `gate`, which is to be the worker's, when `inner` fails too often.
    pub fn new(inner: H, gate: Gate) -> Self {
        Self {
            inner,
            gate,
            failures: 5,
            pause: Duration::from_secs(30),
            in_a_row: AtomicU32::new(0),
        }
    }

    /// How many failures in a row close the gate, at least 1. Default: 5.
    #[must_use]
    pub fn failures(mut self, failures: u32) -> Self {
        self.failures = failures.max(1);
        self
    }

    /// How long the gate stays closed. Default: 30 s.
    #[must_use]
    pub fn pause(mut self, pause: Duration) -> Self {
        self.pause = pause;
        self
    }
}

impl<H: Handler> Handler for CircuitBreaker<H> {
    async fn handle(&self, incoming: Incoming) -> Result<(), Failure> {
        let result = self.inner.handle(incoming).await;
        if result.as_ref().is_err_and(|failure| !failure.is_reject()) {
            let before = self.in_a_row.fetch_add(1, Ordering::Relaxed);
            if before.saturating_add(1) >= self.failures {
                self.gate.pause_for(self.pause);
            }
        } else {
            self.in_a_row.store(0, Ordering::Relaxed);
        }
        result
    }
}
