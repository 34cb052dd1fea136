//! For tests, yours and ours (feature `testing`). Nothing in here is for production.

pub mod sqs;
mod telemetry;

pub use telemetry::{Measured, Recorder};
