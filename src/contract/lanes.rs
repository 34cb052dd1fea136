mod line;

use std::collections::VecDeque;

use bytes::Bytes;
use hashbrown::HashMap;

use self::line::Line;

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

impl From<&Self> for Lane {
    fn from(lane: &Self) -> Self {
        lane.clone()
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
    items: Line<T>,
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
        match lane {
            None => {
                self.len += 1;
                self.ready.push_back(Ready::Free(item));
            }
            Some(lane) => self.extend(lane, [item]),
        }
    }

    /// Adds items behind the others of their lane, in order.
    pub fn extend(&mut self, lane: &Lane, items: impl IntoIterator<Item = T>) {
        let waiting = waiting(&mut self.by_lane, lane);
        for item in items {
            self.len += 1;
            waiting.items.push_back(item);
        }
        waiting.list(lane, &mut self.ready);
        if waiting.is_over() {
            self.by_lane.remove(lane);
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
            let room = max - taken.len();
            match self.ready.pop_front() {
                None => break,
                Some(Ready::Free(item)) => taken.push(item),
                Some(Ready::Head(lane)) => {
                    let run = per_lane.max(1).min(room);
                    self.head(&lane, run, |item| taken.push(item));
                }
            }
        }
        self.len -= taken.len();
        taken
    }

    /// Hands over one item, as [`take`](Self::take) does.
    pub fn pop(&mut self) -> Option<T> {
        let mut taken = None;
        while taken.is_none() {
            match self.ready.pop_front()? {
                Ready::Free(item) => taken = Some(item),
                Ready::Head(lane) => self.head(&lane, 1, |item| taken = Some(item)),
            }
        }
        self.len -= 1;
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
        let drain =
            |waiting: &mut Waiting<T>| std::iter::from_fn(|| waiting.items.pop_front()).collect();
        let drained: Vec<T> = self.change(lane, drain).unwrap_or_default();
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
                let mut items = std::mem::replace(&mut waiting.items, Line::new());
                while let Some(item) = items.pop_front() {
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

    /// Gives up to `run` items of a lane that was listed, and is not any more; none where it may not
    /// go.
    fn head(&mut self, lane: &Lane, run: usize, mut give: impl FnMut(T)) {
        let Some(waiting) = self.by_lane.get_mut(lane) else {
            return;
        };
        waiting.listed = false;
        if waiting.out == 0 && !waiting.held {
            while waiting.out < run
                && let Some(item) = waiting.items.pop_front()
            {
                waiting.out += 1;
                give(item);
            }
        }
        if waiting.is_over() {
            self.by_lane.remove(lane);
        }
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
    by_lane.entry_ref(lane).or_insert_with(|| Waiting {
        items: Line::new(),
        out: 0,
        held: false,
        listed: false,
    })
}

#[cfg(test)]
mod tests;
