//! The RabbitMQ sink: confirms, returns, order, what it refuses, and the spans it writes.

#![expect(clippy::unwrap_used, reason = "a failed unwrap fails the test")]

#[path = "../common/mod.rs"]
mod common;

mod confirms;
mod connections;
mod limits;
mod refusals;
mod spans;
mod support;
