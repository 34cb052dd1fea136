use std::collections::{BTreeMap, HashMap};

use super::receipt::{Id, Return};
use crate::contract::Lane;

/// The message groups of a FIFO queue that have stopped, and how they are given back.
///
/// SQS hands out nothing of a group while one of it is invisible. So a group keeps its order only
/// if its members become visible last first, one request at a time, and its failed head after all
/// others.
#[derive(Debug, Default)]
pub(super) struct Groups(HashMap<Lane, Stopped>);

#[derive(Debug, Default)]
struct Stopped {
    waiting: BTreeMap<Id, Member>,
    /// Whose request is in flight.
    turn: Option<Id>,
    /// How many of it are on their way to the dead-letter queue.
    rejecting: usize,
}

#[derive(Clone, Copy, Debug)]
struct Member {
    back: Return,
    /// It was in hand, so that successors of its run may still be.
    handed: bool,
}

/// What a stopped group does next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Step {
    /// This one is given back, alone.
    Return(Id, Return),
    /// Nothing, until an answer comes or what is in hand is settled.
    Wait,
    /// All of it is given back: the group goes on.
    Over,
}

impl Groups {
    /// Whether the group is stopped.
    pub(super) fn is_stopped(&self, lane: &Lane) -> bool {
        self.0.contains_key(lane)
    }

    /// Stops the group at a member that was in hand and failed.
    pub(super) fn failed(&mut self, lane: &Lane, id: Id, back: Return) {
        self.member(lane, id, back, true);
    }

    /// Stops the group with a member that nobody has seen.
    pub(super) fn unseen(&mut self, lane: &Lane, id: Id) {
        self.member(lane, id, Return::After(0), false);
    }

    /// Stops the group, of which nothing may be here.
    pub(super) fn stop(&mut self, lane: &Lane) {
        self.0.entry(lane.clone()).or_default();
    }

    /// The groups that are stopped.
    pub(super) fn stopped(&self) -> Vec<Lane> {
        self.0.keys().cloned().collect()
    }

    /// Stops the group until [`rejected`](Self::rejected): what comes after a dead letter waits
    /// for it to arrive.
    pub(super) fn rejecting(&mut self, lane: &Lane) {
        self.0.entry(lane.clone()).or_default().rejecting += 1;
    }

    /// The dead letter arrived, or could not be sent.
    pub(super) fn rejected(&mut self, lane: &Lane) {
        if let Some(stopped) = self.0.get_mut(lane) {
            stopped.rejecting = stopped.rejecting.saturating_sub(1);
        }
    }

    /// A member is given back, or its lease is lost.
    pub(super) fn gone(&mut self, lane: &Lane, id: Id) {
        if let Some(stopped) = self.0.get_mut(lane) {
            stopped.waiting.remove(&id);
            if stopped.turn == Some(id) {
                stopped.turn = None;
            }
        }
    }

    /// The next step of a stopped group of which `out` are in hand.
    pub(super) fn step(&mut self, lane: &Lane, out: usize) -> Step {
        let Some(stopped) = self.0.get_mut(lane) else {
            return Step::Wait;
        };
        if stopped.turn.is_some() || stopped.rejecting > 0 {
            return Step::Wait;
        }
        match stopped.waiting.last_key_value() {
            None if out > 0 => Step::Wait,
            None => {
                self.0.remove(lane);
                Step::Over
            }
            Some((_, member)) if member.handed && out > 0 => Step::Wait,
            Some((&id, &Member { back, .. })) => {
                stopped.turn = Some(id);
                Step::Return(id, back)
            }
        }
    }

    fn member(&mut self, lane: &Lane, id: Id, back: Return, handed: bool) {
        let stopped = self.0.entry(lane.clone()).or_default();
        stopped.waiting.insert(id, Member { back, handed });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HEAD: Return = Return::After(30);

    fn lane() -> Lane {
        Lane::new("orders")
    }

    /// A group of four: 1 was in hand and failed, 2 to 4 were buffered.
    fn stopped() -> Groups {
        let mut groups = Groups::default();
        groups.failed(&lane(), Id(1), HEAD);
        for id in 2..=4 {
            groups.unseen(&lane(), Id(id));
        }
        groups
    }

    #[test]
    fn a_group_goes_back_last_first_and_its_head_at_the_end() {
        let mut groups = stopped();
        for id in [4, 3, 2] {
            assert_eq!(
                groups.step(&lane(), 0),
                Step::Return(Id(id), Return::After(0))
            );
            assert_eq!(groups.step(&lane(), 0), Step::Wait, "one request at a time");
            groups.gone(&lane(), Id(id));
        }
        assert_eq!(groups.step(&lane(), 0), Step::Return(Id(1), HEAD));
        groups.gone(&lane(), Id(1));
        assert_eq!(groups.step(&lane(), 0), Step::Over);
        assert!(!groups.is_stopped(&lane()));
    }

    #[test]
    fn the_head_waits_for_what_is_still_in_hand_and_its_successors_do_not() {
        let mut groups = stopped();
        for id in [4, 3, 2] {
            assert_eq!(
                groups.step(&lane(), 1),
                Step::Return(Id(id), Return::After(0))
            );
            groups.gone(&lane(), Id(id));
        }
        assert_eq!(groups.step(&lane(), 1), Step::Wait);
        assert_eq!(groups.step(&lane(), 0), Step::Return(Id(1), HEAD));
    }

    #[test]
    fn a_member_that_is_lost_while_it_waits_is_passed_over() {
        let mut groups = stopped();
        groups.gone(&lane(), Id(4));
        groups.gone(&lane(), Id(3));
        assert_eq!(
            groups.step(&lane(), 0),
            Step::Return(Id(2), Return::After(0))
        );
    }

    #[test]
    fn a_group_waits_for_its_dead_letter() {
        let mut groups = Groups::default();
        groups.rejecting(&lane());
        assert_eq!(groups.step(&lane(), 0), Step::Wait);
        groups.rejected(&lane());
        assert_eq!(groups.step(&lane(), 0), Step::Over);
    }
}
