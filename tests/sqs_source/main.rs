//! The SQS source on the in-process endpoint, rule by rule, and on real servers where there are
//! any.

#![cfg(all(feature = "sqs", feature = "testing"))]
#![expect(clippy::unwrap_used, reason = "a failed unwrap fails the test")]

mod close;
mod deliveries;
mod envelopes;
mod fifo;
mod leases;
mod open;
mod polls;
mod rejects;
mod servers;
mod settle;
mod spans;
mod support;

#[path = "../common/mod.rs"]
mod common;
