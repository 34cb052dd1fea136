use opentelemetry::Context;

use super::polls::Wait;
use super::receipt::{Change, DeadCopy, Delete, Id};
use crate::contract::Lane;

/// What the driver is to do.
#[derive(Debug)]
pub(super) enum Work {
    Poll(Wait),
    Delete(Vec<Delete>),
    Change(Vec<Change>),
    DeadLetter(DeadLetter),
}

/// A message for the dead-letter queue.
#[derive(Debug)]
pub(super) struct DeadLetter {
    pub(super) id: Id,
    pub(super) lane: Option<Lane>,
    pub(super) copy: Box<DeadCopy>,
    pub(super) reason: String,
    /// Where it was rejected.
    pub(super) process: Context,
}
