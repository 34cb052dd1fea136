use std::collections::{HashMap, VecDeque};

use bytes::Bytes;

/// What is handled in order: an SQS message group, a Kafka partition, or a key within one.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Lane(Bytes);

impl Lane {
    /// The lane of that name.
    pub fn new(name: impl Into<Bytes>) -> Self {
        Self(name.into())
    }

    /// The name.
    pub fn name(&self) -> &Bytes {
        &self.0
    }
}

/// The buffer of a source: what has come and is not yet handed over.
///
/// It holds the rule of order. An item of a lane is handed over only while no other of that lane
/// is out, but for one contiguous run of at most `per_lane`; items with no lane run freely. Among
/// what may go, the longest waiting goes first. The source bounds it, by [`len`](Self::len).
#[derive(Debug)]
pub struct Lanes<T> {
    longest_run: usize,
    /// What may go, in order of arrival.
    ready: VecDeque<Ready<T>>,
    /// Lanes with something waiting, out, or held; a lane with none of these is forgotten.
    by_lane: HashMap<Lane, Waiting<T>>,
    len: usize,
}

#[derive(Debug)]
enum Ready<T> {
    Free(T),
    /// The head of this lane may go. Stands at most once a lane.
    Head(Lane),
}

#[derive(Debug)]
struct Waiting<T> {
    items: VecDeque<T>,
    /// How many of the lane are handed over and unsettled.
    out: usize,
    held: bool,
    /// Whether `ready` names the lane.
    listed: bool,
}

impl<T> Lanes<T> {
    /// An empty buffer that hands over runs of at most `per_lane` items of one lane, at least 1.
    pub fn new(per_lane: usize) -> Self {
        Self {
            longest_run: per_lane.max(1),
            ready: VecDeque::new(),
            by_lane: HashMap::new(),
            len: 0,
        }
    }

    /// How many items wait, held lanes included.
    pub fn len(&self) -> usize {
        self.len
    }

    /// Whether none waits.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Whether something may be handed over now.
    pub fn is_ready(&self) -> bool {
        !self.ready.is_empty()
    }

    /// Adds an item behind the others of its lane.
    pub fn push(&mut self, lane: Option<&Lane>, item: T) {
        self.len += 1;
        match lane {
            None => self.ready.push_back(Ready::Free(item)),
            Some(lane) => {
                let waiting = waiting(&mut self.by_lane, lane);
                waiting.items.push_back(item);
                waiting.list(lane, &mut self.ready);
            }
        }
    }

    /// Puts an item that was out back before the others of its lane, which then has one less out.
    pub fn put_back(&mut self, lane: &Lane, item: T) {
        self.len += 1;
        waiting(&mut self.by_lane, lane).items.push_front(item);
        self.settled(lane);
    }

    /// Hands over up to `max` items; those of one lane stand together, in order.
    pub fn take(&mut self, max: usize) -> Vec<T> {
        self.take_runs(max, self.longest_run)
    }

    /// As [`take`](Self::take), with runs of at most `per_lane`, for a buffer that several
    /// receivers share.
    pub fn take_runs(&mut self, max: usize, per_lane: usize) -> Vec<T> {
        let mut taken = Vec::new();
        while taken.len() < max {
            match self.ready.pop_front() {
                None => break,
                Some(Ready::Free(item)) => taken.push(item),
                Some(Ready::Head(lane)) => {
                    let room = max - taken.len();
                    let Some(waiting) = self.by_lane.get_mut(&lane) else {
                        continue;
                    };
                    waiting.listed = false;
                    if waiting.out > 0 || waiting.held {
                        continue;
                    }
                    let run = waiting.items.len().min(per_lane.max(1)).min(room);
                    taken.extend(waiting.items.drain(..run));
                    waiting.out += run;
                    if run == 0 {
                        self.by_lane.remove(&lane);
                    }
                }
            }
        }
        self.len -= taken.len();
        taken
    }

    /// One item of the lane that was out is settled; with the last of them the lane goes on, and
    /// the answer is true.
    pub fn settled(&mut self, lane: &Lane) -> bool {
        let settled = |waiting: &mut Waiting<T>| {
            waiting.out = waiting.out.saturating_sub(1);
            waiting.out == 0
        };
        self.change(lane, settled).unwrap_or(true)
    }

    /// How many of the lane are handed over and unsettled.
    pub fn out(&self, lane: &Lane) -> usize {
        self.by_lane.get(lane).map_or(0, |waiting| waiting.out)
    }

    /// Hands over nothing of the lane until [`resume`](Self::resume).
    pub fn hold(&mut self, lane: &Lane) {
        waiting(&mut self.by_lane, lane).held = true;
    }

    /// Ends a [`hold`](Self::hold).
    pub fn resume(&mut self, lane: &Lane) {
        self.change(lane, |waiting| waiting.held = false);
    }

    /// Takes out what waits in a lane, in order; what is out of it stays counted.
    pub fn drain_lane(&mut self, lane: &Lane) -> Vec<T> {
        let drained = self.change(lane, |waiting| waiting.items.drain(..).collect());
        let drained: Vec<T> = drained.unwrap_or_default();
        self.len -= drained.len();
        drained
    }

