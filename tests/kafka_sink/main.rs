//! Kafka sinks, on librdkafka's mock cluster and on a real Kafka where there is one.

#![cfg(all(feature = "kafka", feature = "testing"))]
#![expect(clippy::unwrap_used, reason = "a failed unwrap fails the test")]

#[path = "../common/mod.rs"]
mod common;
mod records;
mod refused;
mod room;
mod spans;
mod support;
