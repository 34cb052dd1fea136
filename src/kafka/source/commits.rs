use std::collections::VecDeque;
use std::sync::{Arc, mpsc};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use rdkafka::TopicPartitionList;
use rdkafka::consumer::{BaseConsumer, CommitMode, Consumer as _};
use rdkafka::error::KafkaResult;
use rdkafka::topic_partition_list::Offset;
use tokio::time::Instant;

use super::driver::Driver;
use super::group::{Event, Group};
use super::place::Place;
use super::shared::Shared;
use super::state::Finished;
use crate::contract::later;
use crate::kafka::error;
use crate::kafka::failure::operation_error;
use crate::telemetry::{Outcome, SettleSpan};

/// How long after a commit that failed it is made again, where somebody waits for it.
const RETRY: Duration = Duration::from_millis(100);

/// A thread that commits, so that the one that polls never waits for a coordinator: rdkafka 0.39
/// does not tell how an asynchronous commit went, and a synchronous one blocks.
pub(super) struct Committer {
    requests: mpsc::Sender<TopicPartitionList>,
    thread: JoinHandle<()>,
}

impl Committer {
    pub(super) fn start(
        consumer: &Arc<BaseConsumer<Group>>,
        shared: &Arc<Shared>,
    ) -> std::io::Result<Self> {
        let (requests, requested) = mpsc::channel::<TopicPartitionList>();
        let (consumer, shared) = (Arc::clone(consumer), Arc::clone(shared));
        let thread = thread::Builder::new()
            .name("tracehop-commit".to_owned())
            .spawn(move || {
                for positions in requested {
                    let result = consumer.commit(&positions, CommitMode::Sync);
                    consumer.context().add(Event::Committed(result));
                    shared.stir();
                }
            })?;
        Ok(Self { requests, thread })
    }

    /// Ends the thread; waits for it where it is `idle`.
    pub(super) fn end(self, idle: bool) {
        drop(self.requests);
        if idle {
            // Its only call is into librdkafka.
            let _ = self.thread.join();
        }
    }
}

/// When positions are committed, and which commits are under way.
pub(super) struct Commits {
    interval: Duration,
    due: Instant,
    committer: Committer,
    /// In the order in which they were sent, which is that of their answers.
    under_way: VecDeque<Commit>,
    /// How the last one failed.
    failed: Option<Failed>,
}

struct Failed {
    at: Instant,
    /// No other try will fare better.
    for_good: bool,
}

struct Commit {
    positions: Vec<(Place, i64)>,
    finished: Finished,
    span: SettleSpan,
}

impl Commits {
    pub(super) fn new(interval: Duration, committer: Committer) -> Self {
        Self {
            interval,
            due: later(Instant::now(), interval),
            committer,
            under_way: VecDeque::new(),
            failed: None,
        }
    }

    /// Whether the broker has answered all of them.
    fn are_answered(&self) -> bool {
        self.under_way.is_empty()
    }

    /// No more is committed.
    pub(super) fn end(self) {
        self.committer.end(self.under_way.is_empty());
    }
}

impl Driver {
    /// Commits where the interval is over and something has changed.
    pub(super) fn commit_when_due(&mut self) {
        let now = Instant::now();
        if self.commits.due <= now && self.commits.are_answered() {
            self.commits.due = later(now, self.commits.interval);
            self.commit(None);
        }
    }

    /// Commits everything, and waits for that as long as whoever closes the source does.
    pub(super) fn commit_all(&mut self) {
        loop {
            let until = self.shared.lock().closes_until();
            if until.is_none_or(|until| self.commits_until(None, until)) {
                return;
            }
            thread::park_timeout(RETRY);
            self.serve();
            self.rebalance();
        }
    }

    /// Commits these partitions, or everything, and says whether that is over: because the broker
    /// has it, or will not take it, or because it is `until`. What fails is tried again: in the
    /// middle of a rebalance a coordinator takes no commit of a member that has not heard of its
    /// new generation.
    pub(super) fn commits_until(&mut self, of: Option<&[Place]>, until: Instant) -> bool {
        let now = Instant::now();
        if until <= now {
            return true;
        }
        if !self.commits.are_answered() {
            return false;
        }
        match &self.commits.failed {
            Some(failed) if failed.for_good => return true,
            Some(failed) if failed.at + RETRY > now => return false,
            _ => {}
        }
        self.commit(of);
        self.commits.are_answered()
    }

    /// Takes the answer to a commit.
    pub(super) fn committed(&mut self, result: &KafkaResult<()>) {
        let Some(commit) = self.commits.under_way.pop_front() else {
            return;
        };
        match result {
            Ok(()) => {
                self.commits.failed = None;
                let mut state = self.shared.lock();
                for (place, position) in commit.positions {
                    state.committed(place, position);
                }
            }
            // The next commit says the same again, or the next member begins further back.
            Err(error) => {
                if self.commits.failed.is_none() {
                    tracing::warn!(%error, "a commit failed");
                }
                self.commits.failed = Some(Failed {
                    at: Instant::now(),
                    for_good: error::is_refused(error),
                });
                self.shared.lock().not_committed(commit.finished);
            }
        }
        commit
            .span
            .end(&Outcome::of(result.as_ref().map_err(operation_error)));
    }

    fn commit(&mut self, of: Option<&[Place]>) {
        let mut state = self.shared.lock();
        let positions = state.uncommitted(of);
        if positions.is_empty() {
            return;
        }
        let finished = state.finished();
        drop(state);
        let mut list = TopicPartitionList::with_capacity(positions.len());
        for (place, position) in &positions {
            let topic = &self.shared.reader.destination(place.topic).name;
            let mut element = list.add_partition(topic, place.partition);
            // It refuses only what is negative, which no position is.
            let _ = element.set_offset(Offset::Offset(*position));
        }
        let span = self.shared.reader.commit(&finished);
        // The thread ends after this one has stopped committing.
        if self.commits.committer.requests.send(list).is_ok() {
            self.commits.under_way.push_back(Commit {
                positions,
                finished,
                span,
            });
        }
    }
}
