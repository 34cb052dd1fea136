//! For tests, yours and ours (feature `testing`). Nothing in here is for production.

#[cfg(feature = "worker")]
pub mod conformance;
mod span_tree;
pub mod sqs;
mod telemetry;

pub use span_tree::SpanTree;
pub use telemetry::{Measured, Recorder};
