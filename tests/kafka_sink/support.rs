use std::time::Duration;

use rdkafka::ClientConfig;
use rdkafka::Message as _;
use rdkafka::consumer::{BaseConsumer, Consumer as _};
use rdkafka::message::OwnedMessage;
use rdkafka::mocking::MockCluster;
use rdkafka::producer::{BaseProducer, DefaultProducerContext, Producer as _};
use rdkafka::topic_partition_list::{Offset, TopicPartitionList};

pub(crate) const LIMIT: Duration = Duration::from_secs(30);
pub(crate) const TOPIC: &str = "orders";
pub(crate) const PARTITIONS: i32 = 4;

/// librdkafka's mock cluster, with one topic.
pub(crate) struct Mock(BaseProducer);

impl Mock {
    pub(crate) fn start() -> Self {
        let mut config = ClientConfig::new();
        config.set("test.mock.num.brokers", "1");
        let mock = Self(config.create().unwrap());
        mock.cluster().create_topic(TOPIC, PARTITIONS, 1).unwrap();
        mock
    }

    pub(crate) fn config(&self) -> ClientConfig {
        let mut config = ClientConfig::new();
        config.set("bootstrap.servers", self.cluster().bootstrap_servers());
        // A broker that is up again is looked for again soon, and not after up to 10 s.
        config.set("reconnect.backoff.max.ms", "500");
        config
    }

    fn cluster(&self) -> MockCluster<'_, DefaultProducerContext> {
        self.0.client().mock_cluster().unwrap()
    }

    pub(crate) fn down(&self) {
        self.cluster().broker_down(1).unwrap();
    }

    pub(crate) fn up(&self) {
        self.cluster().broker_up(1).unwrap();
    }

    /// So many records of the topic, in the order of their partitions.
    pub(crate) async fn records(&self, count: usize) -> Vec<OwnedMessage> {
        let config = self.config();
        let reading = tokio::task::spawn_blocking(move || read(config, count));
        reading.await.unwrap()
    }
}

fn read(mut config: ClientConfig, count: usize) -> Vec<OwnedMessage> {
    config.set("group.id", "reader");
    let consumer: BaseConsumer = config.create().unwrap();
    let mut all = TopicPartitionList::new();
    for partition in 0..PARTITIONS {
        all.add_partition_offset(TOPIC, partition, Offset::Beginning)
            .unwrap();
    }
    consumer.assign(&all).unwrap();
    let mut records = Vec::new();
    while records.len() < count {
        let record = consumer.poll(LIMIT).expect("a record in time").unwrap();
        records.push(record.detach());
    }
    records.sort_by_key(|record| (record.partition(), record.offset()));
    records
}
