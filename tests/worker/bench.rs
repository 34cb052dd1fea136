use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::sync::watch;
use tracehop::contract::{Message, Sent, Sink};
use tracehop::memory::{MemoryBroker, MemorySource};
use tracehop::testing::Recorder;
use tracehop::worker::{Failure, Incoming, Work, Worker};

/// A memory broker and a recorder, with a queue for work and one for dead letters.
pub(crate) struct Bench {
    pub(crate) broker: MemoryBroker,
    pub(crate) recorder: Recorder,
}

pub(crate) const QUEUE: &str = "orders";
pub(crate) const DEAD: &str = "orders-dead";

impl Bench {
    pub(crate) fn new() -> Self {
        let recorder = Recorder::new();
        let broker = MemoryBroker::new().with_instrumentation(recorder.instrumentation());
        Self { broker, recorder }
    }

    /// A bench with messages of these texts waiting.
    pub(crate) async fn with(texts: &[&str]) -> Self {
        let bench = Self::new();
        for text in texts {
            bench.send(Message::new((*text).to_owned())).await;
        }
        bench
    }

    pub(crate) async fn send(&self, message: Message) -> Sent {
        self.broker.sink(QUEUE).send(message).await.unwrap()
    }

    pub(crate) fn worker<W: Work>(&self, work: W) -> Worker<MemorySource, W> {
        Worker::new(self.broker.source(QUEUE), work)
            .instrumentation(self.recorder.instrumentation())
    }

    /// Messages that wait or are in hand.
    pub(crate) fn left(&self) -> usize {
        self.broker.waiting(QUEUE) + self.broker.in_hand(QUEUE).len()
    }

    /// Waits until nothing is left.
    pub(crate) async fn emptied(&self) {
        while self.left() > 0 {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }
}

/// The texts and attempts that handlers have seen. Clones are the same.
#[derive(Clone)]
pub(crate) struct Seen {
    list: Arc<Mutex<Vec<(String, u32)>>>,
    count: watch::Sender<usize>,
}

impl Seen {
    pub(crate) fn new() -> Self {
        Self {
            list: Arc::default(),
            count: watch::Sender::new(0),
        }
    }

    pub(crate) fn list(&self) -> Vec<(String, u32)> {
        self.list.lock().unwrap().clone()
    }

    pub(crate) async fn has(&self, count: usize) {
        let mut counts = self.count.subscribe();
        counts.wait_for(|there| *there >= count).await.unwrap();
    }

    /// A handler that notes each message before it handles it.
    pub(crate) fn then<Handling>(
        &self,
        handler: impl Fn(Incoming) -> Handling + Send + Sync + 'static,
    ) -> impl Fn(Incoming) -> Handling + Send + Sync + 'static {
        let seen = self.clone();
        move |incoming| {
            let text = incoming.text().unwrap().to_owned();
            let mut list = seen.list.lock().unwrap();
            list.push((text, incoming.attempt()));
            seen.count.send_replace(list.len());
            drop(list);
            handler(incoming)
        }
    }

    /// A handler that succeeds.
    pub(crate) fn ok(
        &self,
    ) -> impl Fn(Incoming) -> std::future::Ready<Result<(), Failure>> + Send + Sync + 'static {
        self.then(|_| std::future::ready(Ok(())))
    }
}
