use std::sync::{Mutex, MutexGuard, PoisonError};

use tokio::sync::Notify;
use tokio::time::Instant;

use super::deliveries::Held;
use super::place::Place;
use super::state::State;
use crate::contract::{Result, Settled, Settlement};

/// What a source, its driver and its receipts have in common.
#[derive(Debug)]
pub(super) struct Shared {
    state: Mutex<State>,
    /// Something may be handed over, or nothing ever will be.
    arrived: Notify,
    /// There is something for the driver to do.
    stirred: Notify,
    /// The broker has every settlement, and stopped delivering.
    flushed: Notify,
}

impl Shared {
    pub(super) fn new(state: State) -> Self {
        Self {
            state: Mutex::new(state),
            arrived: Notify::new(),
            stirred: Notify::new(),
            flushed: Notify::new(),
        }
    }

    pub(super) fn lock(&self) -> MutexGuard<'_, State> {
        // No decision is left half taken by a panic: the state has no user's code in it.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes up to `max` deliveries, waiting for the first; none from a source that is closed.
    pub(super) async fn receive(&self, max: usize) -> Result<Vec<Held>> {
        loop {
            // Made before the look, so that nothing that arrives falls between the two.
            let arrived = self.arrived.notified();
            {
                let mut state = self.lock();
                if let Some(error) = state.fatal() {
                    return Err(error.clone());
                }
                let taken = state.take(max.max(1));
                if !taken.is_empty() || state.is_closing() {
                    return Ok(taken);
                }
            }
            arrived.await;
        }
    }

    pub(super) fn settle(&self, place: Place, how: Settlement) -> Settled {
        self.change(|state, now| state.settle(place, how, now))
    }

    /// Settles, and takes the next where one waits.
    pub(super) fn exchange(&self, place: Place, how: Settlement) -> (Settled, Option<Held>) {
        self.change(|state, now| (state.settle(place, how, now), state.pop()))
    }

    pub(super) fn abandon(&self, place: Place) {
        self.change(|state, now| state.abandon(place, now));
    }

    pub(super) fn close(&self) {
        self.change(State::close);
        self.stirred.notify_one();
    }

    /// Waits until the broker has stopped delivering and read every settlement.
    pub(super) async fn flushed(&self) {
        loop {
            let flushed = self.flushed.notified();
            if self.lock().is_flushed() {
                return;
            }
            flushed.await;
        }
    }

    /// Waits until there is something for the driver to do, at the latest until `due`.
    pub(super) async fn stirred(&self, due: Option<Instant>) {
        match due {
            Some(due) => {
                let _ = tokio::time::timeout_at(due, self.stirred.notified()).await;
            }
            None => self.stirred.notified().await,
        }
    }

    /// Changes the state, and wakes whom that concerns.
    pub(super) fn change<T>(&self, change: impl FnOnce(&mut State, Instant) -> T) -> T {
        let now = Instant::now();
        let mut state = self.lock();
        let answered = state.answers();
        let answer = change(&mut state, now);
        // Who waits found no answer when he looked.
        let answers = !answered && state.answers();
        let (stirs, flushed) = (state.stirs(), state.is_flushed());
        drop(state);
        if answers {
            self.arrived.notify_waiters();
        }
        if stirs {
            self.stirred.notify_one();
        }
        if flushed {
            self.flushed.notify_waiters();
        }
        answer
    }
}
