use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::watch;
use tokio::time::{Instant, timeout};

use super::{Fixture, LIMIT, worker};
use crate::contract::{Message, Source};
use crate::worker::{Drained, Incoming, Work, Worker};

/// What handlers have seen, in order. Clones are the same journal.
#[derive(Clone, Debug)]
pub(super) struct Journal {
    entries: Arc<Mutex<Vec<Entry>>>,
    count: watch::Sender<usize>,
}

/// One handling of one message.
#[derive(Clone, Debug)]
pub(super) struct Entry {
    pub(super) text: String,
    pub(super) attempt: u32,
    pub(super) at: Instant,
    pub(super) incoming: Incoming,
}

impl Journal {
    pub(super) fn new() -> Self {
        Self {
            entries: Arc::default(),
            count: watch::Sender::new(0),
        }
    }

    pub(super) fn record(&self, incoming: &Incoming) {
        let entry = Entry {
            text: text(incoming),
            attempt: incoming.attempt(),
            at: Instant::now(),
            incoming: incoming.clone(),
        };
        let mut entries = self.entries.lock().unwrap_or_else(PoisonError::into_inner);
        entries.push(entry);
        self.count.send_replace(entries.len());
    }

    pub(super) fn entries(&self) -> Vec<Entry> {
        self.entries
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    pub(super) fn texts(&self) -> Vec<String> {
        self.entries().into_iter().map(|entry| entry.text).collect()
    }

    /// The texts, each once, in order of their bytes.
    pub(super) fn distinct(&self) -> Vec<String> {
        let mut texts = self.texts();
        texts.sort_unstable();
        texts.dedup();
        texts
    }

    /// Waits until there are that many entries.
    pub(super) async fn has(&self, count: usize) {
        let mut counts = self.count.subscribe();
        let there = timeout(LIMIT, counts.wait_for(|there| *there >= count)).await;
        assert!(
            there.is_ok(),
            "{count} handlings expected, seen {:#?}",
            self.summary()
        );
    }

    /// Waits until so many different messages have been handled.
    pub(super) async fn has_distinct(&self, count: usize) {
        let mut counts = self.count.subscribe();
        let there = timeout(LIMIT, counts.wait_for(|_| self.distinct().len() >= count)).await;
        assert!(
            there.is_ok(),
            "{count} messages expected, seen {:#?}",
            self.summary()
        );
    }

    fn summary(&self) -> Vec<(String, u32)> {
        let entries = self.entries().into_iter();
        entries.map(|entry| (entry.text, entry.attempt)).collect()
    }
}

/// A handler that puts each message on record before it handles it.
pub(super) fn recorded<Handling>(
    journal: &Journal,
    handler: impl Fn(Incoming) -> Handling + Send + Sync + 'static,
) -> impl Fn(Incoming) -> Handling + Send + Sync + 'static {
    let journal = journal.clone();
    move |incoming| {
        journal.record(&incoming);
        handler(incoming)
    }
}

/// Takes the next message of a queue out of it.
pub(super) async fn received<F: Fixture>(fixture: &F, queue: &str) -> Incoming {
    let journal = Journal::new();
    let handler = recorded(&journal, |_| std::future::ready(Ok(())));
    run(worker(fixture, queue, handler), journal.has(1)).await;
    journal.entries().remove(0).incoming
}

/// Runs a worker until `done`, and expects it to drain completely.
pub(super) async fn run<S: Source, W: Work>(
    worker: Worker<S, W>,
    done: impl Future<Output = ()>,
) -> Drained {
    let drained = worker.run_until(done).await.expect("the worker is to run");
    drained
        .complete()
        .expect("the worker is to drain completely")
}

pub(super) fn text(message: &Message) -> String {
    message.text().expect("the body is text").to_owned()
}
