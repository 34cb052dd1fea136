use std::sync::{Mutex, MutexGuard, PoisonError};

use tokio::sync::Notify;

use super::{Error, Result};

/// All that a source knows, and every decision that it takes, without any I/O.
pub(crate) trait Knowledge {
    /// What is handed over.
    type Item;

    /// Hands over up to `max`. Where that is nothing, [`is_ready`](Self::is_ready) is false from
    /// then on until something may be handed over: only then is who waits woken.
    fn take(&mut self, max: usize) -> Vec<Self::Item>;

    /// Whether something may be handed over now.
    fn is_ready(&self) -> bool;

    /// The error that ended the source.
    fn fatal(&self) -> Option<&Error>;

    /// Whether nothing more will be handed over.
    fn is_closing(&self) -> bool;

    /// Whether a source that is closed has nothing left to do.
    fn is_flushed(&self) -> bool;

    /// Whether there is something for the driver to do before it would look by itself.
    fn stirs(&mut self) -> bool;

    /// Whether a receive has an answer: something to hand over, an error, or the end.
    fn answers(&self) -> bool {
        self.is_ready() || self.fatal().is_some() || self.is_closing()
    }
}

/// What wakes the driver of a source.
pub(crate) trait Stir {
    fn stir(&self);
}

impl Stir for Notify {
    fn stir(&self) {
        self.notify_one();
    }
}

/// What a source, its driver and its receipts have in common: the knowledge, behind a lock that is
/// never held over an await, and who waits for what.
///
/// What may give a receive its answer, ends a flush, or concerns the driver goes through
/// [`change`](Self::change).
#[derive(Debug)]
pub(crate) struct Shared<K, D = Notify> {
    knowledge: Mutex<K>,
    /// There is an answer where there was none: for those who receive, or who wait for the end.
    answered: Notify,
    pub(crate) driver: D,
}

impl<K: Knowledge, D: Stir + Default> Shared<K, D> {
    pub(crate) fn new(knowledge: K) -> Self {
        Self {
            knowledge: Mutex::new(knowledge),
            answered: Notify::new(),
            driver: D::default(),
        }
    }

    pub(crate) fn lock(&self) -> MutexGuard<'_, K> {
        // No decision is left half taken by a panic: the knowledge has no user's code in it.
        self.knowledge
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }

    /// Changes the knowledge, and wakes whom that concerns.
    pub(crate) fn change<T>(&self, change: impl FnOnce(&mut K) -> T) -> T {
        let mut knowledge = self.lock();
        let before = (knowledge.answers(), knowledge.is_flushed());
        let answer = change(&mut knowledge);
        let after = (knowledge.answers(), knowledge.is_flushed());
        let stirs = knowledge.stirs();
        drop(knowledge);
        // Who waits found no answer when he looked.
        if after.0 && !before.0 || after.1 && !before.1 {
            self.answered.notify_waiters();
        }
        if stirs {
            self.driver.stir();
        }
        answer
    }

    /// Takes up to `max`, waiting for the first; none from a source that is closed.
    ///
    /// # Errors
    /// The one that ended the source.
    pub(crate) async fn receive(&self, max: usize) -> Result<Vec<K::Item>> {
        self.wait(|knowledge| {
            if let Some(error) = knowledge.fatal() {
                return Some(Err(error.clone()));
            }
            let taken = knowledge.take(max.max(1));
            let answers = !taken.is_empty() || knowledge.is_closing();
            answers.then_some(Ok(taken))
        })
        .await
    }

    /// Waits until a source that is closed has nothing left to do.
    pub(crate) async fn flushed(&self) {
        self.wait(|knowledge| knowledge.is_flushed().then_some(()))
            .await;
    }

    /// Looks until there is an answer.
    async fn wait<T>(&self, mut look: impl FnMut(&mut K) -> Option<T>) -> T {
        loop {
            // Made before the look, so that nothing that changes falls between the two.
            let answered = self.answered.notified();
            if let Some(answer) = self.change(&mut look) {
                return answer;
            }
            answered.await;
        }
    }
}

#[cfg(any(feature = "amqp", feature = "sqs"))]
impl<K> Shared<K> {
    /// Waits until there is something for the driver to do, at the latest until `due`.
    pub(crate) async fn stirred(&self, due: Option<tokio::time::Instant>) {
        let stirred = self.driver.notified();
        match due {
            Some(due) => {
                let _ = tokio::time::timeout_at(due, stirred).await;
            }
            None => stirred.await,
        }
    }
}
