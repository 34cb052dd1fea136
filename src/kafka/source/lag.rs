use std::sync::Arc;
use std::time::Duration;

use rdkafka::consumer::{BaseConsumer, Consumer as _};
use rdkafka::error::KafkaError;
use rdkafka::metadata::MetadataTopic;
use rdkafka::topic_partition_list::Offset;
use rdkafka::{ClientConfig, TopicPartitionList};

use crate::contract::{Destination, Error, ErrorKind, Operation, Result};
use crate::kafka::error::failure;

/// How long the brokers may take for each answer.
const TIMEOUT: Duration = Duration::from_secs(10);

/// How far a group is behind, over all partitions of a topic. It asks with a client of its own,
/// because one answer a partition is waited for; that client never joins the group.
pub(super) async fn lag(config: &ClientConfig, topic: &Arc<Destination>) -> Result<u64> {
    let (config, destination) = (config.clone(), Arc::clone(topic));
    let asked = tokio::task::spawn_blocking(move || {
        measure(&config, &destination.name)
            .map_err(|error| failure(Operation::Backlog, &destination, &error, None))
    });
    asked.await.unwrap_or_else(|error| {
        let (kind, detail) = (ErrorKind::Closed, error.to_string());
        Err(Error::new(Operation::Backlog, topic, kind, detail))
    })
}

fn measure(config: &ClientConfig, topic: &str) -> Result<u64, KafkaError> {
    let consumer: BaseConsumer = config.create()?;
    let metadata = consumer.fetch_metadata(Some(topic), TIMEOUT)?;
    let mut partitions = TopicPartitionList::new();
    let told = metadata.topics().iter().flat_map(MetadataTopic::partitions);
    for partition in told {
        partitions.add_partition(topic, partition.id());
    }
    let committed = consumer.committed_offsets(partitions, TIMEOUT)?;
    let mut lag = 0;
    for element in committed.elements() {
        let (low, high) = consumer.fetch_watermarks(topic, element.partition(), TIMEOUT)?;
        let from = match element.offset() {
            Offset::Offset(position) => position.max(low),
            _ => low,
        };
        lag += u64::try_from(high - from).unwrap_or(0);
    }
    Ok(lag)
}
