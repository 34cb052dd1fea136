//! The in-process SQS endpoint against the real AWS SDK client: each rule that it claims to have.

#![cfg(feature = "testing")]
#![expect(clippy::unwrap_used, reason = "a failed unwrap fails the test")]

mod batches;
mod dead_letters;
mod faults;
mod fifo;
mod limits;
mod load;
mod polling;
mod queues;
mod receipts;
mod shown;
mod support;
