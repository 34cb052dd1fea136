use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;
use tokio::time::{Instant, sleep_until};

use crate::contract::later;

/// What receiving passes through: closed, the worker takes no further deliveries, and the
/// handlers that run go on. Clones are the same gate.
///
/// It closes for two independent reasons: [`pause`](Self::pause), until somebody resumes, and
/// [`pause_for`](Self::pause_for), until a time has passed.
#[derive(Clone, Debug)]
pub struct Gate(Arc<watch::Sender<State>>);

#[derive(Clone, Copy, Debug, Default)]
struct State {
    paused: bool,
    closed_until: Option<Instant>,
}

impl State {
    fn is_open(&self) -> bool {
        !self.paused
            && self
                .closed_until
                .is_none_or(|until| until <= Instant::now())
    }
}

impl Default for Gate {
    fn default() -> Self {
        Self::new()
    }
}

impl Gate {
    /// An open gate.
    pub fn new() -> Self {
        Self(Arc::new(watch::Sender::new(State::default())))
    }

    /// Closes the gate until [`resume`](Self::resume).
    pub fn pause(&self) {
        self.0.send_modify(|state| state.paused = true);
    }

    /// Ends a [`pause`](Self::pause).
    pub fn resume(&self) {
        self.0.send_modify(|state| state.paused = false);
    }

    /// Closes the gate for a time; a longer closure that is under way stays.
    pub fn pause_for(&self, time: Duration) {
        let until = later(Instant::now(), time);
        self.0
            .send_modify(|state| state.closed_until = state.closed_until.max(Some(until)));
    }

    /// Whether deliveries are taken.
    pub fn is_open(&self) -> bool {
        self.0.borrow().is_open()
    }

    /// Waits until the gate is open. Cancel-safe.
    pub async fn opened(&self) {
        let mut states = self.0.subscribe();
        loop {
            let state = *states.borrow_and_update();
            match state.closed_until {
                _ if state.is_open() => return,
                Some(until) if !state.paused => tokio::select! {
                    biased;
                    () = sleep_until(until) => {}
                    _ = states.changed() => {}
                },
                // The sender is ours, so it is there as long as this waits.
                _ => drop(states.changed().await),
            }
        }
    }

    /// Waits until the gate is closed. Cancel-safe.
    pub(super) async fn closed(&self) {
        let mut states = self.0.subscribe();
        // It fails only without a sender, and the sender is ours.
        drop(states.wait_for(|state| !state.is_open()).await);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_pause_for_a_time_does_not_end_a_pause() {
        let gate = Gate::new();
        gate.pause();
        gate.pause_for(Duration::from_secs(5));
        let start = Instant::now();
        let resume = async {
            tokio::time::sleep(Duration::from_secs(9)).await;
            gate.resume();
        };
        tokio::join!(gate.opened(), resume);
        assert_eq!(start.elapsed(), Duration::from_secs(9));
    }

    #[tokio::test(start_paused = true)]
    async fn the_longer_closure_stays() {
        let gate = Gate::new();
        gate.pause_for(Duration::from_secs(5));
        gate.pause_for(Duration::from_secs(1));
        let start = Instant::now();
        gate.opened().await;
        assert_eq!(start.elapsed(), Duration::from_secs(5));
        assert!(gate.is_open());
    }
}
