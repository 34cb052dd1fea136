//! The worker's conformance suite on SQS: on the in-process endpoint, and on real servers where
//! there are any.

#![cfg(all(feature = "sqs", feature = "testing", feature = "worker"))]
#![expect(clippy::unwrap_used, reason = "a failed unwrap fails the test")]

mod bad_input;
mod blocked;
#[path = "../common/mod.rs"]
mod common;
mod fixture;
mod receipts;
mod redrive;

mod in_process {
    tracehop::conformance_tests! {
        #[tokio::test]
        { Some(crate::fixture::Sqs::in_process().await) }
    }
}

mod localstack {
    tracehop::conformance_tests! {
        #[tokio::test]
        { crate::common::localstack().as_deref().map(crate::fixture::Sqs::localstack) }
    }
}

mod elasticmq {
    tracehop::conformance_tests! {
        #[tokio::test]
        { crate::common::elasticmq().as_deref().map(crate::fixture::Sqs::at) }
    }
}
