use std::future::Future;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::task::{JoinError, JoinSet};
use tokio::time::{Instant, timeout_at};
use tokio_util::sync::CancellationToken;
use tokio_util::task::AbortOnDropHandle;

use super::drained::Drained;
use super::engine::Engine;
use super::handle::{Stage, Status};
use super::work::{Few, Work};
use crate::contract::{
    Capacity, Delivery, Error, ErrorKind, Operation, Result, Settlement, Source, later,
};

/// A worker that runs: the loop that receives, and the drain.
pub(super) struct Run<S: Source, W> {
    engine: Arc<Engine<S, W>>,
    capacity: Capacity,
    drain: Duration,
    slots: Arc<Semaphore>,
    /// No more is to be received.
    stopping: CancellationToken,
    /// Aborts what is left when the run is dropped.
    handlers: JoinSet<()>,
}

impl<S: Source, W: Work> Run<S, W> {
    pub(super) fn new(engine: Engine<S, W>, concurrency: usize, drain: Duration) -> Self {
        let most = engine.work.most();
        let capacity = Capacity {
            slots: concurrency.saturating_mul(most).min(Semaphore::MAX_PERMITS),
            per_lane: most,
        };
        let slots = if engine.work.together() {
            concurrency
        } else {
            capacity.slots
        };
        Self {
            engine: Arc::new(engine),
            capacity,
            drain,
            slots: Arc::new(Semaphore::new(slots)),
            stopping: CancellationToken::new(),
            handlers: JoinSet::new(),
        }
    }

    pub(super) async fn until(mut self, shutdown: impl Future) -> Result<Drained> {
        let _stopped = Stopped(Arc::clone(&self.engine.status));
        let mut shutdown = pin!(shutdown);
        tokio::select! {
            biased;
            _ = &mut shutdown => return Ok(Drained::default()),
            opened = self.engine.source.open(self.capacity) => opened?,
        }
        self.engine.status.enter(Stage::Running);
        let (engine, stopping) = (Arc::clone(&self.engine), self.stopping.clone());
        // In a task, so that what it spawns starts on a thread that is awake: spawning from the
        // thread that awaits the worker would wake another one for each message.
        let mut receiving = AbortOnDropHandle::new(tokio::spawn(async move {
            let ended = self.receive().await;
            (self, ended)
        }));
        // The loop is told to stop, and not dropped: it may hold deliveries.
        let received = tokio::select! {
            biased;
            _ = shutdown => {
                engine.status.enter(Stage::Draining);
                stopping.cancel();
                receiving.await
            }
            received = &mut receiving => received,
        };
        let (mut run, ended) = received.map_err(|error| gone(error, &engine))?;
        engine.status.enter(Stage::Draining);
        let drained = run.drain().await;
        ended.map(|()| drained)
    }

    /// Receives into free slots until it is to stop or the source is closed.
    async fn receive(&mut self) -> Result<()> {
        loop {
            self.reap();
            let Some(slot) = self.free_slots(1).await else {
                return Ok(());
            };
            tokio::select! {
                biased;
                () = self.stopping.cancelled() => return Ok(()),
                () = self.engine.gate.opened() => {}
            }
            let most = self.engine.work.most();
            let together = self.engine.work.together();
            let max = if together {
                most
            } else {
                1 + self.slots.available_permits()
            };
            let deliveries = tokio::select! {
                biased;
                () = self.stopping.cancelled() => return Ok(()),
                () = self.engine.gate.closed() => continue,
                received = self.engine.source.receive(max) => received?,
            };
            let Some(last) = deliveries.last() else {
                return Ok(());
            };
            self.engine.status.received(last.received_at);
            if together {
                let gathered = self.gather(deliveries, most).await;
                self.spawn(slot, gathered);
                continue;
            }
            // It is only we who take slots: what was free is.
            drop(slot);
            for run in runs(deliveries, most) {
                match self.free_slots(run.len()).await {
                    Some(slots) => self.spawn(slots, run),
                    None => self.give_back(run).await,
                }
            }
        }
    }

    /// Waits for free slots; `None` where there are none before the worker is to stop.
    async fn free_slots(&self, count: usize) -> Option<OwnedSemaphorePermit> {
        let count = u32::try_from(count).unwrap_or(u32::MAX);
        tokio::select! {
            biased;
            slots = Arc::clone(&self.slots).acquire_many_owned(count) => slots.ok(),
            () = self.stopping.cancelled() => None,
        }
    }

    /// What a source yielded beyond what it was asked for, and no handler will see: last first, so
    /// that a lane keeps its order.
    async fn give_back(&self, run: Few<Delivery<S::Receipt>>) {
        for delivery in run.into_iter().rev() {
            let settling = self
                .engine
                .source
                .settle(delivery.receipt, Settlement::Release);
            if let Err(error) = settling.await {
                tracing::warn!(%error, "a delivery was not given back, its message comes again");
            }
        }
    }

