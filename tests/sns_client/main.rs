//! The traced SNS client: the real AWS SDK, with an HTTP client that keeps what goes out.

#![cfg(all(feature = "sns", feature = "testing"))]
#![expect(clippy::unwrap_used, reason = "a failed unwrap fails the test")]

#[path = "../common/mod.rs"]
mod common;

mod batch;
mod eventbridge;
mod localstack;
mod publish;
mod server;
mod support;
mod withheld;
