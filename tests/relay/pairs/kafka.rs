//! Kafka and the queues: on librdkafka's mock cluster, and on a real Kafka where there is one.

use super::all_of_it_arrives_in_order;
use crate::common;
use crate::kafka_fixture::Kafka;
use crate::memory_fixture::Memory;
use crate::sqs_fixture::Sqs;

#[tokio::test]
async fn memory_to_kafka() {
    all_of_it_arrives_in_order(&Memory::new(), &Kafka::mock()).await;
}

#[tokio::test]
async fn kafka_to_memory() {
    all_of_it_arrives_in_order(&Kafka::mock(), &Memory::new()).await;
}

#[tokio::test]
async fn kafka_to_kafka() {
    all_of_it_arrives_in_order(&Kafka::mock(), &Kafka::mock()).await;
}

#[tokio::test]
async fn sqs_to_kafka() {
    all_of_it_arrives_in_order(&Sqs::in_process().await, &Kafka::mock()).await;
}

#[tokio::test]
async fn kafka_to_sqs() {
    all_of_it_arrives_in_order(&Kafka::mock(), &Sqs::in_process().await).await;
}

#[tokio::test]
async fn sqs_to_a_real_kafka() {
    if let (Some(from), Some(to)) = (common::elasticmq(), common::kafka()) {
        all_of_it_arrives_in_order(&Sqs::at(&from), &Kafka::at(&to)).await;
    }
}

#[tokio::test]
async fn a_real_kafka_to_sqs() {
    if let (Some(from), Some(to)) = (common::kafka(), common::elasticmq()) {
        all_of_it_arrives_in_order(&Kafka::at(&from), &Sqs::at(&to)).await;
    }
}
