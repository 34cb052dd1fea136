//! Workers: they take deliveries from a [`Source`](crate::contract::Source), hand them to a
//! [`Handler`], and settle them.
//!
//! | the handler | the message |
//! |---|---|
//! | returns `Ok` | is acked |
//! | returns an error (`?`), panics, or runs out of its time | comes again, with backoff |
//! | returns [`Failure::retry_after`] | comes again after that time |
//! | returns [`Failure::reject`], or fails at the last attempt | goes the way of [`DeadLetter`] |
//! | loses its lease | comes again, nothing is settled |
//! | is cancelled at the end of the drain time | comes again, at once |

mod backoff;
mod batch;
mod dead_letter;
mod drained;
mod engine;
mod failure;
mod gate;
mod handle;
mod handler;
mod incoming;
pub mod middleware;
mod retries;
mod run;
mod settlement;
mod work;
#[expect(
    clippy::module_inception,
    reason = "the worker itself is the root of its module"
)]
mod worker;

pub use backoff::Backoff;
pub use batch::{Batch, BatchItem, Batches};
pub use dead_letter::{DeadLetter, DeadLetterSink};
pub use drained::Drained;
pub use failure::Failure;
pub use gate::Gate;
pub use handle::{Health, WorkerHandle};
pub use handler::{BatchHandler, Handler};
pub use incoming::Incoming;
pub(crate) use settlement::Ended;
pub use work::Work;
pub(crate) use work::{Few, Handled, Rules, Spanned, Worked, sealed};
pub use worker::{LostLease, Worker};
