use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;

use super::receipt::{Answer, Change, Grant, Id, Stage};
use crate::sqs::retry;

/// How long SQS lets a message be invisible at most, counted from its receive
/// (`ChangeMessageVisibility`, API version 2012-11-05).
const LONGEST: Duration = Duration::from_hours(12);

/// The shortest pause between two tries of an extension.
const BREATH: Duration = Duration::from_millis(50);

/// One receipt of the ledger: where it stands, until when its lease is confirmed, and the one
/// visibility request that it may have.
#[derive(Debug)]
pub(super) struct Entry {
    pub(super) grant: Grant,
    pub(super) stage: Stage,
    /// When to look at it, as the ledger has noted it.
    pub(super) agenda: Instant,
    visibility: Visibility,
    /// The latest time at which the broker surely had not yet begun to count.
    received: Instant,
    /// Until when the lease is confirmed.
    ends: Instant,
    /// When to extend it.
    beat: Instant,
    /// When to try a failed settlement again.
    retry: Option<Instant>,
    tries: u32,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Visibility {
    Idle,
    Queued,
    Sent,
}

/// Which queue of the ledger a visibility request goes to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Queue {
    Gathered,
    Alone,
}

/// What there is to ask of the broker at the moment of sending.
#[derive(Debug)]
pub(super) enum Asked {
    Change(Change),
    /// Nothing any more, or nothing in this queue.
    Nothing,
    /// Nothing, because the lease has just run out.
    Ended,
}

/// What an answer to a visibility request comes to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Took {
    /// The receipt is over.
    Over { lost: bool },
    /// It was settled while the request was in flight, and its own request is next.
    Settles,
    /// There is nothing to do until its next look.
    Goes,
}

impl Entry {
    /// A receipt of a receive that was sent at `started` and answered at `now`. The lease is taken
    /// to run from `started`, because nobody knows when in between it began.
    pub(super) fn new(grant: Grant, started: Instant, visibility: Duration, now: Instant) -> Self {
        let ends = started + visibility;
        let left = ends.saturating_duration_since(now);
        let beat = (started + visibility / 2).max(now + left / 4);
        Self {
            grant,
            stage: Stage::Held,
            agenda: beat,
            visibility: Visibility::Idle,
            received: started,
            ends,
            beat,
            retry: None,
            tries: 0,
        }
    }

    /// Whether the last confirmed deadline has passed.
    pub(super) fn has_ended(&self, now: Instant) -> bool {
        self.ends <= now
    }

    pub(super) fn enter(&mut self, stage: Stage) {
        self.stage = stage;
        self.tries = 0;
    }

    /// When there is something to look at next.
    pub(super) fn next_look(&self) -> Instant {
        let beat = if self.stage.alive() {
            self.beat
        } else {
            self.ends
        };
        let at = beat.min(self.ends);
        self.retry.map_or(at, |retry| retry.min(at))
    }

    /// What a look at `now` finds to be asked of the broker, by stage; a heartbeat is
    /// [`Stage::Held`]'s.
    pub(super) fn due(&mut self, now: Instant) -> Option<Stage> {
        if self.retry.is_some_and(|retry| retry <= now) {
            self.retry = None;
            return Some(self.stage);
        }
        (self.beat <= now).then(|| {
            // The next look, unless an answer brings it forward.
            self.beat = self.ends;
            Stage::Held
        })
    }

    /// Whether a heartbeat is due by `soon`, and none is queued or in flight.
    pub(super) fn beats_by(&self, soon: Instant) -> bool {
        self.stage.alive()
            && self.visibility == Visibility::Idle
            && self.beat <= soon
            && self.beat < self.ends
    }

    /// Brings the heartbeat forward to now.
    pub(super) fn beat_now(&mut self) {
        self.visibility = Visibility::Queued;
        self.beat = self.ends;
    }

    /// Queues the one visibility request that a receipt may have, where it is not in that queue
    /// yet; one that is in flight is waited for, and its answer comes back here.
    pub(super) fn queue(&mut self) -> Option<Queue> {
        let queue = self.queued_in();
        match (self.visibility, queue) {
            (Visibility::Sent, _) | (Visibility::Queued, Queue::Gathered) => return None,
            // A heartbeat of it that is still gathered is passed over there.
            (Visibility::Idle | Visibility::Queued, _) => self.visibility = Visibility::Queued,
        }
        Some(queue)
    }

    /// What to ask for now, out of a queue.
    pub(super) fn ask(
        &mut self,
        id: Id,
        queue: Queue,
        visibility: Duration,
        now: Instant,
    ) -> Asked {
        if self.visibility != Visibility::Queued || self.queued_in() != queue {
            return Asked::Nothing;
        }
        if self.has_ended(now) {
            return Asked::Ended;
        }
        let left = (self.received + LONGEST).saturating_duration_since(now);
        let seconds = match self.stage {
            Stage::Leaving { seconds, .. } => Duration::from_secs(u64::from(seconds)).min(left),
            _ => visibility.min(left),
        }
        .as_secs();
        let extends = self.stage.alive();
        if extends && now + Duration::from_secs(seconds) <= self.ends {
            // The twelve hours are nearly over: there is no more to be had.
            self.visibility = Visibility::Idle;
            return Asked::Nothing;
        }
        self.visibility = Visibility::Sent;
        Asked::Change(Change {
            id,
            receipt: Arc::clone(&self.grant.receipt),
            seconds: u32::try_from(seconds).unwrap_or_default(),
            extends,
        })
    }

    /// Takes the answer to a visibility change that was sent at `sent`.
    pub(super) fn took(
        &mut self,
        change: &Change,
        answer: &Answer,
        sent: Instant,
        now: Instant,
    ) -> Took {
        self.visibility = Visibility::Idle;
        match (change.extends, answer) {
            (false, Answer::Done) => return Took::Over { lost: false },
            (false, Answer::Failed) => {
                self.retry_later(now);
                return Took::Goes;
            }
            (true, Answer::Done) => {
                self.tries = 0;
                let lasts = Duration::from_secs(u64::from(change.seconds));
                self.ends = sent + lasts;
                self.beat = sent + lasts / 2;
            }
            // A settlement is recorded already: it goes on, and may be refused itself.
            (true, Answer::Refused) if self.stage != Stage::Held => self.beat = self.ends,
            (_, Answer::Refused) => return Took::Over { lost: true },
            (true, Answer::Failed) => {
                self.tries += 1;
                // Several tries must fit into what is left of the lease.
                let left = self.ends.saturating_duration_since(now);
                self.beat = now + retry::backoff(self.tries).min(left / 4 + BREATH);
            }
        }
        if self.stage.alive() {
            Took::Goes
        } else {
            Took::Settles
        }
    }

    /// Has a settlement that failed tried again.
    pub(super) fn retry_later(&mut self, now: Instant) {
        self.tries += 1;
        self.retry = Some(now + retry::backoff(self.tries));
    }

    fn queued_in(&self) -> Queue {
        match self.stage {
            Stage::Leaving { alone: true, .. } => Queue::Alone,
            _ => Queue::Gathered,
        }
    }
}
