use std::future::Future;

use super::{Batch, Failure, Incoming};

/// What handles messages, one at a time. Closures and `async fn`s are handlers.
///
/// `Ok` acks the message. An error, through `?`, lets it come again with backoff; see [`Failure`]
/// for what else there is. A panic is caught and counts as an error.
///
/// The context of the process span, with the message's baggage, is current while the handler
/// runs. The future may be dropped: when the lease is lost, at the end of the drain time, and
/// with the worker itself.
///
/// Each handler runs in a task of its own, so one that blocks its thread holds up that thread
/// alone. On a `current_thread` runtime that is the only one there is: use
/// `tokio::task::spawn_blocking`.
pub trait Handler: Send + Sync + 'static {
    /// Handles one message.
    fn handle(&self, incoming: Incoming) -> impl Future<Output = Result<(), Failure>> + Send;
}

impl<F, Handling> Handler for F
where
    F: Fn(Incoming) -> Handling + Send + Sync + 'static,
    Handling: Future<Output = Result<(), Failure>> + Send,
{
    fn handle(&self, incoming: Incoming) -> impl Future<Output = Result<(), Failure>> + Send {
        self(incoming)
    }
}

/// What handles several messages at once. Closures and `async fn`s are batch handlers; a worker
/// takes one inside [`Batches`](super::Batches).
///
/// A verdict set on an item stands; the items without one follow the returned result.
pub trait BatchHandler: Send + Sync + 'static {
    /// Handles a batch.
    fn handle_batch(&self, batch: Batch) -> impl Future<Output = Result<(), Failure>> + Send;
}

impl<F, Handling> BatchHandler for F
where
    F: Fn(Batch) -> Handling + Send + Sync + 'static,
    Handling: Future<Output = Result<(), Failure>> + Send,
{
    fn handle_batch(&self, batch: Batch) -> impl Future<Output = Result<(), Failure>> + Send {
        self(batch)
    }
}
