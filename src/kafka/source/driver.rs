use std::collections::HashMap;
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use rdkafka::consumer::{BaseConsumer, Consumer as _};
use rdkafka::error::KafkaError;
use tokio::sync::oneshot;
use tokio::time::Instant;

use super::builder::Settings;
use super::commits::{Commits, Committer};
use super::fetcher::Fetcher;
use super::group::{Event, Group};
use super::place::Place;
use super::rebalance::Revoking;
use super::shared::Shared;
use super::trouble::Troubles;
use crate::contract::{Error, Knowledge as _, Operation, Result};
use crate::kafka::error::{self, failure};
use crate::telemetry::Started;

/// How often the thread looks around though nothing wakes it.
const LONGEST_PARK: Duration = Duration::from_millis(100);
/// How many records are fetched from a partition at a time.
const CHUNK: usize = 128;
/// How long joining the group may take before the source is open without it, and unready.
const JOIN: Duration = Duration::from_secs(10);
/// How long a last commit is waited for where nobody gives it longer: before a partition is given
/// away, and of a source that is closed or dropped.
pub(super) const LAST_COMMIT: Duration = Duration::from_secs(5);

/// What runs in the thread of a source: polls, takes part in rebalances, fetches and commits. It
/// alone talks to Kafka, and never waits for a handler.
pub(super) struct Driver {
    pub(super) consumer: Arc<BaseConsumer<Group>>,
    pub(super) shared: Arc<Shared>,
    pub(super) settings: Settings,
    pub(super) fetchers: HashMap<Place, Fetcher>,
    /// How many assignments there have been.
    pub(super) epoch: u64,
    pub(super) revoking: Option<Revoking>,
    pub(super) commits: Commits,
    pub(super) troubles: Troubles,
    opening: Option<Opening>,
}

/// Somebody waits for the source to be open.
pub(super) struct Opening {
    opened: oneshot::Sender<Result<()>>,
    until: Instant,
}

impl Opening {
    pub(super) fn new(opened: oneshot::Sender<Result<()>>) -> Self {
        Self {
            opened,
            until: Instant::now() + JOIN,
        }
    }
}

impl Driver {
    pub(super) fn new(
        consumer: Arc<BaseConsumer<Group>>,
        shared: Arc<Shared>,
        settings: Settings,
        committer: Committer,
        opening: Opening,
    ) -> Self {
        Self {
            consumer,
            shared,
            commits: Commits::new(settings.commit, committer),
            settings,
            fetchers: HashMap::new(),
            epoch: 0,
            revoking: None,
            troubles: Troubles::default(),
            opening: Some(opening),
        }
    }

    /// Runs until the source is closed, and then leaves the group.
    pub(super) fn run(mut self) {
        while !self.shared.lock().is_closing() {
            self.serve();
            self.rebalance();
            let fetched = self.fetch();
            self.commit_when_due();
            self.probe();
            let due = self.shared.advance();
            if !fetched {
                let now = Instant::now();
                let early = self.fetchers.values().filter_map(Fetcher::due);
                let due = early.chain(due).min().unwrap_or(now + LONGEST_PARK);
                thread::park_timeout((due - now).min(LONGEST_PARK));
            }
        }
        self.leave();
    }

    /// Serves the callbacks of librdkafka.
    pub(super) fn serve(&mut self) {
        loop {
            // Records come through the queues of their partitions, split off before the first.
            let polled = self.consumer.poll(Duration::ZERO).map(Result::err);
            let fatal = matches!(
                polled.flatten(),
                Some(KafkaError::MessageConsumptionFatal(_))
            );
            let mut served = false;
            while let Some(event) = self.consumer.context().next() {
                served = true;
                self.heed(event, fatal);
            }
            if !served {
                return;
            }
        }
    }

    fn heed(&mut self, event: Event, fatal: bool) {
        match event {
            Event::Assigned(partitions) => {
                self.assigned(&partitions);
                self.opened(Ok(()));
            }
            Event::Revoked { partitions, lost } => self.revoked(partitions, lost),
            Event::Committed(result) => self.committed(&result),
            Event::Trouble(error, reason) => {
                let main = &self.shared.reader.main;
                let refused = error::is_refused(&error);
                if fatal {
                    let failure = failure(Operation::Receive, main, &error, Some(&reason));
                    self.fail(failure);
                } else if refused && self.opening.is_some() {
                    let failure = failure(Operation::Open, main, &error, Some(&reason));
                    self.opened(Err(failure));
                } else {
                    self.troubled(&error, &reason);
                }
            }
        }
    }

    /// Fetches what there is room for; says whether that was anything.
    fn fetch(&mut self) -> bool {
        let rooms = self.shared.lock().rooms();
        let mut any = false;
        for (assignment, room) in rooms {
            let Some(fetcher) = self.fetchers.get_mut(&assignment.place) else {
                continue;
            };
            let started = Started::now();
            let reader = &self.shared.reader;
            let mut fetched = fetcher.fetch(reader, &assignment, room.min(CHUNK));
            if !fetched.is_empty() {
                any = true;
                reader.record(started, assignment.place.topic, &mut fetched);
                self.shared.change(|state| state.arrived(fetched));
            }
        }
        any
    }

    /// Ends what waits for the source to be open.
    pub(super) fn opened(&mut self, result: Result<()>) {
        if let Some(opening) = self.opening.take() {
            // Nobody waits any more: whoever gave up has closed the source.
            let _ = opening.opened.send(result);
        }
    }

    /// A source that is not in its group in time is open, and unready.
    fn open_all_the_same(&mut self) {
        if self
            .opening
            .as_ref()
            .is_some_and(|opening| opening.until <= Instant::now())
        {
            self.opened(Ok(()));
        }
    }

    /// The source cannot go on.
    pub(super) fn fail(&mut self, error: Error) {
        self.opened(Err(error.clone()));
        self.shared.change(|state| state.fail(error));
    }

    fn probe(&mut self) {
        self.open_all_the_same();
        self.look_into_trouble();
    }

    /// Commits once more, and leaves the group.
    fn leave(mut self) {
        self.commit_all();
        self.shared.change(|state| {
            let places = state.places();
            let unflushed = state.uncommitted(None).len();
            state.left(unflushed);
            state.unassigned(&places);
        });
        self.fetchers.clear();
        // What is revoked from here on is given away at once, while the consumer closes.
        self.consumer.context().leave();
        self.commits.end();
        drop(self.consumer);
    }
}
