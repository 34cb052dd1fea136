//! The relay, between every two brokers that there are.

#![cfg(all(feature = "testing", feature = "worker"))]
#![expect(clippy::unwrap_used, reason = "a failed unwrap fails the test")]

#[path = "../common/mod.rs"]
mod common;
mod memory;
#[path = "../worker/fixture.rs"]
mod memory_fixture;
mod outage;
mod pairs;
#[path = "../sqs_worker/receipts.rs"]
mod receipts;
mod refused;
mod spans;
#[path = "../sqs_worker/fixture.rs"]
mod sqs_fixture;
mod support;
mod trouble;
