use std::sync::Arc;
use std::time::Duration;

use opentelemetry::Context;
use tokio::task::JoinSet;
use tokio::time::Instant;

use super::dead_letter::DeadLetters;
use super::delivery::Reader;
use super::polls::Wait;
use super::receipt::{Answer, Change, Grant, Id};
use super::requests::Requests;
use super::state::State;
use super::work::{DeadLetter, Work};
use crate::contract::{Delivery, Error, ErrorKind, Lane, Operation, Shared};
use crate::sqs::caught::caught;
use crate::telemetry::{
    MessageFacts, MessageLink, OperationError, Outcome, Puller, Receive, Started,
};

/// Polls, keeps leases alive and gets settlements to the broker: the only task that asks the
/// [`State`] what to do. Each request is a task of its own, so that answers are read in parallel;
/// dropping the driver aborts them. Their futures are boxed, because a task moves its future about
/// and the SDK's are some ten kilobytes.
pub(super) struct Driver {
    pub(super) shared: Arc<Shared<State>>,
    pub(super) requests: Requests,
    pub(super) reader: Arc<Reader>,
    pub(super) dead_letters: Option<Arc<DeadLetters>>,
    /// How long an idle receive waits.
    pub(super) wait: Duration,
    /// The ids of failed receives of a FIFO queue: repeated, they bring what SQS may have handed
    /// out already.
    pub(super) repeats: Vec<String>,
}

/// A request that is over.
#[derive(Debug)]
enum Done {
    Polled {
        attempt: Option<String>,
        started: Instant,
        brought: Result<Vec<(Grant, Delivery<()>)>, Error>,
    },
    Deleted(Vec<(Id, Answer)>, Option<Error>),
    Changed(Vec<(Change, Answer)>, Option<Error>, Instant),
    DeadLettered(Id, Option<Lane>, bool),
}

impl Driver {
    /// Runs until it is dropped.
    pub(super) async fn run(mut self) {
        let mut requests = JoinSet::new();
        loop {
            let (work, due) = self.look();
            for work in work {
                self.start(work, &mut requests);
            }
            tokio::select! {
                Some(done) = requests.join_next() => self.finish(done.ok()),
                () = self.shared.stirred(due) => {}
            }
            while let Some(done) = requests.try_join_next() {
                self.finish(done.ok());
            }
        }
    }

    fn look(&self) -> (Vec<Work>, Option<Instant>) {
        let now = Instant::now();
        self.shared
            .change(|state| (state.work(now), state.sleep(now)))
    }

    fn start(&mut self, work: Work, tasks: &mut JoinSet<Done>) {
        let requests = self.requests.clone();
        match work {
            Work::Poll(wait) => self.poll(wait, tasks),
            Work::Delete(deletes) => {
                tasks.spawn(Box::pin(async move {
                    let answered = caught(requests.delete(&deletes)).await;
                    let (answers, trouble) = answered.unwrap_or_else(|| failed(deletes.len()));
                    let ids = deletes.iter().map(|delete| delete.id);
                    Done::Deleted(ids.zip(answers).collect(), trouble)
                }));
            }
            Work::Change(changes) => {
                let sent = Instant::now();
                tasks.spawn(Box::pin(async move {
                    let answered = caught(requests.change(&changes)).await;
                    let (answers, trouble) = answered.unwrap_or_else(|| failed(changes.len()));
                    Done::Changed(changes.into_iter().zip(answers).collect(), trouble, sent)
                }));
            }
            Work::DeadLetter(letter) => self.dead_letter(letter, tasks),
        }
    }

    fn poll(&mut self, wait: Wait, tasks: &mut JoinSet<Done>) {
        let requests = self.requests.clone();
        let reader = Arc::clone(&self.reader);
        let wait = match wait {
            Wait::Long => self.wait,
            Wait::Short => self.wait.min(Duration::from_secs(1)),
        };
        let wait = i32::try_from(wait.as_secs()).unwrap_or_default();
        let attempt = self.reader.fifo.then(|| {
            let fresh = || format!("{:032x}", fastrand::u128(..));
            self.repeats.pop().unwrap_or_else(fresh)
        });
        tasks.spawn(Box::pin(async move {
            let started = Instant::now();
            let clock = Started::now();
            let polled = caught(async {
                let answer = requests.receive(wait, attempt.as_deref()).await;
                let brought = answer.map(|output| {
                    let messages = output.messages.unwrap_or_default();
                    messages
                        .into_iter()
                        .map(|message| reader.read(message))
                        .collect::<Vec<_>>()
                });
                record(&reader, clock, brought.as_deref());
                brought
            });
            let brought = polled.await.unwrap_or_else(|| {
                let (kind, detail) = (ErrorKind::Unavailable, "the receive panicked");
                let destination = &reader.destination;
                Err(Error::new(Operation::Receive, destination, kind, detail))
            });
            Done::Polled {
                attempt,
                started,
                brought,
            }
        }));
    }

    fn dead_letter(&self, letter: DeadLetter, tasks: &mut JoinSet<Done>) {
        let dead_letters = self.dead_letters.clone();
        let origin = Arc::clone(&self.reader.destination);
        tasks.spawn(Box::pin(async move {
            let arrived = match dead_letters {
                Some(dead_letters) => caught(dead_letters.send(&letter, &origin))
                    .await
                    .unwrap_or_default(),
                None => false,
            };
            Done::DeadLettered(letter.id, letter.lane, arrived)
        }));
    }

    fn finish(&mut self, done: Option<Done>) {
        let Some(done) = done else { return };
        let now = Instant::now();
        self.shared.change(|state| match done {
            Done::Polled {
                attempt,
                started,
                brought,
            } => match brought {
                Ok(brought) => state.arrived(brought, started, now),
                Err(error) => {
                    self.repeats.extend(attempt);
                    state.poll_failed(error, now);
                }
            },
            Done::Deleted(answers, trouble) => {
                state.settling(trouble);
                state.deleted(&answers, now);
            }
            Done::Changed(answers, trouble, sent) => {
                state.settling(trouble);
                state.changed(&answers, sent, now);
            }
            Done::DeadLettered(id, lane, arrived) => {
                state.dead_lettered(id, lane.as_ref(), arrived, now);
            }
        });
    }
}

/// No entry of a request was answered.
fn failed(count: usize) -> (Vec<Answer>, Option<Error>) {
    (vec![Answer::Failed; count], None)
}

/// Tells telemetry of a receive.
fn record(reader: &Reader, started: Started, brought: Result<&[(Grant, Delivery<()>)], &Error>) {
    let deliveries = brought.unwrap_or_default();
    let links: Vec<MessageLink<'_>> = deliveries
        .iter()
        .map(|(_, delivery)| MessageLink {
            creation: &delivery.context,
            facts: MessageFacts::of(&delivery.message, &delivery.attributes),
        })
        .collect();
    let receive = Receive {
        destination: &reader.destination,
        puller: Puller::Source,
        parent: &Context::new(),
        started,
        messages: &links,
        batch: true,
    };
    let outcome = Outcome::of(brought.map_err(OperationError::from));
    reader.instrumentation.received(&receive, &outcome);
}
