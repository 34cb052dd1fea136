//! The relay, between every two brokers that there are.

#![cfg(all(feature = "testing", feature = "worker"))]
#![expect(clippy::unwrap_used, reason = "a failed unwrap fails the test")]

#[cfg(feature = "amqp")]
#[path = "../amqp_worker/fixture.rs"]
mod amqp_fixture;
mod bench;
#[path = "../common/mod.rs"]
mod common;
#[cfg(feature = "kafka")]
#[expect(dead_code, reason = "some of it is for the tests of the Kafka source")]
#[path = "../kafka_source/fixture.rs"]
mod kafka_fixture;
mod memory;
#[path = "../worker/fixture.rs"]
mod memory_fixture;
mod outage;
mod pairs;
#[path = "../sqs_worker/receipts.rs"]
mod receipts;
mod refused;
mod spans;
#[expect(dead_code, reason = "one of its queues is for the tests of the worker")]
#[path = "../sqs_worker/fixture.rs"]
mod sqs_fixture;
#[cfg(feature = "kafka")]
#[expect(dead_code, reason = "most of it is for the tests of the Kafka source")]
#[path = "../kafka_source/support.rs"]
mod support;
mod trouble;
