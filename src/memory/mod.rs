//! An in-process broker: the reference for the contract, and a broker for tests.
//!
//! It redelivers, delays, dead-letters, keeps lanes ([`Message::group`](crate::contract::Message)
//! is the lane) and grants leases that a test can revoke. It runs on tokio's clock alone, so a
//! test with paused time goes through hours in an instant. Nothing outlives the process.
//!
//! ```
//! # tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap().block_on(async {
//! use tracehop::contract::{Capacity, Message, Settlement, Sink, Source};
//! use tracehop::memory::MemoryBroker;
//!
//! let broker = MemoryBroker::new();
//! broker.sink("orders").send(Message::new("one")).await?;
//!
//! let source = broker.source("orders");
//! source.open(Capacity::slots(1)).await?;
//! for delivery in source.receive(1).await? {
//!     assert_eq!(delivery.message.text(), Some("one"));
//!     source.settle(delivery.receipt, Settlement::Ack).await?;
//! }
//! assert_eq!(broker.waiting("orders"), 0);
//! # Ok::<(), tracehop::contract::Error>(()) }).unwrap();
//! ```

mod broker;
mod parts;
mod queue;
mod runs;
mod sink;
mod source;
mod state;
mod timers;

pub use broker::{MemoryBroker, QueueOptions};
pub use sink::MemorySink;
pub use source::{MemoryReceipt, MemorySource};
