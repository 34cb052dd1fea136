//! The SQS sink on the in-process endpoint, rule by rule, and on real servers where there are any.

#![cfg(all(feature = "sqs", feature = "testing"))]
#![expect(clippy::unwrap_used, reason = "a failed unwrap fails the test")]

mod batches;
mod encoding;
mod failures;
mod fifo;
mod servers;
mod spans;
mod support;

#[path = "../common/mod.rs"]
mod common;
