//! The traced Kafka clients: the real rdkafka on librdkafka's mock cluster, and on a real Kafka,
//! with every finished span and every header that went out to look at.

#![expect(clippy::unwrap_used, reason = "a failed unwrap fails the test")]

#[path = "../common/mod.rs"]
mod common;

mod base_consumer;
mod base_producer;
mod broker;
mod bystanders;
mod commit;
mod existing_context;
mod failures;
mod poison;
mod process;
mod receive;
mod send;
mod support;
