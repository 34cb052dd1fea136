//! What goes back to the queue: a delivery that failed, what must come after it in its group, and
//! what no handler has seen.

use opentelemetry::Context;
use tokio::time::Instant;

use super::{Held, State};
use crate::contract::Lane;
use crate::sqs::source::groups::{Member, Step};
use crate::sqs::source::receipt::{Id, Return, Stage};
use crate::sqs::source::work::DeadLetter;

impl State {
    /// Gives a failed delivery back; its group stops and goes back with it.
    pub(super) fn failed(&mut self, id: Id, lane: Option<&Lane>, back: Return, now: Instant) {
        match lane {
            None => self.ledger.leave(id, back, false, now),
            Some(lane) => {
                self.member(lane, id, back, true);
                self.stop(lane);
            }
        }
    }

    pub(super) fn reject(&mut self, id: Id, lane: Option<&Lane>, reason: String, now: Instant) {
        let Some(copy) = self.ledger.reject(id) else {
            tracing::warn!(
                reason,
                "a message was rejected, and its queue has no dead-letter queue: it comes again"
            );
            self.failed(id, lane, Return::Expire, now);
            return;
        };
        if let Some(lane) = lane {
            self.buffer.hold(lane);
            self.groups.rejecting(lane);
        }
        self.dead_letters.push(DeadLetter {
            id,
            lane: lane.cloned(),
            copy,
            reason,
            process: Context::current(),
        });
    }

    /// Hands over nothing more of the group: what is buffered of it goes back.
    fn stop(&mut self, lane: &Lane) {
        self.buffer.hold(lane);
        for Held { id, .. } in self.buffer.drain_lane(lane) {
            self.member(lane, id, Return::After(0), false);
        }
    }

    /// Has one of a group given back when its turn comes.
    fn member(&mut self, lane: &Lane, id: Id, back: Return, handed: bool) {
        let sequence = self.ledger.wait(id);
        let member = Member {
            id,
            sequence,
            back,
            handed,
        };
        self.groups.stop(lane, member);
    }

    /// One of the lane is no longer in hand.
    pub(super) fn settled(&mut self, lane: Option<&Lane>, now: Instant) {
        if let Some(lane) = lane {
            self.buffer.settled(lane);
            self.step(lane, now);
        }
        self.settle_up(now);
    }

    pub(super) fn step(&mut self, lane: &Lane, now: Instant) {
        match self.groups.step(lane, self.buffer.out(lane), now) {
            Step::Return(id, back) => self.ledger.leave(id, back, true, now),
            Step::Go(came) => {
                for held in came {
                    self.buffer.push(Some(lane), held);
                }
                self.buffer.resume(lane);
            }
            Step::Wait => {}
        }
    }

    pub(super) fn step_all(&mut self, now: Instant) {
        for lane in self.groups.lanes() {
            self.step(&lane, now);
        }
        self.settle_up(now);
    }

    /// Draws the consequences of receipts that are over, which may end others.
    pub(super) fn settle_up(&mut self, now: Instant) {
        loop {
            let ended = self.ledger.take_ended();
            if ended.is_empty() {
                break;
            }
            for ended in ended {
                let by_broker = ended.lost && matches!(ended.stage, Stage::Held | Stage::Rejecting);
                if by_broker {
                    self.buffer.extract(|held| held.id == ended.id);
                }
                let Some(lane) = ended.lane else { continue };
                self.groups.gone(&lane, ended.id, now);
                if by_broker {
                    // It will be handed out again, and its successors must come after it.
                    self.stop(&lane);
                    self.groups.lost(&lane, ended.sequence, now);
                }
                self.step(&lane, now);
            }
        }
    }

    pub(super) fn give_back_buffer(&mut self, now: Instant) {
        let mut unseen = self.buffer.extract(|_| true);
        unseen.extend(self.groups.drain());
        for Held { id, delivery } in unseen {
            match &delivery.lane {
                None => self.ledger.leave(id, Return::After(0), false, now),
                Some(lane) => {
                    self.buffer.hold(lane);
                    self.member(lane, id, Return::After(0), false);
                }
            }
        }
        self.step_all(now);
    }
}
