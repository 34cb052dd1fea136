use std::ops::Deref;
use std::sync::{Arc, OnceLock};
use std::thread::Thread;

use tokio::time::Instant;

use super::place::Ticket;
use super::reader::Reader;
use super::state::{Fate, State};
use crate::contract::{self, Settled, Stir};

/// What a source, its thread and its receipts have in common.
#[derive(Debug)]
pub(super) struct Shared {
    state: contract::Shared<State, Driver>,
    pub(super) reader: Reader,
}

/// The thread that drives a source, once there is one.
#[derive(Debug, Default)]
pub(super) struct Driver(OnceLock<Thread>);

impl Shared {
    pub(super) fn new(state: State, reader: Reader) -> Arc<Self> {
        let state = contract::Shared::new(state);
        Arc::new(Self { state, reader })
    }

    /// Says which thread drives the source: from now on it is woken for what concerns it.
    pub(super) fn driven_by(&self, thread: Thread) {
        let _ = self.state.driver.0.set(thread);
    }

    /// Wakes the thread.
    pub(super) fn stir(&self) {
        self.state.driver.stir();
    }

    /// Records what becomes of a delivery.
    pub(super) fn settle(&self, ticket: &Ticket, fate: Fate) -> Settled {
        self.change(|state| state.settle(ticket, fate))
    }

    /// Lets those come again whose time it is; says when that is of the next.
    pub(super) fn advance(&self) -> Option<Instant> {
        self.change(|state| state.advance(Instant::now()))
    }

    /// Hands nothing more over, and lets the thread leave the group after its last commit, which it
    /// waits for until then.
    pub(super) fn close(&self, until: Instant) {
        self.change(|state| state.close(until));
    }
}

impl Deref for Shared {
    type Target = contract::Shared<State, Driver>;

    fn deref(&self) -> &Self::Target {
        &self.state
    }
}

impl Stir for Driver {
    fn stir(&self) {
        if let Some(driver) = self.0.get() {
            driver.unpark();
        }
    }
}
