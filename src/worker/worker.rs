use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use tokio_util::sync::CancellationToken;

use super::drained::Drained;
use super::engine::Engine;
use super::handle::Status;
use super::retries::Retries;
use super::run::Run;
use super::settlement::Retrying;
use super::work::{Rules, Work};
use super::{Backoff, DeadLetter, Gate, WorkerHandle};
use crate::contract::{Result, Source};
use crate::telemetry::Instrumentation;

/// Takes deliveries from a source, hands them to a handler, and settles them.
///
/// ```
/// use tracehop::memory::MemoryBroker;
/// use tracehop::worker::{Failure, Incoming, Worker};
///
/// async fn handle(incoming: Incoming) -> Result<(), Failure> {
///     let order: u64 = incoming.text().unwrap_or_default().parse()?;
///     if order == 0 {
///         return Err(Failure::reject("no such order"));
///     }
///     Ok(())
/// }
///
/// # tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap().block_on(async {
/// let shutdown = async { /* tokio::signal::ctrl_c().await */ };
/// Worker::new(MemoryBroker::new().source("orders"), handle)
///     .concurrency(8)
///     .run_until(shutdown)
///     .await?;
/// # Ok::<(), tracehop::contract::Error>(()) }).unwrap();
/// ```
#[derive(Debug)]
#[must_use = "a worker does nothing until it runs"]
pub struct Worker<S, W> {
    source: Arc<S>,
    work: W,
    concurrency: usize,
    drain: Duration,
    timeout: Option<Duration>,
    retrying: Retrying,
    on_reject: DeadLetter,
    lost_lease: LostLease,
    instrumentation: Instrumentation,
    gate: Gate,
    status: Arc<Status>,
}

/// What becomes of a handler whose lease is lost. Either way nothing is settled, and the message
/// comes again.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum LostLease {
    /// Its future is dropped.
    #[default]
    Cancel,
    /// It goes on to its end.
    Finish,
}

impl<S: Source, W: Work> Worker<S, W> {
    /// A worker of that source: `work` is a [`Handler`](super::Handler) such as an `async fn`,
    /// [`Batches`](super::Batches), or a [`Relay`](crate::relay::Relay).
    pub fn new(source: S, work: W) -> Self {
        Self {
            source: Arc::new(source),
            work,
            concurrency: 32,
            drain: Duration::from_secs(25),
            timeout: None,
            retrying: Retrying::default(),
            on_reject: DeadLetter::default(),
            lost_lease: LostLease::default(),
            instrumentation: Instrumentation::default(),
            gate: Gate::new(),
            status: Arc::default(),
        }
    }

    /// How many handlers run at a time, at least 1. Default: 32. A batch counts once; a
    /// [`Relay`](crate::relay::Relay) has that many times its longest run in hand.
    pub fn concurrency(mut self, handlers: usize) -> Self {
        self.concurrency = handlers.clamp(1, tokio::sync::Semaphore::MAX_PERMITS);
        self
    }

    /// How long [`run_until`](Self::run_until) may take after the shutdown. The last tenth of it,
    /// 2 s at most, is kept for getting settlements to the broker. Default: 25 s, within the 30 s
    /// that Kubernetes gives by default.
    pub fn drain(mut self, time: Duration) -> Self {
        self.drain = time;
        self
    }

    /// How long a handler may take for a message or batch; its future is then dropped, and what it
    /// handled comes again. Default: as long as it likes.
    pub fn timeout(mut self, time: Duration) -> Self {
        self.timeout = Some(time);
        self
    }

    /// How long a failed message waits. Default: full jitter, base 1 s, cap 5 min.
    pub fn backoff(mut self, backoff: Backoff) -> Self {
        self.retrying.backoff = backoff;
        self
    }

    /// At which attempt a failed message is rejected instead of coming again, at least 1. It is
    /// counted by the broker. Default: never, the broker's own limit decides.
    pub fn max_attempts(mut self, attempts: u32) -> Self {
        self.retrying.max_attempts = Some(attempts.max(1));
        self
    }

    /// What becomes of rejected messages. Default: [`DeadLetter::Broker`].
    pub fn on_reject(mut self, dead_letter: DeadLetter) -> Self {
        self.on_reject = dead_letter;
        self
    }

    /// What becomes of a handler whose lease is lost. Default: [`LostLease::Cancel`].
    pub fn on_lost_lease(mut self, lost_lease: LostLease) -> Self {
        self.lost_lease = lost_lease;
        self
    }

    /// What writes spans and metrics. Default: the global telemetry.
    pub fn instrumentation(mut self, instrumentation: Instrumentation) -> Self {
        self.instrumentation = instrumentation;
        self
    }

    /// What receiving passes through, shared with who closes it. Default: a gate of its own.
    pub fn gate(mut self, gate: Gate) -> Self {
        self.gate = gate;
        self
    }

    /// A handle on this worker. It is of the gate that the worker has now.
    pub fn handle(&self) -> WorkerHandle {
        WorkerHandle::new(self.gate.clone(), Arc::clone(&self.status), &self.source)
    }

    /// Runs until `shutdown` is ready or the source is closed, and then drains: takes no more,
    /// lets the handlers finish, cancels those that are still running near the end of the drain
    /// time, and closes the source.
    ///
    /// Dropped, it aborts the handlers, and whatever was not settled comes again.
    ///
    /// # Errors
    /// The source could not be opened, or cannot go on, such as when its queue is deleted. In the
    /// second case the worker has drained first.
    pub async fn run_until(self, shutdown: impl Future) -> Result<Drained> {
        let Self {
            source,
            work,
            concurrency,
            drain,
            timeout,
            retrying,
            on_reject,
            lost_lease,
            instrumentation,
            gate,
            status,
        } = self;
        let rules = Rules {
            instrumentation,
            timeout,
            lost_lease,
            abort: CancellationToken::new(),
            retries: Retries::default(),
        };
        let engine = Engine {
            source,
            work,
            rules,
            retrying,
            on_reject,
            gate,
            status,
        };
        Run::new(engine, concurrency, drain).until(shutdown).await
    }
}
