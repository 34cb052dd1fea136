use std::collections::{BTreeMap, VecDeque};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use opentelemetry::Context;
use tokio::time::sleep;
use tracehop::contract::{
    Capacity, Confirm, Delivery, Destination, Error, ErrorKind, Message, Operation, Result,
    Settlement, Sink, Source as _,
};
use tracehop::memory::{MemoryBroker, MemorySink, MemorySource};
use tracehop::relay::Relay;
use tracehop::testing::Recorder;
use tracehop::worker::{Backoff, Worker};

pub(crate) const FROM: &str = "orders";
pub(crate) const TO: &str = "archive";
pub(crate) const LIMIT: Duration = Duration::from_mins(1);

/// A memory broker, and a recorder of its spans.
pub(crate) struct Bench {
    pub(crate) broker: MemoryBroker,
    pub(crate) recorder: Recorder,
}

impl Bench {
    pub(crate) fn new() -> Self {
        let recorder = Recorder::new();
        let broker = MemoryBroker::new().with_instrumentation(recorder.instrumentation());
        Self { broker, recorder }
    }

    pub(crate) async fn send(&self, message: Message) {
        self.broker.sink(FROM).send(message).await.unwrap();
    }

    /// Fills lanes of messages `a0, a1, …`, and answers how many there are.
    pub(crate) async fn fill(&self, lanes: &[&str], each: usize) -> usize {
        for number in 0..each {
            for lane in lanes {
                let message = Message::new(format!("{lane}{number}"));
                self.send(message.with_group((*lane).to_owned())).await;
            }
        }
        lanes.len() * each
    }

    pub(crate) fn relay(&self) -> Relay<MemorySink> {
        Relay::to(self.broker.sink(TO))
    }

    pub(crate) fn worker<K: Sink>(&self, relay: Relay<K>) -> Worker<MemorySource, Relay<K>> {
        let short = Backoff::new(Duration::from_millis(50), Duration::from_millis(50));
        Worker::new(self.broker.source(FROM), relay)
            .instrumentation(self.recorder.instrumentation())
            .backoff(short)
    }

    /// Relays until nothing is left.
    pub(crate) async fn run<K: Sink>(&self, relay: Relay<K>) {
        let emptied = async {
            while self.broker.waiting(FROM) + self.broker.in_hand(FROM).len() > 0 {
                sleep(Duration::from_millis(10)).await;
            }
        };
        let drained = self.worker(relay).run_until(emptied).await.unwrap();
        drained.complete().unwrap();
    }

    /// Takes out what arrived.
    pub(crate) async fn arrived(&self) -> Vec<Delivery<()>> {
        let source = self.broker.source(TO);
        source.open(Capacity::slots(1)).await.unwrap();
        let mut arrived = Vec::new();
        while self.broker.waiting(TO) > 0 {
            for delivery in source.receive(1).await.unwrap() {
                let (delivery, receipt) = delivery.with_receipt(());
                source.settle(receipt, Settlement::Ack).await.unwrap();
                arrived.push(delivery);
            }
        }
        arrived
    }

    /// Relays the one message that waits, and answers what arrived.
    pub(crate) async fn relayed(&self, relay: Relay<MemorySink>) -> Delivery<()> {
        self.run(relay).await;
        let mut arrived = self.arrived().await;
        assert_eq!(
            arrived.len(),
            1,
            "rejected: {:?}",
            self.broker.rejected(FROM)
        );
        arrived.remove(0)
    }
}

/// What a sink does with a message instead of sending it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fault {
    /// It is refused at once.
    Enqueue,
    /// It is taken, and then not sent, though those behind it are.
    Confirm,
    /// It is sent, and then said not to be.
    Unheard,
    /// It is sent, and nobody hears of it.
    Silence,
    /// The sink panics.
    Panic,
    /// It cannot be carried.
    Payload,
}

/// A sink that fails by plan. Clones share the plan.
#[derive(Clone)]
pub(crate) struct Unsteady<K> {
    inner: Arc<K>,
    plan: Arc<Mutex<VecDeque<Option<Fault>>>>,
    /// How many messages it was given.
    pub(crate) given: Arc<AtomicUsize>,
}

impl<K: Sink> Unsteady<K> {
    /// Does to each message in turn what the plan says, and then nothing more.
    pub(crate) fn new(inner: K, plan: impl IntoIterator<Item = Option<Fault>>) -> Self {
        Self {
            inner: Arc::new(inner),
            plan: Arc::new(Mutex::new(plan.into_iter().collect())),
            given: Arc::default(),
        }
    }

    fn error(&self, kind: ErrorKind) -> Error {
        Error::new(Operation::Send, self.inner.destination(), kind, "by plan")
    }
}

impl<K: Sink> Sink for Unsteady<K> {
    fn destination(&self) -> &Destination {
        self.inner.destination()
    }

    async fn enqueue(&self, message: Message, parent: &Context) -> Result<Confirm> {
        self.given.fetch_add(1, Ordering::Relaxed);
        let fault = self.plan.lock().unwrap().pop_front().flatten();
        match fault {
            None => self.inner.enqueue(message, parent).await,
            Some(Fault::Enqueue) => Err(self.error(ErrorKind::Unavailable)),
            Some(Fault::Payload) => Err(self.error(ErrorKind::Payload)),
            Some(Fault::Panic) => panic!("{PLANNED}"),
            Some(Fault::Confirm) => {
                let error = self.error(ErrorKind::Timeout);
                Ok(Confirm::new(async move {
                    // As late as a broker's answer.
                    sleep(Duration::from_millis(5)).await;
                    Err(error)
                }))
            }
            Some(Fault::Unheard) => {
                let (sent, error) = (
                    self.inner.enqueue(message, parent).await?,
                    self.error(ErrorKind::Timeout),
                );
                Ok(Confirm::new(async move { sent.await.and(Err(error)) }))
            }
            Some(Fault::Silence) => {
                self.inner.enqueue(message, parent).await?.await?;
                Ok(Confirm::new(std::future::pending()))
            }
        }
    }
}

const PLANNED: &str = "a panic of this test";

/// Nothing is missing, and in each lane the last of each message stand in order.
pub(crate) fn complete_and_in_order(texts: &[String], lanes: &[&str], each: usize) {
    for lane in lanes {
        let mut last = BTreeMap::new();
        for (place, text) in texts.iter().enumerate() {
            if let Some(number) = text.strip_prefix(lane) {
                last.insert(number.parse::<usize>().unwrap(), place);
            }
        }
        assert_eq!(last.len(), each, "lane {lane} has a gap: {last:?}");
        let places: Vec<_> = last.values().collect();
        assert!(places.is_sorted(), "lane {lane} is out of order: {texts:?}");
    }
}
