use std::time::Duration;

use rdkafka::ClientConfig;
use rdkafka::producer::{BaseProducer, Producer as _};
use rdkafka::types::{RDKafkaApiKey, RDKafkaRespErr};
use tokio::time::Instant;
use tracehop::contract::{Capacity, Source as _};
use tracehop::kafka::{GroupProtocol, KafkaSink, KafkaSource, LaneBy};
use tracehop::testing::Recorder;
use tracehop::testing::conformance::{Features, Fixture, QueueKind};

use crate::common;
use crate::support::{self, LIMIT, config};

/// How long what is in hand may take to finish when its partition goes.
const DRAIN: Duration = Duration::from_secs(1);
const PARTITIONS: i32 = 3;

const FEATURES: Features = Features {
    typed_headers: false,
    ..Features::ALL
};

/// A cluster, with one group a topic. Keys are lanes, and messages without one are in no lane.
pub(crate) struct Kafka {
    brokers: String,
    recorder: Recorder,
    /// What the mock cluster belongs to, where it is one.
    mock: Option<BaseProducer>,
}

impl Kafka {
    pub(crate) fn at(brokers: &str) -> Self {
        Self {
            brokers: brokers.to_owned(),
            recorder: Recorder::new(),
            mock: None,
        }
    }

    /// librdkafka's own mock cluster.
    pub(crate) fn mock() -> Self {
        let owner = support::mock();
        let mut kafka = Self::at(&owner.client().mock_cluster().unwrap().bootstrap_servers());
        kafka.mock = Some(owner);
        kafka
    }

    pub(crate) fn brokers(&self) -> &str {
        &self.brokers
    }

    fn member(&self) -> ClientConfig {
        let mut config = config(&self.brokers);
        config.set("session.timeout.ms", "6000");
        config.set("heartbeat.interval.ms", "500");
        config
    }
}

impl Fixture for Kafka {
    type Source = KafkaSource;
    type Sink = KafkaSink;

    async fn make_queue(&self, _kind: QueueKind) -> String {
        let name = common::unique("worker");
        match &self.mock {
            Some(owner) => {
                let mock = owner.client().mock_cluster().unwrap();
                mock.create_topic(&name, PARTITIONS, 1).unwrap();
            }
            None => support::create(&self.brokers, &name, PARTITIONS).await,
        }
        name
    }

    fn source(&self, queue: &str) -> KafkaSource {
        KafkaSource::builder(self.member(), queue, queue)
            .protocol(GroupProtocol::Eager)
            .lanes(LaneBy::Key)
            .rebalance_drain(DRAIN)
            .instrumentation(self.instrumentation())
            .build()
            .unwrap()
    }

    fn sink(&self, queue: &str) -> KafkaSink {
        KafkaSink::builder(config(&self.brokers), queue)
            .instrumentation(self.instrumentation())
            .build()
            .unwrap()
    }

    fn recorder(&self) -> &Recorder {
        &self.recorder
    }

    fn features(&self) -> Features {
        FEATURES
    }

    fn redelivery(&self) -> Duration {
        Duration::from_secs(6)
    }

    /// The partitions are taken away: on a mock cluster the group no longer knows the member, on a
    /// real one another member comes, takes its share, and goes.
    async fn revoke(&self, queue: &str, _message_id: &str) {
        if let Some(owner) = &self.mock {
            let mock = owner.client().mock_cluster().unwrap();
            let unknown = RDKafkaRespErr::RD_KAFKA_RESP_ERR_UNKNOWN_MEMBER_ID;
            mock.request_errors(RDKafkaApiKey::Heartbeat, &[unknown]);
            return;
        }
        // In a rebalance of this protocol every member gives all of its partitions away.
        let other = KafkaSource::builder(self.member(), queue, queue);
        let other = other.protocol(GroupProtocol::Eager).build().unwrap();
        other.open(Capacity::slots(1)).await.unwrap();
        other.close(Instant::now() + LIMIT).await.unwrap();
    }
}
