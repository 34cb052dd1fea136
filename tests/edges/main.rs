//! Whole processes of the example `edges`: each way in with each way out, in each format.

#![expect(clippy::unwrap_used, reason = "a failed unwrap fails the test")]

mod brokers;
#[path = "../common/mod.rs"]
mod common;
mod journey;
mod matrix;
#[path = "../common/otlp.rs"]
mod otlp;
mod support;
