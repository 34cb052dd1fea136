use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::SystemTime;

use tokio::sync::Notify;
use tokio::time::Instant;

use super::QueueOptions;
use super::state::State;
use crate::contract::{Destination, Error, ErrorKind, Message, Operation, Result, System};

/// One queue: its state behind a lock that is never held over an await, and who waits for it.
#[derive(Debug)]
pub(super) struct Queue {
    pub(super) destination: Arc<Destination>,
    pub(super) clock: Clock,
    changed: Notify,
    state: Mutex<State>,
    dead_letters: Mutex<Option<Arc<Queue>>>,
    /// What was rejected and has no dead-letter queue to go to.
    aside: Mutex<Vec<Message>>,
}

impl Queue {
    pub(super) fn new(name: &str, clock: Clock) -> Self {
        Self {
            destination: Arc::new(Destination::new(System::Memory, name)),
            clock,
            changed: Notify::new(),
            state: Mutex::new(State::new(QueueOptions::default())),
            dead_letters: Mutex::new(None),
            aside: Mutex::new(Vec::new()),
        }
    }

    pub(super) fn configure(&self, options: QueueOptions, dead_letters: Option<Arc<Queue>>) {
        *lock(&self.dead_letters) = dead_letters;
        self.change(|state, _| state.options = options);
    }

    /// Changes the queue, moves what died of it, and wakes who waits.
    pub(super) fn change<T>(&self, change: impl FnOnce(&mut State, Instant) -> T) -> T {
        let answer = self.quietly(change);
        self.changed.notify_waiters();
        answer
    }

    /// As [`change`](Self::change), where there is nothing that others wait for.
    pub(super) fn quietly<T>(&self, change: impl FnOnce(&mut State, Instant) -> T) -> T {
        let (answer, dead) = {
            let mut state = lock(&self.state);
            let answer = change(&mut state, Instant::now());
            (answer, std::mem::take(&mut state.dead))
        };
        if !dead.is_empty() {
            self.bury(dead);
        }
        answer
    }

    pub(super) fn read<T>(&self, read: impl FnOnce(&State) -> T) -> T {
        read(&lock(&self.state))
    }

    pub(super) fn add(&self, message: Message) -> String {
        let clock = self.clock.now();
        self.change(|state, now| state.add(message, now, clock))
    }

    pub(super) fn aside(&self) -> Vec<Message> {
        lock(&self.aside).clone()
    }

    /// Who awaits this, made before it looked at the state, misses no change. Cancel-safe.
    pub(super) fn changed(&self) -> tokio::sync::futures::Notified<'_> {
        self.changed.notified()
    }

    pub(super) fn error(&self, operation: Operation, kind: ErrorKind, detail: &str) -> Error {
        Error::new(operation, &self.destination, kind, detail)
    }

    /// An error while the broker is away or the queue is gone.
    pub(super) fn check(&self, operation: Operation) -> Result<()> {
        self.read(|state| {
            if state.faults.deleted {
                Err(self.error(operation, ErrorKind::NotFound, "the queue was deleted"))
            } else if let Some(reason) = &state.faults.outage {
                Err(self.error(operation, ErrorKind::Unavailable, reason))
            } else {
                Ok(())
            }
        })
    }

    fn bury(&self, dead: Vec<Message>) {
        let queue = lock(&self.dead_letters).clone();
        match queue {
            Some(queue) => dead.into_iter().for_each(|message| {
                queue.add(message);
            }),
            None => lock(&self.aside).extend(dead),
        }
    }
}

/// Wall-clock time that goes with tokio's clock, paused or not.
#[derive(Clone, Copy, Debug)]
pub(super) struct Clock {
    wall: SystemTime,
    start: Instant,
}

impl Clock {
    pub(super) fn start() -> Self {
        Self {
            wall: SystemTime::now(),
            start: Instant::now(),
        }
    }

    pub(super) fn now(&self) -> SystemTime {
        self.wall + self.start.elapsed()
    }
}

/// No code panics while it holds one of these locks, and what they guard is whole at every step.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
