//! Which message a receive gives next.

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::sync::Arc;

/// The waiting messages of a queue by position. Each operation is O(log n) a message.
#[derive(Debug)]
pub(super) enum Order {
    /// In the order in which they became visible: a message that keeps coming back stands behind
    /// the others.
    Standard(VecDeque<u64>),
    Fifo(Groups),
}

impl Order {
    /// A message that waits; it is not visible yet.
    pub(super) fn add(&mut self, position: u64, group: Option<&Arc<str>>) {
        if let (Self::Fifo(groups), Some(group)) = (self, group) {
            groups.add(position, group);
        }
    }

    /// The message is visible (again).
    pub(super) fn show(&mut self, position: u64, group: Option<&Arc<str>>) {
        match (self, group) {
            (Self::Standard(visible), _) => visible.push_back(position),
            (Self::Fifo(groups), Some(group)) => groups.show(position, group),
            (Self::Fifo(_), None) => {}
        }
    }

    /// Takes up to `most` visible messages, which are hidden from then on.
    pub(super) fn take(&mut self, most: usize) -> Vec<u64> {
        match self {
            Self::Standard(visible) => visible.drain(..most.min(visible.len())).collect(),
            Self::Fifo(groups) => groups.take(most),
        }
    }

    /// A hidden message is gone for good.
    pub(super) fn remove(&mut self, position: u64, group: Option<&Arc<str>>) {
        if let (Self::Fifo(groups), Some(group)) = (self, group) {
            groups.remove(position, group);
        }
    }

    pub(super) fn clear(&mut self) {
        match self {
            Self::Standard(visible) => visible.clear(),
            Self::Fifo(groups) => *groups = Groups::default(),
        }
    }
}

/// The message groups of a FIFO queue.
///
/// A group gives its messages in order, up to the first that is not visible: while its head is
/// hidden, nothing of it is given. A receive takes what it can from one group before it looks at
/// the next. AWS does both, as recorded by the validated tests of other SQS servers.
#[derive(Debug, Default)]
pub(super) struct Groups {
    groups: HashMap<Arc<str>, Group>,
    /// Groups with a visible head, each once, the longest waiting first. A group whose head was
    /// removed since may still stand here.
    turns: VecDeque<Arc<str>>,
}

#[derive(Debug, Default)]
struct Group {
    /// Whether each message is visible, by position.
    members: BTreeMap<u64, bool>,
    has_turn: bool,
}

impl Group {
    fn head_is_visible(&self) -> bool {
        self.members.first_key_value().is_some_and(|(_, it)| *it)
    }
}

impl Groups {
    fn add(&mut self, position: u64, group: &Arc<str>) {
        let group = self.groups.entry(Arc::clone(group)).or_default();
        group.members.insert(position, false);
    }

    fn show(&mut self, position: u64, name: &Arc<str>) {
        if let Some(group) = self.groups.get_mut(name) {
            group.members.insert(position, true);
        }
        self.give_turn(name);
    }

    fn remove(&mut self, position: u64, name: &Arc<str>) {
        if let Some(group) = self.groups.get_mut(name) {
            group.members.remove(&position);
            if group.members.is_empty() && !group.has_turn {
                self.groups.remove(name);
                return;
            }
        }
        self.give_turn(name);
    }

    fn take(&mut self, most: usize) -> Vec<u64> {
        let mut taken = Vec::new();
        while taken.len() < most {
            let Some(name) = self.turns.pop_front() else {
                break;
            };
            let Some(group) = self.groups.get_mut(&name) else {
                continue;
            };
            group.has_turn = false;
            let room = most - taken.len();
            for (position, visible) in group.members.iter_mut().take(room) {
                if !std::mem::take(visible) {
                    break;
                }
                taken.push(*position);
            }
            if group.members.is_empty() {
                self.groups.remove(&name);
            }
        }
        taken
    }

    fn give_turn(&mut self, name: &Arc<str>) {
        if let Some(group) = self.groups.get_mut(name)
            && !group.has_turn
            && group.head_is_visible()
        {
            group.has_turn = true;
            self.turns.push_back(Arc::clone(name));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn groups(members: &[(u64, &str)]) -> (Order, Vec<Arc<str>>) {
        let mut order = Order::Fifo(Groups::default());
        let names: Vec<Arc<str>> = members.iter().map(|(_, name)| Arc::from(*name)).collect();
        for ((position, _), name) in members.iter().zip(&names) {
            order.add(*position, Some(name));
            order.show(*position, Some(name));
        }
        (order, names)
    }

    #[test]
    fn a_group_whose_head_is_hidden_gives_nothing() {
        let (mut order, names) = groups(&[(1, "a"), (2, "b"), (3, "a")]);
        assert_eq!(order.take(1), [1]);
        assert_eq!(order.take(10), [2]);
        order.remove(1, Some(&names[0]));
        assert_eq!(order.take(10), [3]);
    }

    #[test]
    fn a_receive_takes_from_one_group_before_the_next() {
        let (mut order, _) = groups(&[(1, "a"), (2, "b"), (3, "a"), (4, "b")]);
        assert_eq!(order.take(3), [1, 3, 2]);
    }

    #[test]
    fn a_head_that_comes_back_is_given_alone_while_its_successor_is_hidden() {
        let (mut order, names) = groups(&[(1, "a"), (2, "a"), (3, "a")]);
        assert_eq!(order.take(2), [1, 2]);
        order.show(1, Some(&names[0]));
        assert_eq!(order.take(10), [1]);
    }

    #[test]
    fn a_successor_that_comes_back_waits_for_the_head() {
        let (mut order, names) = groups(&[(1, "a"), (2, "a")]);
        assert_eq!(order.take(2), [1, 2]);
        order.show(2, Some(&names[0]));
        assert!(order.take(10).is_empty());
        order.remove(1, Some(&names[0]));
        assert_eq!(order.take(10), [2]);
    }

    #[test]
    fn an_emptied_group_leaves_nothing_behind() {
        let (mut order, names) = groups(&[(1, "a"), (2, "a")]);
        for position in order.take(2) {
            order.remove(position, Some(&names[0]));
        }
        let Order::Fifo(groups) = order else {
            panic!("a FIFO order stays one")
        };
        assert!(groups.groups.is_empty() && groups.turns.is_empty());
    }
}
