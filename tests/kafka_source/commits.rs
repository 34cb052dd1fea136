//! What the group is told of the positions.

use std::time::Duration;

use rdkafka::producer::{BaseProducer, Producer as _};
use rdkafka::types::{RDKafkaApiKey, RDKafkaRespErr};
use tokio::time::{Instant, timeout};
use tracehop::contract::{Capacity, Message, Settlement, Sink as _, Source as _};
use tracehop::kafka::{KafkaSink, KafkaSource};

use super::support::{LIMIT, mock, on};

/// A source that has acknowledged a message, and whose commits are answered with these errors first.
async fn acknowledged(mock: &BaseProducer, errors: &[RDKafkaRespErr]) -> KafkaSource {
    let cluster = mock.client().mock_cluster().unwrap();
    cluster.create_topic("orders", 1, 1).unwrap();
    let sink = KafkaSink::new(on(mock), "orders").unwrap();
    sink.send(Message::new("one")).await.unwrap();
    let source = KafkaSource::new(on(mock), "orders", "workers").unwrap();
    source.open(Capacity::slots(1)).await.unwrap();
    let delivery = source.receive(1).await.unwrap().pop().unwrap();
    cluster.request_errors(RDKafkaApiKey::OffsetCommit, errors);
    let settlement = Settlement::Ack;
    source.settle(delivery.receipt, settlement).await.unwrap();
    source
}

/// While its members are told of a new generation, a group takes no commits.
#[tokio::test]
async fn a_commit_that_meets_a_rebalance_is_made_again_before_the_source_is_closed() {
    let mock = mock();
    let rebalancing = RDKafkaRespErr::RD_KAFKA_RESP_ERR_REBALANCE_IN_PROGRESS;
    let source = acknowledged(&mock, &[rebalancing, rebalancing]).await;
    source.close(Instant::now() + LIMIT).await.unwrap();
    assert_eq!(source.backlog().await.unwrap(), Some(0), "it is committed");
}

/// A coordinator that has just come back may need longer than one that is there.
#[tokio::test]
async fn the_last_commit_is_made_again_for_as_long_as_the_source_may_take_to_close() {
    let fails = [RDKafkaRespErr::RD_KAFKA_RESP_ERR_REBALANCE_IN_PROGRESS; 60];
    let (patient, hasty) = (mock(), mock());
    let source = acknowledged(&patient, &fails).await;
    source.close(Instant::now() + LIMIT).await.unwrap();
    assert_eq!(source.backlog().await.unwrap(), Some(0), "it is committed");

    let source = acknowledged(&hasty, &fails).await;
    let closed = source.close(Instant::now() + Duration::from_secs(1)).await;
    let error = closed.unwrap_err().to_string();
    assert!(error.ends_with("committed: 1"), "{error}");
}

#[tokio::test]
async fn a_source_that_is_closed_with_no_time_left_commits_all_the_same() {
    let mock = mock();
    let source = acknowledged(&mock, &[]).await;
    source.close(Instant::now()).await.unwrap_err();
    let committed = async { while source.backlog().await.unwrap() != Some(0) {} };
    timeout(LIMIT, committed).await.unwrap();
}

#[tokio::test]
async fn a_commit_that_is_denied_is_not_made_again() {
    let mock = mock();
    let denied = RDKafkaRespErr::RD_KAFKA_RESP_ERR_GROUP_AUTHORIZATION_FAILED;
    let source = acknowledged(&mock, &[denied]).await;
    let error = source.close(Instant::now() + LIMIT).await.unwrap_err();
    assert!(error.to_string().ends_with("committed: 1"), "{error}");
}