    /// Waits for a batch to fill up, until the linger time is over or the worker is to stop.
    async fn gather(
        &self,
        mut deliveries: Vec<Delivery<S::Receipt>>,
        most: usize,
    ) -> Few<Delivery<S::Receipt>> {
        let linger = self.engine.work.linger();
        let end = later(Instant::now(), linger);
        while deliveries.len() < most && !linger.is_zero() {
            let more = tokio::select! {
                biased;
                () = self.stopping.cancelled() => break,
                more = timeout_at(end, self.engine.source.receive(most - deliveries.len())) => more,
            };
            // What ends the source is told again by the next receive.
            match more {
                Ok(Ok(more)) if !more.is_empty() => deliveries.extend(more),
                _ => break,
            }
        }
        deliveries.into()
    }

    /// Attends to deliveries in their slots.
    fn spawn(&mut self, slot: OwnedSemaphorePermit, deliveries: Few<Delivery<S::Receipt>>) {
        let engine = Arc::clone(&self.engine);
        // Boxed, because spawning moves a future several times, and this one is large.
        self.handlers.spawn(Box::pin(async move {
            engine.attend(deliveries).await;
            drop(slot);
        }));
    }

    /// Forgets handlers that are done.
    fn reap(&mut self) {
        while let Some(done) = self.handlers.try_join_next() {
            told(done);
        }
    }

    async fn drain(&mut self) -> Drained {
        let status = Arc::clone(&self.engine.status);
        let deadline = later(Instant::now(), self.drain);
        let flush = (self.drain / 10).min(Duration::from_secs(2));
        let in_hand = status.in_flight();
        if timeout_at(deadline - flush, self.all_done()).await.is_err() {
            self.engine.rules.abort.cancel();
            // Those that block their threads do not hear of it.
            drop(timeout_at(deadline - flush / 2, self.all_done()).await);
        }
        let abandoned = status.aborted.load(Ordering::Relaxed) + status.in_flight();
        self.handlers.abort_all();
        let source = &self.engine.source;
        let closed = timeout_at(deadline, source.close(deadline)).await;
        let incomplete = match closed {
            _ if abandoned > 0 => Some(self.error(format!(
                "unfinished near the end of the drain time of {:?}, and coming again: {abandoned}",
                self.drain
            ))),
            Ok(closed) => closed.err(),
            Err(_) => Some(self.error(format!("not closed within {:?}", self.drain))),
        };
        if let Some(error) = &incomplete {
            tracing::warn!(%error, "the worker did not drain completely");
        }
        Drained {
            finished: in_hand.saturating_sub(abandoned),
            abandoned,
            incomplete,
        }
    }

    async fn all_done(&mut self) {
        while let Some(done) = self.handlers.join_next().await {
            told(done);
        }
    }

    fn error(&self, detail: String) -> Error {
        let destination = self.engine.source.destination();
        Error::new(Operation::Close, destination, ErrorKind::Timeout, detail)
    }
}

/// The receiving task did not return: a source that panics does so here too, and a runtime that
/// shuts down has taken the source's own task with it.
fn gone<S: Source, W>(error: JoinError, engine: &Engine<S, W>) -> Error {
    match error.try_into_panic() {
        Ok(panic) => std::panic::resume_unwind(panic),
        Err(_) => Error::new(
            Operation::Receive,
            engine.source.destination(),
            ErrorKind::Closed,
            "the runtime shut down",
        ),
    }
}

/// Takes deliveries apart: those of one lane that stand together, `most` at a time, and each that
/// has no lane.
fn runs<R>(deliveries: Vec<Delivery<R>>, most: usize) -> Vec<Few<Delivery<R>>> {
    let mut runs: Vec<Few<Delivery<R>>> = Vec::new();
    for delivery in deliveries {
        match runs.last_mut() {
            Some(run)
                if run.len() < most && delivery.lane.is_some() && run[0].lane == delivery.lane =>
            {
                run.push(delivery);
            }
            _ => runs.push(Few::from([delivery])),
        }
    }
    runs
}

/// Handlers' panics are caught where they run; what is left is a future that panics when it is
/// dropped.
fn told(done: std::result::Result<(), JoinError>) {
    if let Err(error) = done
        && error.is_panic()
    {
        tracing::error!(%error, "dropping a handler's future panicked, its message comes again");
    }
}

/// Says that the worker has stopped, however it did.
struct Stopped(Arc<Status>);

impl Drop for Stopped {
    fn drop(&mut self) {
        self.0.enter(Stage::Stopped);
    }
}
