//! AWS Lambda functions that SQS or SNS invokes: a span for the event and one for each of its
//! records, and the response that tells which records failed.
//!
//! The events are those of `aws_lambda_events`, as `lambda_runtime` hands them over. Nothing of the
//! AWS SDK is needed.

mod event;
mod function;
mod record;

pub use function::TracedFunction;
