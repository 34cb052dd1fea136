//! The relay, between every two brokers that there are.

#![cfg(all(feature = "testing", feature = "worker"))]
#![expect(clippy::unwrap_used, reason = "a failed unwrap fails the test")]

#[path = "../common/mod.rs"]
mod common;
mod memory;
mod spans;
mod support;
mod trouble;
