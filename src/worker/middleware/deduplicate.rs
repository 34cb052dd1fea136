use std::future::Future;
use std::num::NonZeroUsize;
use std::sync::{Mutex, PoisonError};

use lru::LruCache;

use crate::worker::{Failure, Handler, Incoming};

/// Hands the handler inside only messages that it has not handled yet; others are acked unseen.
///
/// A message is known by its destination and id, and is put on record after the handler has
/// succeeded: one that fails is tried again, and one that is delivered to two workers at the same
/// time is handled twice. A message without an id is always handled.
#[derive(Clone, Debug)]
pub struct Deduplicate<H, S> {
    inner: H,
    seen: S,
}

/// The record of the messages that were handled: the in-memory one, or your own, in the database
/// that the handler writes to.
pub trait Seen: Send + Sync + 'static {
    /// Whether the message of that key is on record.
    ///
    /// # Errors
    /// The record could not be read; the message then comes again, as after any failure.
    fn contains(&self, key: &str) -> impl Future<Output = Result<bool, Failure>> + Send;

    /// Puts the message of that key on record.
    ///
    /// # Errors
    /// The record could not be written; the message then comes again, and is handled again.
    fn insert(&self, key: &str) -> impl Future<Output = Result<(), Failure>> + Send;
}

impl<H: Handler, S: Seen> Deduplicate<H, S> {
    /// Hands `inner` what is not on record in `seen`.
    pub fn new(inner: H, seen: S) -> Self {
        Self { inner, seen }
    }
}

impl<H: Handler, S: Seen> Handler for Deduplicate<H, S> {
    async fn handle(&self, incoming: Incoming) -> Result<(), Failure> {
        let Some(id) = incoming.id() else {
            return self.inner.handle(incoming).await;
        };
        let key = format!("{}/{id}", incoming.destination());
        if self.seen.contains(&key).await? {
            return Ok(());
        }
        self.inner.handle(incoming).await?;
        self.seen.insert(&key).await
    }
}

/// A record of the last messages, within this process.
#[derive(Debug)]
pub struct SeenInMemory(Mutex<LruCache<String, ()>>);

impl SeenInMemory {
    /// Remembers that many messages; of more, the longest unseen is forgotten.
    pub fn new(most: NonZeroUsize) -> Self {
        Self(Mutex::new(LruCache::new(most)))
    }

    fn with<T>(&self, f: impl FnOnce(&mut LruCache<String, ()>) -> T) -> T {
        f(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Seen for SeenInMemory {
    async fn contains(&self, key: &str) -> Result<bool, Failure> {
        Ok(self.with(|seen| seen.get(key).is_some()))
    }

    async fn insert(&self, key: &str) -> Result<(), Failure> {
        self.with(|seen| seen.put(key.to_owned(), ()));
        Ok(())
    }
}
