//! The worker, on the memory broker.

#![cfg(all(feature = "testing", feature = "worker"))]
#![expect(clippy::unwrap_used, reason = "a failed unwrap fails the test")]

mod bad_input;
mod bench;
#[path = "../common/mod.rs"]
mod common;
mod conformance;
mod fixture;
mod health;
mod memory;
mod middleware;
mod running;
mod spans;
mod trouble;
