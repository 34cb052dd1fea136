//! Kafka sources, and workers on them: on librdkafka's mock cluster, and on a real Kafka where there
//! is one.

#![cfg(all(feature = "kafka", feature = "testing", feature = "worker"))]
#![expect(clippy::unwrap_used, reason = "a failed unwrap fails the test")]

mod bad_input;
mod commits;
#[path = "../common/mod.rs"]
mod common;
mod conformance;
mod fixture;
mod killed;
mod leases;
mod open;
mod rebalance;
mod rejects;
mod restarted;
mod retries;
mod spans;
mod support;
