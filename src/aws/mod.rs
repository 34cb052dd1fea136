//! What SQS, SNS and Lambda share: what messages bring, the life of a call in an interceptor of the
//! wrapped clients, and how messages go out.

mod destinations;
#[cfg(any(feature = "sqs", feature = "sns"))]
mod in_flight;
#[cfg(any(feature = "sqs", feature = "sns"))]
mod lambda;
#[cfg(any(feature = "sqs", feature = "sns"))]
mod outcome;
#[cfg(any(feature = "sqs", feature = "lambda"))]
mod received;
#[cfg(any(feature = "sqs", feature = "sns"))]
mod send;
#[cfg(any(feature = "sqs", feature = "sns"))]
mod sending;

pub(crate) use destinations::Destinations;
#[cfg(any(feature = "sqs", feature = "sns"))]
pub(crate) use in_flight::InFlight;
#[cfg(any(feature = "sqs", feature = "sns"))]
pub(crate) use outcome::{outcome, request_id};
#[cfg(any(feature = "sqs", feature = "lambda"))]
pub(crate) use received::{extract, timestamp};
#[cfg(any(feature = "sqs", feature = "sns"))]
pub(crate) use send::Sender;
#[cfg(feature = "sqs")]
pub(crate) use sending::Created;
#[cfg(any(feature = "sqs", feature = "sns"))]
pub(crate) use sending::{BatchAnswer, Sending, SendingBatch};
