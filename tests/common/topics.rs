//! Topics on a real Kafka.

use std::time::Duration;

use rdkafka::ClientConfig;
use rdkafka::admin::{AdminClient, AdminOptions, NewTopic};
use rdkafka::client::DefaultClientContext;
use tokio::time::{sleep, timeout};

const LIMIT: Duration = Duration::from_mins(1);

/// Makes a topic, and waits until the brokers know it: the controller has it a moment earlier.
pub(crate) async fn create(config: &ClientConfig, topic: NewTopic<'_>) {
    let admin: AdminClient<DefaultClientContext> = config.create().unwrap();
    let created = admin.create_topics([&topic], &AdminOptions::new()).await;
    for created in created.unwrap() {
        created.unwrap();
    }
    let partitions = usize::try_from(topic.num_partitions).unwrap();
    let known = async {
        loop {
            let told = admin.inner().fetch_metadata(Some(topic.name), LIMIT);
            let told = told.unwrap();
            let told = &told.topics()[0];
            if told.error().is_none() && told.partitions().len() == partitions {
                break;
            }
            sleep(Duration::from_millis(20)).await;
        }
    };
    timeout(LIMIT, known).await.unwrap();
}
