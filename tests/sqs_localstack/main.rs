//! Whole processes on a real LocalStack: the example programs, killed, restarted under, and
//! watched through OTLP.

#![expect(clippy::unwrap_used, reason = "a failed unwrap fails the test")]

#[path = "../common/mod.rs"]
mod common;
mod killed;
#[path = "../common/otlp.rs"]
mod otlp;
mod restarted;
mod support;
mod watched;
