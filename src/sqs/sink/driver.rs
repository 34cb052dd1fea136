use std::sync::Arc;
use std::time::Duration;

use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tokio::time::Instant;

use super::batch::Batches;
use super::builder::Settings;
use super::groups::{Groups, Guarded, Stop};
use super::outgoing::Pending;
use super::request::{Outcomes, Requests};
use crate::contract::{Error, ErrorKind, Lane, Operation, Result, Sent};
use crate::sqs::caught::caught;
use crate::sqs::retry;
use crate::sqs::source::gather::BATCH;
use crate::telemetry::{MessageFacts, Outcome};

/// How many messages the driver sorts at a time; the rest waits in line.
const SORTED: usize = 100;

/// How often an entry that SQS could not take for the moment is sent.
const TRIES: u32 = 3;

/// Sends what is enqueued, until all of it is sent and the sink is gone.
pub(super) struct Driver {
    requests: Requests,
    line: mpsc::Receiver<Pending>,
    batches: Batches<Pending>,
    groups: Groups,
    tasks: JoinSet<Done>,
    gather: bool,
    most: usize,
    flying: usize,
}

enum Done {
    Sent(Vec<Outcomes>),
    /// The request panicked. Whoever waits for its messages is told by their end; these are their
    /// lanes.
    Lost(Vec<Lane>),
    /// An entry has waited long enough to be sent again.
    Again(Box<Pending>),
}

impl Driver {
    pub(super) fn new(
        requests: Requests,
        settings: &Settings,
        line: mpsc::Receiver<Pending>,
    ) -> Self {
        let size = if settings.gather { BATCH } else { 1 };
        let linger = if settings.gather {
            settings.linger
        } else {
            Duration::ZERO
        };
        Self {
            requests,
            line,
            batches: Batches::new(size, linger),
            groups: Groups::default(),
            tasks: JoinSet::new(),
            gather: settings.gather,
            most: settings.requests,
            flying: 0,
        }
    }

    pub(super) async fn run(mut self) {
        let mut open = true;
        while open || self.batches.len() > 0 || !self.tasks.is_empty() {
            self.send(!open);
            let due = self.batches.due().filter(|_| self.flying < self.most);
            tokio::select! {
                next = self.line.recv(), if open && self.batches.len() < SORTED => match next {
                    Some(pending) => self.push(pending),
                    None => open = false,
                },
                Some(done) = self.tasks.join_next() => {
                    if let Ok(done) = done {
                        self.finish(done);
                    }
                }
                () = sleep_until(due) => {}
            }
            while open && self.batches.len() < SORTED {
                let Ok(pending) = self.line.try_recv() else {
                    break;
                };
                self.push(pending);
            }
        }
    }

    fn push(&mut self, pending: Pending) {
        let stopped = pending
            .lane
            .as_ref()
            .and_then(|lane| self.groups.stopped(lane));
        if let Some(stop) = stopped {
            let error = self.behind_a_failure();
            answer(pending, Err(error), Some(stop));
            return;
        }
        let lane = pending.lane.clone();
        let bytes = pending.bytes();
        self.batches
            .push(lane.as_ref(), bytes, pending, Instant::now());
    }

    fn send(&mut self, flush: bool) {
        while self.flying < self.most {
            let Some(mut batch) = self.batches.next(Instant::now(), flush) else {
                break;
            };
            self.flying += 1;
            let requests = self.requests.clone();
            let alone = (!self.gather).then(|| batch.pop()).flatten();
            let waiting = alone.iter().chain(&batch);
            let lanes = waiting.filter_map(|pending| pending.lane.clone()).collect();
            self.tasks.spawn(async move {
                let sent = caught(async {
                    match alone {
                        Some(pending) => vec![requests.send_one(pending).await],
                        None => requests.send_batch(batch).await,
                    }
                });
                sent.await.map_or(Done::Lost(lanes), Done::Sent)
            });
        }
    }

    fn finish(&mut self, done: Done) {
        match done {
            Done::Again(pending) => {
                let lane = pending.lane.clone();
                self.batches.again(lane.as_ref(), pending.bytes(), *pending);
            }
            Done::Lost(lanes) => {
                self.flying -= 1;
                for lane in lanes {
                    self.batches.settled(&lane);
                }
            }
            Done::Sent(outcomes) => {
                self.flying -= 1;
                for outcome in outcomes {
                    self.sent(outcome);
                }
            }
        }
    }

    fn sent(&mut self, outcome: Outcomes) {
        let Outcomes {
            mut pending,
            result,
            again,
        } = outcome;
        pending.tries += 1;
        if again && pending.tries < TRIES {
            let wait = retry::backoff(pending.tries);
            self.tasks.spawn(async move {
                tokio::time::sleep(wait).await;
                Done::Again(Box::new(pending))
            });
            return;
        }
        let Some(lane) = pending.lane.clone() else {
            answer(pending, result, None);
            return;
        };
        let stop = result.is_err().then(|| self.groups.stop(&lane));
        let behind = match stop {
            Some(_) => self.batches.drain(&lane),
            None => Vec::new(),
        };
        answer(pending, result, stop.clone());
        for pending in behind {
            answer(pending, Err(self.behind_a_failure()), stop.clone());
        }
        self.batches.settled(&lane);
    }

    fn behind_a_failure(&self) -> Error {
        let detail = "not sent, because a message before it in its group failed";
        let destination = &self.requests.encoder.destination;
        Error::new(Operation::Send, destination, ErrorKind::Unavailable, detail)
    }
}

/// Ends the create span of a message with what became of it, and answers whoever still waits.
fn answer(pending: Pending, result: Result<Sent>, stop: Option<Arc<Stop>>) {
    if let Some(span) = pending.created.and_then(|created| created.span) {
        span.end(&match &result {
            Ok(sent) => Outcome {
                facts: MessageFacts::NONE.with_id(sent.message_id.as_deref()),
                ..Outcome::success()
            },
            Err(error) => Outcome::failure(error.into()),
        });
    }
    // Nobody waits any more: the message is sent all the same.
    let _ = pending.answer.send(Guarded::new(result, stop));
}

async fn sleep_until(due: Option<Instant>) {
    match due {
        Some(due) => tokio::time::sleep_until(due).await,
        None => std::future::pending().await,
    }
}
