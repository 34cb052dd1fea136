use std::sync::atomic::{AtomicU8, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Weak};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use futures_util::FutureExt as _;
use futures_util::future::BoxFuture;

use super::Gate;
use crate::contract::{Result, Source};

/// Pauses a worker and asks how it is, from anywhere, such as a web server's health route.
///
/// Clones are the same handle. It keeps neither the worker nor its source alive.
#[derive(Clone, Debug)]
pub struct WorkerHandle {
    gate: Gate,
    status: Arc<Status>,
    source: Weak<dyn Probe>,
}

impl WorkerHandle {
    pub(super) fn new<S: Source>(gate: Gate, status: Arc<Status>, source: &Arc<S>) -> Self {
        let source = Arc::downgrade(source) as Weak<dyn Probe>;
        Self {
            gate,
            status,
            source,
        }
    }

    /// Takes no further deliveries until [`resume`](Self::resume); handlers that run go on.
    pub fn pause(&self) {
        self.gate.pause();
    }

    /// Ends a [`pause`](Self::pause).
    pub fn resume(&self) {
        self.gate.resume();
    }

    /// How the worker is. Asks nothing of the broker.
    pub fn health(&self) -> Health {
        let status = &self.status;
        Health {
            unready: self.unready(),
            last_receive: status.last_receive(),
            in_flight: status.in_flight.load(Ordering::Relaxed),
            lost_leases: status.lost_leases.load(Ordering::Relaxed),
            failed_settles: status.failed_settles.load(Ordering::Relaxed),
        }
    }

    /// How many messages wait at the broker, where it can say.
    ///
    /// # Errors
    /// The broker could not be asked.
    pub async fn backlog(&self) -> Result<Option<u64>> {
        match self.source.upgrade() {
            Some(source) => source.backlog().await,
            None => Ok(None),
        }
    }

    fn unready(&self) -> Option<String> {
        match self.status.stage() {
            Stage::New => Some("not started".to_owned()),
            Stage::Draining => Some("draining".to_owned()),
            Stage::Stopped => Some("stopped".to_owned()),
            Stage::Running if !self.gate.is_open() => Some("paused".to_owned()),
            Stage::Running => self.source.upgrade().and_then(|source| source.unready()),
        }
    }
}

/// How a worker is.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Health {
    /// Why it takes no deliveries just now; `None` when it does.
    pub unready: Option<String>,
    /// When deliveries last came.
    pub last_receive: Option<SystemTime>,
    /// Deliveries in hand: handed to a handler and not yet settled.
    pub in_flight: usize,
    /// Leases that were lost before the delivery was settled, since the start.
    pub lost_leases: u64,
    /// Settlements that the source refused, since the start; those messages come again.
    pub failed_settles: u64,
}

impl Health {
    /// Whether it takes deliveries.
    pub fn is_ready(&self) -> bool {
        self.unready.is_none()
    }
}

/// What a worker counts, for its handles.
#[derive(Debug, Default)]
pub(super) struct Status {
    stage: AtomicU8,
    in_flight: AtomicUsize,
    pub(super) lost_leases: AtomicU64,
    pub(super) failed_settles: AtomicU64,
    /// Deliveries whose handler was cancelled at the end of the drain time.
    pub(super) aborted: AtomicUsize,
    /// In microseconds since the Unix epoch; 0 before the first.
    last_receive: AtomicU64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Stage {
    New,
    Running,
    Draining,
    Stopped,
}

impl Status {
    pub(super) fn enter(&self, stage: Stage) {
        self.stage.store(stage as u8, Ordering::Relaxed);
    }

    pub(super) fn stage(&self) -> Stage {
        let stages = [Stage::New, Stage::Running, Stage::Draining];
        let stage = usize::from(self.stage.load(Ordering::Relaxed));
        stages.get(stage).copied().unwrap_or(Stage::Stopped)
    }

    /// Deliveries came, at that time; others may have come later.
    pub(super) fn received(&self, at: SystemTime) {
        let since = at.duration_since(UNIX_EPOCH).unwrap_or_default();
        let micros = u64::try_from(since.as_micros()).unwrap_or(u64::MAX);
        self.last_receive.fetch_max(micros, Ordering::Relaxed);
    }

    fn last_receive(&self) -> Option<SystemTime> {
        let micros = self.last_receive.load(Ordering::Relaxed);
        (micros > 0).then(|| UNIX_EPOCH + Duration::from_micros(micros))
    }

    pub(super) fn in_flight(&self) -> usize {
        self.in_flight.load(Ordering::Relaxed)
    }

    /// Counts deliveries as in hand until the answer is dropped.
    pub(super) fn in_hand(&self, count: usize) -> InHand<'_> {
        self.in_flight.fetch_add(count, Ordering::Relaxed);
        InHand(self, count)
    }
}

/// Deliveries in hand.
pub(super) struct InHand<'a>(&'a Status, usize);

impl Drop for InHand<'_> {
    fn drop(&mut self) {
        self.0.in_flight.fetch_sub(self.1, Ordering::Relaxed);
    }
}

/// A source of any type, as far as a handle asks it.
trait Probe: Send + Sync {
    fn unready(&self) -> Option<String>;
    fn backlog<'a>(self: Arc<Self>) -> BoxFuture<'a, Result<Option<u64>>>
    where
        Self: 'a;
}

impl<S: Source> Probe for S {
    fn unready(&self) -> Option<String> {
        Source::unready(self)
    }

    fn backlog<'a>(self: Arc<Self>) -> BoxFuture<'a, Result<Option<u64>>>
    where
        Self: 'a,
    {
        async move { Source::backlog(&*self).await }.boxed()
    }
}

impl std::fmt::Debug for dyn Probe {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Source")
    }
}
