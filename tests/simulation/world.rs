use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard};

use fastrand::Rng;
use tokio::time::Instant;
use tracehop::worker::Incoming;

use crate::plan::Plan;

/// What happened so far, and what of it must not have.
#[derive(Clone)]
pub(crate) struct World(Arc<Mutex<State>>);

pub(crate) struct State {
    pub(crate) rng: Rng,
    pub(crate) violations: Vec<String>,
    pub(crate) journal: Option<Vec<String>>,
    started: Instant,
    /// What each delivery was answered with by its handler: message id and attempt.
    answers: BTreeMap<(String, u32), Answer>,
    /// The lanes in which a handler runs.
    busy: BTreeSet<String>,
    /// The last message of each lane whose first handling has begun.
    furthest: BTreeMap<String, u32>,
    handled: BTreeSet<String>,
    /// What was sent to each lane and is not settled for good, by number.
    unsettled: BTreeMap<String, BTreeSet<u32>>,
    /// The broker takes messages out of lanes by itself.
    buries: bool,
    pub(crate) succeeded: BTreeSet<String>,
    pub(crate) discarded: BTreeSet<String>,
    /// How many handlers, and processings within them, have begun.
    pub(crate) invocations: usize,
}

/// What a handler said of a delivery.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Answer {
    Success,
    Failure,
    Reject,
}

impl World {
    pub(crate) fn new(rng: Rng, plan: &Plan, keeps_journal: bool) -> Self {
        Self(Arc::new(Mutex::new(State {
            rng,
            violations: Vec::new(),
            journal: keeps_journal.then(Vec::new),
            started: Instant::now(),
            answers: BTreeMap::new(),
            busy: BTreeSet::new(),
            furthest: BTreeMap::new(),
            handled: BTreeSet::new(),
            unsettled: BTreeMap::new(),
            buries: plan.max_receives.is_some(),
            succeeded: BTreeSet::new(),
            discarded: BTreeSet::new(),
            invocations: 0,
        })))
    }

    pub(crate) fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap()
    }

    pub(crate) fn check(&self, holds: bool, otherwise: impl FnOnce() -> String) {
        if !holds {
            let at = self.lock().started.elapsed();
            self.check_last(false, || format!("after {at:?}: {}", otherwise()));
        }
    }

    /// A check when all is over, and with it the clock.
    pub(crate) fn check_last(&self, holds: bool, otherwise: impl FnOnce() -> String) {
        if !holds {
            let violation = otherwise();
            self.lock().violations.push(violation);
        }
    }

    /// Puts an event on record, where the record is kept.
    pub(crate) fn note(&self, event: impl FnOnce() -> String) {
        let mut state = self.lock();
        let at = state.started.elapsed().as_millis();
        if let Some(journal) = &mut state.journal {
            journal.push(format!("{at} {}", event()));
        }
    }

    /// A handler begins with these messages; it ends when the answer is dropped.
    pub(crate) fn begin(&self, messages: &[Incoming]) -> Handling {
        let mut lanes = BTreeSet::new();
        for message in messages {
            self.note(|| format!("handle {} attempt {}", id(message), message.attempt()));
            if let Some(lane) = lane(message) {
                lanes.insert(lane);
            }
            self.first(message);
            self.turn(message, messages);
            // What is not answered otherwise was cancelled, or has panicked.
            self.answer(message, Answer::Failure);
        }
        for lane in &lanes {
            let free = self.lock().busy.insert(lane.clone());
            self.check(free, || format!("two handlers at a time in lane {lane}"));
        }
        self.lock().invocations += 1;
        Handling {
            world: self.clone(),
            lanes,
        }
    }

    fn first(&self, message: &Incoming) {
        let first = self.lock().handled.insert(id(message));
        if let (true, Some(lane)) = (first, lane(message)) {
            let number = number(message);
            let before = self.lock().furthest.insert(lane.clone(), number);
            let in_order = before.is_none_or(|before| before < number);
            self.check(in_order, || {
                format!("lane {lane}: {number} began after {before:?}")
            });
        }
    }

    /// Before a message of a lane, all that were sent to it earlier are settled for good, but for
    /// those that are handled with it.
    fn turn(&self, message: &Incoming, together: &[Incoming]) {
        let Some(lane) = lane(message) else { return };
        let state = self.lock();
        let earlier = state
            .unsettled
            .get(&lane)
            .map(|lane| lane.range(..number(message)));
        let skipped = earlier.and_then(|mut earlier| {
            earlier.find(|earlier| together.iter().all(|message| number(message) != **earlier))
        });
        let (skipped, buries) = (skipped.copied(), state.buries);
        drop(state);
        self.check(skipped.is_none() || buries, || {
            format!("lane {lane}: {} came before {skipped:?}", number(message))
        });
    }

    /// A message is about to be sent to a lane.
    pub(crate) fn sent(&self, lane: &str, number: u32) {
        let mut state = self.lock();
        let unsettled = state.unsettled.entry(lane.to_owned()).or_default();
        unsettled.insert(number);
    }

    /// A message is settled for good.
    pub(crate) fn settled(&self, id: &str) {
        let number = id.trim_start_matches('m').parse().unwrap();
        for lane in self.lock().unsettled.values_mut() {
            lane.remove(&number);
        }
    }

    pub(crate) fn answer(&self, message: &Incoming, answer: Answer) {
        let mut state = self.lock();
        if answer == Answer::Success {
            state.succeeded.insert(id(message));
        }
        state
            .answers
            .insert((id(message), message.attempt()), answer);
    }

    pub(crate) fn answered(&self, id: &str, attempt: u32) -> Option<Answer> {
        self.lock().answers.get(&(id.to_owned(), attempt)).copied()
    }
}

/// A handler that runs.
pub(crate) struct Handling {
    world: World,
    lanes: BTreeSet<String>,
}

impl Drop for Handling {
    fn drop(&mut self) {
        let mut state = self.world.lock();
        for lane in &self.lanes {
            state.busy.remove(lane);
        }
    }
}

fn id(message: &Incoming) -> String {
    message.id().unwrap().to_owned()
}

fn number(message: &Incoming) -> u32 {
    message.text().unwrap().parse().unwrap()
}

fn lane(message: &Incoming) -> Option<String> {
    let name = message.lane()?.name();
    Some(String::from_utf8(name.to_vec()).unwrap())
}
