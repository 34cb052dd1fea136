//! For tests, yours and ours (feature `testing`). Nothing in here is for production.

pub mod sqs;
mod telemetry;

pub use telemetry::{Measured, Recorder};
//! For tests, yours and ours.

mod span_tree;

pub use span_tree::SpanTree;
