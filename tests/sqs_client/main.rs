//! The traced SQS client: the real AWS SDK on the in-process endpoint, with every finished span
//! and every request that went out to look at.

#![cfg(feature = "testing")]
#![expect(clippy::unwrap_used, reason = "a failed unwrap fails the test")]

#[path = "../common/mod.rs"]
mod common;

mod batch;
mod bystanders;
mod envelopes;
mod every_format;
mod existing_context;
mod failures;
mod formats;
mod lambda;
mod limits;
mod localstack;
mod process;
mod receive;
mod send;
mod settle;
mod support;