    /// Takes out the items for which `gone` holds, wherever they wait.
    pub fn extract(&mut self, mut gone: impl FnMut(&T) -> bool) -> Vec<T> {
        let mut extracted = Vec::new();
        for entry in std::mem::take(&mut self.ready) {
            match entry {
                Ready::Free(item) if gone(&item) => extracted.push(item),
                kept => self.ready.push_back(kept),
            }
        }
        let lanes: Vec<Lane> = self.by_lane.keys().cloned().collect();
        for lane in lanes {
            self.change(&lane, |waiting| {
                for item in std::mem::take(&mut waiting.items) {
                    if gone(&item) {
                        extracted.push(item);
                    } else {
                        waiting.items.push_back(item);
                    }
                }
            });
        }
        self.len -= extracted.len();
        extracted
    }

    /// Changes a lane, lists its head where that may go now, and forgets it where nothing is left.
    fn change<R>(&mut self, lane: &Lane, change: impl FnOnce(&mut Waiting<T>) -> R) -> Option<R> {
        let waiting = self.by_lane.get_mut(lane)?;
        let answer = change(waiting);
        waiting.list(lane, &mut self.ready);
        if waiting.is_over() {
            self.by_lane.remove(lane);
        }
        Some(answer)
    }
}

impl<T> Waiting<T> {
    /// Lists the head, where it may go and is not listed yet.
    fn list(&mut self, lane: &Lane, ready: &mut VecDeque<Ready<T>>) {
        let free = self.out == 0 && !self.held && !self.items.is_empty();
        if free && !self.listed {
            self.listed = true;
            ready.push_back(Ready::Head(lane.clone()));
        }
    }

    fn is_over(&self) -> bool {
        self.items.is_empty() && self.out == 0 && !self.held && !self.listed
    }
}

fn waiting<'a, T>(by_lane: &'a mut HashMap<Lane, Waiting<T>>, lane: &Lane) -> &'a mut Waiting<T> {
    by_lane.entry(lane.clone()).or_insert_with(|| Waiting {
        items: VecDeque::new(),
        out: 0,
        held: false,
        listed: false,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lane(name: &'static str) -> Lane {
        Lane::new(name)
    }

    fn filled(per_lane: usize) -> Lanes<&'static str> {
        let mut lanes = Lanes::new(per_lane);
        for (name, item) in [("a", "a1"), ("a", "a2"), ("b", "b1"), ("a", "a3")] {
            lanes.push(Some(&lane(name)), item);
        }
        lanes.push(None, "free");
        lanes
    }

    #[test]
    fn a_lane_has_one_out_until_it_is_settled() {
        let mut lanes = filled(1);
        assert_eq!(lanes.take(9), ["a1", "b1", "free"]);
        assert!(lanes.take(9).is_empty());
        lanes.settled(&lane("a"));
        assert_eq!(lanes.take(9), ["a2"]);
        assert_eq!(lanes.len(), 1);
    }

    #[test]
    fn a_run_is_contiguous_and_bounded() {
        let mut lanes = filled(2);
        assert_eq!(lanes.take(9), ["a1", "a2", "b1", "free"]);
        lanes.settled(&lane("a"));
        assert!(lanes.take(9).is_empty());
        lanes.settled(&lane("a"));
        assert_eq!(lanes.take(9), ["a3"]);
    }

    #[test]
    fn receivers_of_one_buffer_have_each_their_own_longest_run() {
        let mut lanes = filled(1);
        assert_eq!(lanes.take_runs(9, 3), ["a1", "a2", "a3", "b1", "free"]);
    }

    #[test]
    fn no_more_are_taken_than_asked_for() {
        let mut lanes = filled(8);
        assert_eq!(lanes.take(2), ["a1", "a2"]);
        assert_eq!(lanes.take(1), ["b1"]);
        assert_eq!(lanes.take(0), [""; 0]);
    }

    #[test]
    fn what_is_put_back_goes_first_in_its_lane() {
        let mut lanes = filled(1);
        let first = lanes.take(1);
        lanes.put_back(&lane("a"), first[0]);
        assert_eq!(lanes.take(9), ["b1", "free", "a1"]);
    }

    #[test]
    fn a_held_lane_holds_back_no_other() {
        let mut lanes = filled(1);
        lanes.hold(&lane("a"));
        assert_eq!(lanes.take(9), ["b1", "free"]);
        lanes.resume(&lane("a"));
        assert_eq!(lanes.take(9), ["a1"]);
    }

    #[test]
    fn a_drained_lane_keeps_count_of_what_is_out() {
        let mut lanes = filled(1);
        lanes.take(1);
        assert_eq!(lanes.drain_lane(&lane("a")), ["a2", "a3"]);
        assert_eq!(lanes.out(&lane("a")), 1);
        lanes.push(Some(&lane("a")), "a4");
        assert_eq!(lanes.take(9), ["b1", "free"]);
        lanes.settled(&lane("a"));
        assert_eq!(lanes.take(9), ["a4"]);
    }

    #[test]
    fn what_is_extracted_is_gone_wherever_it_waited() {
        let mut lanes = filled(1);
        let mut gone = lanes.extract(|item| item.ends_with('1') || *item == "free");
        gone.sort_unstable();
        assert_eq!(gone, ["a1", "b1", "free"]);
        assert_eq!(lanes.take(9), ["a2"]);
        assert_eq!(lanes.len(), 1);
    }

    #[test]
    fn lanes_that_are_done_are_forgotten() {
        let mut lanes = filled(1);
        while !lanes.is_empty() {
            lanes.take(9);
            lanes.settled(&lane("a"));
            lanes.settled(&lane("b"));
        }
        lanes.settled(&lane("a"));
        assert!(lanes.by_lane.is_empty());
    }
}
