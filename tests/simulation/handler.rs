use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use tokio::time::sleep;
use tracehop::worker::{Batch, Failure, Handler, Incoming};

use crate::plan::millis;
use crate::world::{Answer, World};

pub(crate) const PLANNED: &str = "a planned panic";

/// A handler whose behaviour is drawn, message by message.
#[derive(Clone)]
pub(crate) struct Drawn {
    world: World,
    /// From then on everything succeeds.
    calm: Arc<AtomicBool>,
    concurrency: usize,
    running: Arc<AtomicUsize>,
}

#[derive(Clone, Copy, Debug)]
enum Behaviour {
    Succeed(Duration),
    Fail(Duration),
    RetryAfter(Duration),
    Reject,
    PanicAtOnce,
    PanicLater(Duration),
}

impl Drawn {
    pub(crate) fn new(world: World, calm: Arc<AtomicBool>, concurrency: usize) -> Self {
        Self {
            world,
            calm,
            concurrency,
            running: Arc::default(),
        }
    }

    /// Counts a handler as running until the answer is dropped.
    fn enter(&self) -> Running {
        let running = self.running.fetch_add(1, Ordering::Relaxed) + 1;
        self.world.check(running <= self.concurrency, || {
            format!(
                "{running} handlers at a time instead of {}",
                self.concurrency
            )
        });
        Running(Arc::clone(&self.running))
    }

    fn draw(&self) -> Behaviour {
        if self.calm.load(Ordering::Relaxed) {
            return Behaviour::Succeed(Duration::ZERO);
        }
        let mut state = self.world.lock();
        let rng = &mut state.rng;
        match rng.u8(..100) {
            0..15 => Behaviour::Succeed(Duration::ZERO),
            15..60 => Behaviour::Succeed(millis(rng, 1..4000)),
            60..68 => Behaviour::Succeed(millis(rng, 10_000..60_000)),
            68..78 => Behaviour::Fail(millis(rng, 0..2000)),
            78..83 => Behaviour::RetryAfter(millis(rng, 0..20_000)),
            83..89 => Behaviour::Reject,
            89..93 => Behaviour::PanicAtOnce,
            _ => Behaviour::PanicLater(millis(rng, 0..3000)),
        }
    }

    async fn behave(&self, message: &Incoming) -> Result<(), Failure> {
        let (answer, result) = match self.draw() {
            Behaviour::Succeed(after) => {
                pass(after).await;
                (Answer::Success, Ok(()))
            }
            Behaviour::Fail(after) => {
                pass(after).await;
                (Answer::Failure, Err(Failure::new("planned")))
            }
            Behaviour::RetryAfter(delay) => (Answer::Failure, Err(Failure::retry_after(delay))),
            Behaviour::Reject => (Answer::Reject, Err(Failure::reject("planned"))),
            Behaviour::PanicAtOnce => std::panic::panic_any(PLANNED),
            Behaviour::PanicLater(after) => {
                pass(after).await;
                std::panic::panic_any(PLANNED)
            }
        };
        self.world.answer(message, answer);
        result
    }

    /// Marks some items, processes some in spans of their own, and leaves some to the result.
    pub(crate) async fn handle_batch(self, batch: Batch) -> Result<(), Failure> {
        let _running = self.enter();
        let messages: Vec<Incoming> = batch.iter().map(|item| Incoming::clone(item)).collect();
        let _handling = self.world.begin(&messages);
        let mut rest = Vec::new();
        for item in batch {
            let how = self.world.lock().rng.u8(..3);
            match how {
                0 => {
                    self.world.lock().invocations += 1;
                    item.process(self.behave(&item)).await;
                }
                1 => match self.behave(&item).await {
                    Ok(()) => item.ack(),
                    Err(failure) => item.fail(failure),
                },
                _ => rest.push(item),
            }
        }
        let Some(first) = rest.first() else {
            return Ok(());
        };
        let result = self.behave(first).await;
        let answer = self.world.answered(first.id().unwrap(), first.attempt());
        for item in &rest {
            self.world.answer(item, answer.unwrap());
        }
        result
    }
}

impl Handler for Drawn {
    async fn handle(&self, incoming: Incoming) -> Result<(), Failure> {
        let _running = self.enter();
        let _handling = self.world.begin(std::slice::from_ref(&incoming));
        self.behave(&incoming).await
    }
}

async fn pass(time: Duration) {
    if !time.is_zero() {
        sleep(time).await;
    }
}

struct Running(Arc<AtomicUsize>);

impl Drop for Running {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}
