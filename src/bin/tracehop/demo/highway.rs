//! The Kafka that parcels cross: the one at `KAFKA_BROKERS`, else librdkafka's mock cluster in this
//! process.

use std::env;

use rdkafka::ClientConfig;
use rdkafka::admin::{AdminClient, AdminOptions, NewTopic, TopicReplication};
use rdkafka::client::DefaultClientContext;
use rdkafka::producer::{BaseProducer, Producer};
use tracehop::kafka::{KafkaSink, KafkaSource};

use super::Result;
use super::service::Service;

/// A topic of its own on a Kafka.
pub(super) struct Highway {
    brokers: String,
    topic: String,
    /// What the mock cluster belongs to, where it is one.
    mock: Option<BaseProducer>,
}

impl Highway {
    pub(super) async fn open() -> Result<Self> {
        match env::var("KAFKA_BROKERS") {
            Ok(brokers) => Self::on(brokers).await,
            Err(_) => Self::mocked(),
        }
    }

    /// Which Kafka it is.
    pub(super) fn name(&self) -> String {
        match self.mock {
            Some(_) => {
                "Kafka (a mock cluster in this process; KAFKA_BROKERS names a real one)".into()
            }
            None => format!("Kafka (at {})", self.brokers),
        }
    }

    pub(super) fn sink(&self, service: &Service) -> Result<KafkaSink> {
        let sink = KafkaSink::builder(self.config(), &self.topic);
        Ok(sink.instrumentation(service.instrumentation()).build()?)
    }

    pub(super) fn source(&self, service: &Service) -> Result<KafkaSource> {
        let source = KafkaSource::builder(self.config(), &self.topic, &self.topic);
        Ok(source.instrumentation(service.instrumentation()).build()?)
    }

    /// Leaves a real Kafka as it was.
    pub(super) async fn close(self) -> Result<()> {
        if self.mock.is_none() {
            let admin: AdminClient<DefaultClientContext> = self.config().create()?;
            let topics = [self.topic.as_str()];
            admin.delete_topics(&topics, &AdminOptions::new()).await?;
        }
        Ok(())
    }

    fn mocked() -> Result<Self> {
        let mut config = ClientConfig::new();
        config.set("test.mock.num.brokers", "1");
        let owner: BaseProducer = config.create()?;
        let topic = "shipments".to_owned();
        let brokers = {
            let cluster = owner.client().mock_cluster().ok_or("no mock cluster")?;
            cluster.create_topic(&topic, 1, 1)?;
            cluster.bootstrap_servers()
        };
        Ok(Self {
            brokers,
            topic,
            mock: Some(owner),
        })
    }

    async fn on(brokers: String) -> Result<Self> {
        let highway = Self {
            brokers,
            topic: format!("tracehop-demo-{:08x}", fastrand::u32(..)),
            mock: None,
        };
        let admin: AdminClient<DefaultClientContext> = highway.config().create()?;
        let topic = NewTopic::new(&highway.topic, 1, TopicReplication::Fixed(1));
        for created in admin.create_topics(&[topic], &AdminOptions::new()).await? {
            created.map_err(|(topic, error)| format!("topic {topic}: {error}"))?;
        }
        Ok(highway)
    }

    fn config(&self) -> ClientConfig {
        let mut config = ClientConfig::new();
        config.set("bootstrap.servers", &self.brokers);
        config
    }
}
