use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

use tokio::time::{Instant, sleep, timeout};
use tracehop::memory::MemoryBroker;
use tracehop::telemetry::Instrumentation;
use tracehop::worker::{Backoff, Batches, DeadLetter, Work, Worker, WorkerHandle};

use crate::handler::Drawn;
use crate::plan::{DEAD, Life, Plan, QUEUE, Reject};
use crate::scenario::Outcome;
use crate::watched::Watched;
use crate::world::World;

/// Where workers live.
#[derive(Clone)]
pub(crate) struct Place {
    pub(crate) broker: MemoryBroker,
    pub(crate) world: World,
    pub(crate) instrumentation: Instrumentation,
    pub(crate) plan: Arc<Plan>,
    pub(crate) calm: Arc<AtomicBool>,
}

impl Place {
    /// Runs a worker from its start to its end; `done` ends it before its time.
    pub(crate) async fn live(&self, life: &Life, done: impl Future<Output = ()>) -> Outcome {
        let handler = Drawn::new(self.world.clone(), Arc::clone(&self.calm), life.concurrency);
        match life.batch {
            None => self.run(life, handler, done).await,
            Some((most, linger)) => {
                let handle = move |batch| handler.clone().handle_batch(batch);
                self.run(life, Batches::of(most, handle).linger(linger), done)
                    .await
            }
        }
    }

    async fn run<W: Work>(&self, life: &Life, work: W, done: impl Future<Output = ()>) -> Outcome {
        let reject = self.plan.reject;
        let source = Watched::new(
            self.broker.source(QUEUE),
            self.world.clone(),
            reject,
            life.max_attempts,
            life.slots(),
        );
        let mut worker = Worker::new(source, work)
            .concurrency(life.concurrency)
            .drain(life.drain)
            .backoff(Backoff::new(
                Duration::from_secs(1),
                Duration::from_secs(30),
            ))
            .on_lost_lease(self.plan.lost_lease)
            .on_reject(match reject {
                Reject::Broker => DeadLetter::Broker,
                Reject::To => DeadLetter::to(self.broker.sink(DEAD)),
                Reject::Discard => DeadLetter::Discard,
            })
            .instrumentation(self.instrumentation.clone());
        if let Some(time) = life.timeout {
            worker = worker.timeout(time);
        }
        if let Some(attempts) = life.max_attempts {
            worker = worker.max_attempts(attempts);
        }
        let handle = worker.handle();
        let pausing = tokio::spawn(pause(handle.clone(), life.pause));
        let outcome = self.end(life, worker, &handle, done).await;
        pausing.abort();
        outcome
    }

    async fn end<W: Work>(
        &self,
        life: &Life,
        worker: Worker<Watched, W>,
        handle: &WorkerHandle,
        done: impl Future<Output = ()>,
    ) -> Outcome {
        let mut outcome = Outcome::default();
        if life.shutdown {
            let mut stopped_at = None;
            let shutdown = async {
                drop(timeout(life.lives_for, done).await);
                stopped_at = Some(Instant::now());
            };
            match worker.run_until(shutdown).await {
                Ok(drained) => {
                    let took = stopped_at.unwrap().elapsed();
                    self.world.check(took <= life.drain, || {
                        format!("the drain took {took:?} instead of {:?}", life.drain)
                    });
                    outcome.drained = 1;
                    outcome.abandoned = drained.abandoned;
                }
                // The only source of errors here is an outage at the start.
                Err(error) => assert_eq!(error.code(), "unavailable"),
            }
        } else if timeout(life.lives_for, worker.run_until(done))
            .await
            .is_err()
        {
            outcome.dropped = 1;
        }
        let health = handle.health();
        outcome.lost_leases = usize::try_from(health.lost_leases).unwrap();
        outcome.failed_settles = usize::try_from(health.failed_settles).unwrap();
        outcome
    }
}

async fn pause(handle: WorkerHandle, when: Option<(Duration, Duration)>) {
    if let Some((after, time)) = when {
        sleep(after).await;
        handle.pause();
        sleep(time).await;
        handle.resume();
    }
}
