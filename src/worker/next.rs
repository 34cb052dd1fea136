use std::sync::Arc;
use std::time::SystemTime;

use futures_util::FutureExt as _;
use tokio::task::coop::consume_budget;

use super::Gate;
use super::engine::Engine;
use super::handle::Stage;
use super::work::Work;
use crate::contract::{Delivery, Source};

/// What a slot that is free again takes by itself.
pub(super) struct Next<S: Source, W> {
    pub(super) engine: Arc<Engine<S, W>>,
    pub(super) gate: Gate,
}

impl<S: Source, W: Work> Next<S, W> {
    /// The next delivery, where one waits and single ones are handled; what is to be handled
    /// together is for the receiving loop to put together.
    pub(super) async fn take(&self) -> Option<Vec<Delivery<S::Receipt>>> {
        // Others of this thread have their turn too, where neither source nor handler ever waits.
        consume_budget().await;
        let running = self.engine.status.stage() == Stage::Running;
        if self.engine.work.most() > 1 || !running || !self.gate.is_open() {
            return None;
        }
        // What ends the source is told again by the next receive.
        let received = self.engine.source.receive(1).now_or_never()?.ok()?;
        if received.is_empty() {
            return None;
        }
        self.engine.status.received(SystemTime::now());
        Some(received)
    }
}
