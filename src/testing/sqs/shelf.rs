//! Where the messages of a queue stand: visible, delayed or in flight, and until when.
//!
//! Every operation is O(log n) a message, however many wait. The time is told by the caller.

use std::collections::{BTreeSet, HashMap, VecDeque};
use std::sync::Arc;

use tokio::time::Instant;

use super::message::Message;
use super::order::{Groups, Order};

#[derive(Debug)]
pub(super) struct Shelf {
    entries: HashMap<u64, Entry>,
    order: Order,
    /// When a hidden message becomes visible.
    alarms: BTreeSet<(Instant, u64)>,
    next_position: u64,
    in_flight: usize,
}

/// A message on the shelf.
#[derive(Debug)]
pub(super) struct Entry {
    pub(super) message: Arc<Message>,
    /// Retention counts from here.
    pub(super) enqueued: Instant,
    pub(super) receives: u32,
    pub(super) first_received: Option<Instant>,
    /// The attempt id of the receive that holds it, until its visibility changes.
    pub(super) attempt: Option<String>,
    state: State,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Visible,
    Delayed { until: Instant },
    InFlight { until: Instant, since: Instant },
}

/// How many messages a queue holds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Depth {
    /// Messages that a receive could give, and those behind them in their FIFO group.
    pub visible: usize,
    /// Messages that were received, not deleted, and are hidden until their visibility timeout.
    pub in_flight: usize,
    /// Messages that were sent with a delay that is not over.
    pub delayed: usize,
}

impl Shelf {
    pub(super) fn new(fifo: bool) -> Self {
        Self {
            entries: HashMap::new(),
            order: if fifo {
                Order::Fifo(Groups::default())
            } else {
                Order::Standard(VecDeque::new())
            },
            alarms: BTreeSet::new(),
            next_position: 0,
            in_flight: 0,
        }
    }

    /// Puts a message at the end, visible from then on.
    pub(super) fn put(&mut self, entry: Entry, visible_at: Instant, now: Instant) {
        let position = self.next_position;
        self.next_position += 1;
        self.order.add(position, entry.message.group.as_ref());
        self.entries.insert(position, entry);
        self.change(position, State::Delayed { until: visible_at });
        self.wake_up(now);
    }

    /// The positions of up to `most` visible messages, each to be leased or removed at once.
    pub(super) fn take(&mut self, most: usize) -> Vec<u64> {
        self.order.take(most)
    }

    /// Gives a taken message out until then, and counts the receive.
    pub(super) fn lease(
        &mut self,
        position: u64,
        until: Instant,
        now: Instant,
    ) -> Option<&mut Entry> {
        let entry = self.change(position, State::InFlight { until, since: now })?;
        entry.receives += 1;
        entry.first_received.get_or_insert(now);
        Some(entry)
    }

    /// Moves the end of a lease.
    pub(super) fn extend(&mut self, position: u64, until: Instant) -> Option<&mut Entry> {
        let since = self.entries.get(&position)?.leased_since()?;
        self.change(position, State::InFlight { until, since })
    }

    pub(super) fn remove(&mut self, position: u64) -> Option<Entry> {
        self.change(position, State::Visible)?;
        let entry = self.entries.remove(&position)?;
        self.order.remove(position, entry.message.group.as_ref());
        Some(entry)
    }

    pub(super) fn get(&self, position: u64) -> Option<&Entry> {
        self.entries.get(&position)
    }

    /// Above every position that was ever given.
    pub(super) fn next_position(&self) -> u64 {
        self.next_position
    }

    /// Shows every message whose time has come.
    pub(super) fn wake_up(&mut self, now: Instant) {
        while let Some((at, position)) = self.alarms.first().copied()
            && at <= now
        {
            if let Some(entry) = self.change(position, State::Visible) {
                let group = entry.message.group.clone();
                self.order.show(position, group.as_ref());
            }
        }
    }

    /// When the next hidden message becomes visible.
    pub(super) fn next_alarm(&self) -> Option<Instant> {
        self.alarms.first().map(|(at, _)| *at)
    }

    pub(super) fn clear(&mut self) {
        self.entries.clear();
        self.order.clear();
        self.alarms.clear();
        self.in_flight = 0;
    }

    pub(super) fn depth(&self) -> Depth {
        Depth {
            visible: self.entries.len() - self.alarms.len(),
            in_flight: self.in_flight,
            delayed: self.alarms.len() - self.in_flight,
        }
    }

    /// Changes a message's state, and its alarm and the counts with it.
    fn change(&mut self, position: u64, state: State) -> Option<&mut Entry> {
        let entry = self.entries.get_mut(&position)?;
        entry.attempt = None;
        let before = std::mem::replace(&mut entry.state, state);
        if let Some(until) = before.hidden_until() {
            self.alarms.remove(&(until, position));
        }
        if let Some(until) = state.hidden_until() {
            self.alarms.insert((until, position));
        }
        self.in_flight -= usize::from(before.is_in_flight());
        self.in_flight += usize::from(state.is_in_flight());
        Some(entry)
    }
}

impl Entry {
    pub(super) fn new(message: Message, now: Instant) -> Self {
        Self {
            message: Arc::new(message),
            enqueued: now,
            receives: 0,
            first_received: None,
            attempt: None,
            state: State::Visible,
        }
    }

    /// When the receive was that holds the message now.
    pub(super) fn leased_since(&self) -> Option<Instant> {
        match self.state {
            State::InFlight { since, .. } => Some(since),
            State::Visible | State::Delayed { .. } => None,
        }
    }
}

impl State {
    fn hidden_until(self) -> Option<Instant> {
        match self {
            Self::Visible => None,
            Self::Delayed { until } | Self::InFlight { until, .. } => Some(until),
        }
    }

    fn is_in_flight(self) -> bool {
        matches!(self, Self::InFlight { .. })
    }
}
