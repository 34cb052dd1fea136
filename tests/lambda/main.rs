//! A traced Lambda function, invoked with events as Lambda writes them (AWS Lambda developer guide,
//! "Using Lambda with Amazon SQS" and "with Amazon SNS").

#![cfg(all(feature = "lambda", feature = "testing"))]
#![expect(clippy::unwrap_used, reason = "a failed unwrap fails the test")]

mod fifo;
mod sns;
mod spans;
mod sqs;
mod support;
