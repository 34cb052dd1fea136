//! What the wrapped clients of SQS and SNS share: the life of a call in an interceptor, and how
//! messages go out.

mod destinations;
mod in_flight;
mod lambda;
mod outcome;
mod send;
mod sending;

pub(crate) use destinations::Destinations;
pub(crate) use in_flight::InFlight;
pub(crate) use outcome::{outcome, request_id};
pub(crate) use send::Sender;
#[cfg(feature = "sqs")]
pub(crate) use sending::Created;
pub(crate) use sending::{BatchAnswer, Sending, SendingBatch};
