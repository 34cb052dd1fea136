//! In memory and SQS.

use super::{all_of_it_arrives, all_of_it_arrives_in_order};
use crate::common;
use crate::memory_fixture::Memory;
use crate::sqs_fixture::Sqs;

#[tokio::test]
async fn memory_to_memory() {
    all_of_it_arrives_in_order(&Memory::new(), &Memory::new()).await;
}

#[tokio::test]
async fn memory_to_sqs() {
    all_of_it_arrives_in_order(&Memory::new(), &Sqs::in_process().await).await;
}

#[tokio::test]
async fn sqs_to_memory() {
    all_of_it_arrives_in_order(&Sqs::in_process().await, &Memory::new()).await;
}

#[tokio::test]
async fn sqs_to_sqs() {
    all_of_it_arrives_in_order(&Sqs::in_process().await, &Sqs::in_process().await).await;
}

#[tokio::test]
async fn localstack_to_elasticmq() {
    if let (Some(from), Some(to)) = (common::localstack(), common::elasticmq()) {
        // Of a group that has a message in flight LocalStack hands out the next, and not the one
        // that comes again: order is not to be had from it, completeness is.
        all_of_it_arrives(&Sqs::localstack(&from), &Sqs::at(&to)).await;
    }
}

#[tokio::test]
async fn elasticmq_to_localstack() {
    if let (Some(from), Some(to)) = (common::elasticmq(), common::localstack()) {
        all_of_it_arrives_in_order(&Sqs::at(&from), &Sqs::localstack(&to)).await;
    }
}
