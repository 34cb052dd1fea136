use std::time::{Duration, SystemTime};

use crate::contract::{Lane, Lease, Message};

/// A message at the broker.
#[derive(Debug)]
pub(super) struct Stored {
    /// Its place among all messages of the queue.
    pub(super) place: u64,
    pub(super) message: Message,
    pub(super) lane: Option<Lane>,
    pub(super) enqueued_at: SystemTime,
    /// How many deliveries have counted as attempts.
    pub(super) attempts: u32,
}

/// A message that is handed over, as the consumer gets it.
#[derive(Debug)]
pub(super) struct Handed {
    pub(super) tag: u64,
    pub(super) message: Message,
    pub(super) lane: Option<Lane>,
    pub(super) enqueued_at: SystemTime,
    pub(super) attempt: u32,
    pub(super) lease: Lease,
}

/// How a delivery leaves the consumer's hands.
#[derive(Clone, Copy, Debug)]
pub(super) enum Fate {
    /// For good.
    Gone,
    /// For good, to where rejected messages are kept.
    Rejected,
    /// It comes again after a time, and counts as an attempt.
    Again(Duration),
    /// It comes again, and was no attempt.
    AsItWas,
}

/// What a test asked to go wrong.
#[derive(Debug, Default)]
pub(super) struct Faults {
    /// So many settlements fail.
    pub(super) settles: usize,
    /// So many sends fail.
    pub(super) sends: usize,
    /// The broker cannot be reached, for that reason.
    pub(super) outage: Option<String>,
    /// The queue was deleted.
    pub(super) deleted: bool,
}
