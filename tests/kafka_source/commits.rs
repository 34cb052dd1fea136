//! What the group is told of the positions.

use rdkafka::producer::Producer as _;
use rdkafka::types::{RDKafkaApiKey, RDKafkaRespErr};
use tokio::time::Instant;
use tracehop::contract::{Capacity, Message, Settlement, Sink as _, Source as _};
use tracehop::kafka::{KafkaSink, KafkaSource};

use super::support::{LIMIT, mock, on};

/// While its members are told of a new generation, a group takes no commits.
#[tokio::test]
async fn a_commit_that_meets_a_rebalance_is_made_again_before_the_source_is_closed() {
    let mock = mock();
    let cluster = mock.client().mock_cluster().unwrap();
    cluster.create_topic("orders", 1, 1).unwrap();
    let sink = KafkaSink::new(on(&mock), "orders").unwrap();
    sink.send(Message::new("one")).await.unwrap();
    let source = KafkaSource::new(on(&mock), "orders", "workers").unwrap();
    source.open(Capacity::slots(1)).await.unwrap();
    let delivery = source.receive(1).await.unwrap().pop().unwrap();
    let settlement = Settlement::Ack;
    source.settle(delivery.receipt, settlement).await.unwrap();
    let rebalancing = RDKafkaRespErr::RD_KAFKA_RESP_ERR_REBALANCE_IN_PROGRESS;
    cluster.request_errors(RDKafkaApiKey::OffsetCommit, &[rebalancing, rebalancing]);
    source.close(Instant::now() + LIMIT).await.unwrap();
    assert_eq!(source.backlog().await.unwrap(), Some(0), "it is committed");
}
