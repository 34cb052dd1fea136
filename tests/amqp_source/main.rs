//! The RabbitMQ source: leases, settlements, attempts, and what becomes of it when the broker goes.

#![expect(clippy::unwrap_used, reason = "a failed unwrap fails the test")]

#[path = "../common/mod.rs"]
mod common;

mod attempts;
mod bad_input;
mod connections;
mod open;
mod rejects;
mod retry_queues;
mod settle;
mod support;
