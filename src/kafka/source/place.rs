use std::sync::Arc;

use opentelemetry::Context;

use crate::contract::{Lane, LeaseKeeper, Message};
use crate::kafka::record::Record;

/// One of the topics that a source reads.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) enum Topic {
    Main,
    /// Where failed messages wait for their next attempt.
    Retries,
}

/// A partition of one of the topics.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct Place {
    pub(super) topic: Topic,
    pub(super) partition: i32,
}

/// The time in which a partition is ours: it comes anew with each assignment, and what was handed
/// over in one of them is not settled in another.
#[derive(Debug)]
pub(super) struct Assignment {
    pub(super) place: Place,
    pub(super) epoch: u64,
    /// The lease of all that is delivered in it.
    pub(super) keeper: LeaseKeeper,
    /// The partition as topic and number.
    pub(super) name: String,
    /// The lane of the whole partition, where partitions are lanes.
    pub(super) lane: Option<Lane>,
}

/// A record that is ours: what is handed over is made of it, as often as it takes, and it settles
/// that.
#[derive(Clone, Debug)]
pub(super) struct Ticket {
    pub(super) assignment: Arc<Assignment>,
    pub(super) record: Record,
    /// The creation context, once that was extracted.
    pub(super) context: Option<Context>,
    /// The lane of its key, where keys are lanes.
    pub(super) key: Option<Lane>,
    pub(super) attempt: u32,
}

impl Ticket {
    pub(super) fn lane(&self) -> Option<&Lane> {
        self.assignment.lane.as_ref().or(self.key.as_ref())
    }

    /// The message of the record.
    pub(super) fn message(&self) -> Message {
        self.record.message(&self.assignment.name)
    }

    /// Why the lane of a record that was rejected goes no further.
    pub(super) fn stopped(&self, reason: &str) -> String {
        let (partition, offset) = (&self.assignment.name, self.record.offset);
        format!(
            "{partition}/{offset} was rejected, and there is nowhere to put it, so that its lane is \
             stopped: {reason}"
        )
    }
}
