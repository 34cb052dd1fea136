use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::thread::Thread;

use tokio::sync::Notify;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::place::Ticket;
use super::reader::Reader;
use super::state::{Fate, State};
use crate::contract::{Result, Settled};

/// What a source, its thread and its receipts have in common.
#[derive(Debug)]
pub(super) struct Shared {
    state: Mutex<State>,
    pub(super) reader: Reader,
    /// Something may be handed over, or nothing ever will be.
    arrived: Notify,
    driver: OnceLock<Thread>,
    /// The thread has left the group.
    pub(super) ended: CancellationToken,
}

impl Shared {
    pub(super) fn new(state: State, reader: Reader) -> Arc<Self> {
        Arc::new(Self {
            state: Mutex::new(state),
            reader,
            arrived: Notify::new(),
            driver: OnceLock::new(),
            ended: CancellationToken::new(),
        })
    }

    pub(super) fn lock(&self) -> MutexGuard<'_, State> {
        // No decision is left half taken by a panic: the state has no user's code in it.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Says which thread drives the source: from now on it is woken for what concerns it.
    pub(super) fn driven_by(&self, thread: Thread) {
        let _ = self.driver.set(thread);
    }

    /// Wakes the thread.
    pub(super) fn stir(&self) {
        if let Some(driver) = self.driver.get() {
            driver.unpark();
        }
    }

    /// Takes up to `max` deliveries, waiting for the first; none from a source that is closed.
    pub(super) async fn receive(&self, max: usize) -> Result<Vec<Ticket>> {
        loop {
            // Made before the look, so that nothing that arrives falls between the two.
            let arrived = self.arrived.notified();
            let (taken, closing) = self.change(|state, _| match state.fatal() {
                Some(error) => Err(error.clone()),
                None => Ok((state.take(max.max(1)), state.is_closing())),
            })?;
            if !taken.is_empty() || closing {
                return Ok(taken);
            }
            arrived.await;
        }
    }

    /// Records what becomes of a delivery.
    pub(super) fn settle(&self, ticket: &Ticket, fate: Fate) -> Settled {
        self.change(|state, now| state.settle(ticket, fate, now))
    }

    /// Records what becomes of a delivery, and takes the next where one waits.
    pub(super) fn exchange(&self, ticket: &Ticket, fate: Fate) -> (Settled, Option<Ticket>) {
        self.change(|state, now| (state.settle(ticket, fate, now), state.pop()))
    }

    /// Lets those come again whose time it is; says when that is of the next.
    pub(super) fn advance(&self) -> Option<Instant> {
        self.change(State::advance)
    }

    /// Hands nothing more over, and lets the thread leave the group.
    pub(super) fn close(&self) {
        self.change(|state, _| state.close());
        self.stir();
    }

    /// Changes the state, and wakes whom that concerns.
    pub(super) fn change<T>(&self, change: impl FnOnce(&mut State, Instant) -> T) -> T {
        let now = Instant::now();
        let mut state = self.lock();
        let answered = state.answers();
        let answer = change(&mut state, now);
        // Who waits found no answer when he looked.
        let answers = !answered && state.answers();
        let stirs = state.stirs();
        drop(state);
        if answers {
            self.arrived.notify_waiters();
        }
        if stirs {
            self.stir();
        }
        answer
    }
}
