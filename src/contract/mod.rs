//! What a broker must offer, and what it can reuse: messages, sources, sinks, leases and lanes.
//!
//! A broker implements [`Source`] and [`Sink`]; [`Lanes`] and [`Lease`] are the parts that every
//! source shares, so that order and ownership mean the same on each of them.

mod credentials;
mod destination;
mod error;
#[cfg(any(feature = "kafka", feature = "worker"))]
mod field;
mod headers;
mod lanes;
mod later;
mod lease;
mod message;
#[cfg(any(feature = "amqp", feature = "kafka", feature = "sqs"))]
mod shared;
mod sink;
mod source;

#[cfg(any(feature = "kafka", feature = "sqs"))]
pub(crate) use credentials::without_credentials;
pub use destination::{Destination, Server, System};
pub use error::{Error, ErrorKind, Operation, Result};
#[cfg(any(feature = "kafka", feature = "worker"))]
pub(crate) use field::Field;
pub use headers::{Headers, Value};
pub use lanes::{Lane, Lanes};
#[cfg(any(feature = "amqp", feature = "sqs"))]
pub(crate) use later::is_sooner;
pub(crate) use later::later;
pub use lease::{Lease, LeaseKeeper};
pub use message::{Message, Properties};
#[cfg(feature = "kafka")]
pub(crate) use shared::Stir;
#[cfg(any(feature = "amqp", feature = "kafka", feature = "sqs"))]
pub(crate) use shared::{Knowledge, Shared};
pub use sink::{Confirm, Sent, Sink, SinkExt};
pub use source::{Attributes, Capacity, Delivered, Delivery, Settled, Settlement, Source};
