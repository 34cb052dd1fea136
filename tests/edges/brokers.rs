use aws_sdk_sqs::Client;
use lapin::types::FieldTable;
use rdkafka::ClientConfig;
use rdkafka::admin::{NewTopic, TopicReplication};
use tokio::process::Command;

use super::common::example::on_sqs;
use super::common::{self, queues, topics};

/// Makes a queue on each broker that there is, and names them to the example; false if there is no
/// broker.
pub(crate) async fn name_queues(service: &mut Command) -> bool {
    let name = common::unique("edges");
    let (sqs, kafka, rabbitmq) = (common::localstack(), common::kafka(), common::rabbitmq());
    if let Some(url) = &sqs {
        let client = Client::from_conf(common::sqs_config(url).build());
        let created = client.create_queue().queue_name(&name).send().await;
        on_sqs(service, url, &created.unwrap().queue_url.unwrap());
    }
    if let Some(brokers) = &kafka {
        let mut config = ClientConfig::new();
        config.set("bootstrap.servers", brokers);
        topics::create(&config, NewTopic::new(&name, 1, TopicReplication::Fixed(1))).await;
        service
            .env("KAFKA_BROKERS", brokers)
            .env("TOPIC", &name)
            .env("GROUP", &name);
    }
    if let Some(url) = &rabbitmq {
        let (channel, _connection) = queues::channel(url).await;
        let declared = queues::declare(&channel, &name, FieldTable::default());
        declared.await.unwrap();
        service.env("AMQP_URL", url).env("QUEUE", &name);
    }
    sqs.or(kafka).or(rabbitmq).is_some()
}
