use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use rdkafka::ClientConfig;
use rdkafka::admin::{
    AdminClient, AdminOptions, AlterConfig, NewTopic, ResourceSpecifier, TopicReplication,
};
use rdkafka::client::DefaultClientContext;
use rdkafka::producer::{BaseProducer, Producer as _};
use tokio::sync::watch;
use tokio::time::timeout;
use tracehop::contract::{Message, SinkExt as _};
use tracehop::kafka::{KafkaSink, KafkaSource, KafkaSourceBuilder};

use super::common::{self, topics};

/// How long a test waits for anything before it gives up.
pub(crate) const LIMIT: Duration = Duration::from_mins(1);

/// A topic of a fresh name on a real Kafka, and a group that reads it.
#[derive(Clone)]
pub(crate) struct Topic {
    pub(crate) brokers: String,
    pub(crate) name: String,
    pub(crate) group: String,
}

impl Topic {
    pub(crate) async fn create(brokers: &str, partitions: i32) -> Self {
        let name = common::unique("source");
        create(brokers, &name, partitions).await;
        Self {
            brokers: brokers.to_owned(),
            group: format!("{name}-group"),
            name,
        }
    }

    pub(crate) fn source(&self) -> KafkaSourceBuilder {
        KafkaSource::builder(config(&self.brokers), &self.name, &self.group)
    }

    pub(crate) fn sink(&self) -> KafkaSink {
        KafkaSink::new(config(&self.brokers), &self.name).unwrap()
    }

    /// Sends messages whose bodies are the numbers, each with one of a hundred keys.
    pub(crate) async fn send(&self, numbers: impl IntoIterator<Item = usize>) {
        let numbers: Vec<usize> = numbers.into_iter().collect();
        let message = |n: usize| Message::new(n.to_string()).with_key(format!("key {}", n % 100));
        for sent in self.sink().send_all(numbers.into_iter().map(message)).await {
            sent.unwrap();
        }
    }
}

/// A client's configuration.
pub(crate) fn config(brokers: &str) -> ClientConfig {
    let mut config = ClientConfig::new();
    config.set("bootstrap.servers", brokers);
    config
}

/// What a mock cluster of librdkafka belongs to.
pub(crate) fn mock() -> BaseProducer {
    let mut config = ClientConfig::new();
    config.set("test.mock.num.brokers", "1");
    config.create().unwrap()
}

/// A client's configuration, for that mock cluster.
pub(crate) fn on(mock: &BaseProducer) -> ClientConfig {
    config(&mock.client().mock_cluster().unwrap().bootstrap_servers())
}

pub(crate) async fn create(brokers: &str, name: &str, partitions: i32) {
    let topic = NewTopic::new(name, partitions, TopicReplication::Fixed(1));
    topics::create(&config(brokers), topic).await;
}

/// How often each number was handled. Clones are the same count.
#[derive(Clone)]
pub(crate) struct Handled {
    times: Arc<Mutex<BTreeMap<usize, usize>>>,
    distinct: watch::Sender<usize>,
}

impl Handled {
    pub(crate) fn new() -> Self {
        Self {
            times: Arc::default(),
            distinct: watch::Sender::new(0),
        }
    }

    pub(crate) fn record(&self, number: usize) {
        let mut times = self.times.lock().unwrap();
        *times.entry(number).or_default() += 1;
        self.distinct.send_replace(times.len());
    }

    pub(crate) fn duplicates(&self) -> usize {
        let times = self.times.lock().unwrap();
        times.values().map(|times| times - 1).sum()
    }

    /// How often one of them was handled.
    pub(crate) fn times(&self, number: usize) -> usize {
        let times = self.times.lock().unwrap();
        times.get(&number).copied().unwrap_or_default()
    }

    /// Waits until so many different numbers were handled.
    pub(crate) async fn has(&self, count: usize) {
        let mut distinct = self.distinct.subscribe();
        let there = timeout(LIMIT, distinct.wait_for(|there| *there >= count)).await;
        assert!(
            there.is_ok(),
            "{count} expected, seen {}",
            *self.distinct.borrow()
        );
    }
}

/// Lets a topic take larger records.
pub(crate) async fn grow(brokers: &str, topic: &str, bytes: usize) {
    let admin: AdminClient<DefaultClientContext> = config(brokers).create().unwrap();
    let bytes = bytes.to_string();
    let change = AlterConfig::new(ResourceSpecifier::Topic(topic)).set("max.message.bytes", &bytes);
    let changed = admin.alter_configs([&change], &AdminOptions::new()).await;
    for changed in changed.unwrap() {
        changed.unwrap();
    }
}

pub(crate) async fn delete(brokers: &str, topic: &str) {
    let admin: AdminClient<DefaultClientContext> = config(brokers).create().unwrap();
    let deleted = admin.delete_topics(&[topic], &AdminOptions::new()).await;
    for deleted in deleted.unwrap() {
        deleted.unwrap();
    }
}
