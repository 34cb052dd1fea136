use std::sync::Arc;
use std::time::Duration;

use opentelemetry::Context;

use crate::contract::{Lane, LeaseKeeper, Message};

/// The number of a receipt: unique in a source, rising in the order of receive.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) struct Id(pub(super) u64);

/// What a receive brought, as far as its lease and settlement need it.
#[derive(Debug)]
pub(super) struct Grant {
    pub(super) receipt: Arc<Granted>,
    pub(super) keeper: LeaseKeeper,
    pub(super) lane: Option<Lane>,
    /// What a dead letter is made of, where the source may have to make one.
    pub(super) copy: Option<Box<DeadCopy>>,
}

/// What requests and their spans say of a receipt.
#[derive(Debug, Default)]
pub(super) struct Granted {
    pub(super) handle: String,
    /// The creation context and the id of the message, for the links of settle spans.
    pub(super) context: Context,
    pub(super) message_id: Option<String>,
    /// Its place in its group; 0 where it has none.
    pub(super) sequence: u128,
}

/// What a dead letter is made of.
#[derive(Clone, Debug)]
pub(super) struct DeadCopy {
    pub(super) message: Message,
    pub(super) trace_header: Option<String>,
    pub(super) attempt: u32,
}

/// When a message that was not handled is to come again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Return {
    /// After that many seconds, 0 to 43,200.
    After(u32),
    /// When its lease runs out.
    Expire,
}

impl Return {
    /// After that delay. Less than a second is a second, because 0 is at once.
    pub(super) fn after(delay: Option<Duration>) -> Self {
        const LONGEST: u32 = 43_200;
        let Some(delay) = delay else {
            return Self::Expire;
        };
        let up = u64::from(delay.subsec_nanos() > 0);
        let seconds = u32::try_from(delay.as_secs().saturating_add(up)).unwrap_or(LONGEST);
        Self::After(seconds.min(LONGEST))
    }
}

/// Where a receipt stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Stage {
    /// Buffered or in hand.
    Held,
    /// To be given back when its turn in the group comes.
    Waiting,
    /// A copy is on its way to the dead-letter queue.
    Rejecting,
    /// To be deleted; alive until that is confirmed.
    Deleting,
    /// To be visible after that many seconds; `alone` in a request where a group's order asks it.
    Leaving { seconds: u32, alone: bool },
}

impl Stage {
    /// Whether the lease is to be kept alive.
    pub(super) fn alive(self) -> bool {
        !matches!(self, Self::Leaving { .. })
    }
}

/// What the broker said to one entry of a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Answer {
    Done,
    /// The receipt is no longer good.
    Refused,
    /// It may go better next time.
    Failed,
}

/// One entry of a visibility request.
#[derive(Clone, Debug)]
pub(super) struct Change {
    pub(super) id: Id,
    pub(super) receipt: Arc<Granted>,
    pub(super) seconds: u32,
    /// A heartbeat; else a settlement.
    pub(super) extends: bool,
}

/// One entry of a delete request.
#[derive(Clone, Debug)]
pub(super) struct Delete {
    pub(super) id: Id,
    pub(super) receipt: Arc<Granted>,
}

/// A receipt that is over, and where it stood.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Ended {
    pub(super) id: Id,
    pub(super) lane: Option<Lane>,
    pub(super) sequence: u128,
    pub(super) stage: Stage,
    /// Whether the broker took it away, rather than our settling it.
    pub(super) lost: bool,
}
