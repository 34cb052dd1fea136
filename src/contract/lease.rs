use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use tokio::sync::Notify;

/// The time in which the broker counts a delivery as ours.
///
/// Cloning is cheap and every clone sees the same loss. A lost lease stays lost.
#[derive(Clone, Debug)]
pub struct Lease(Arc<Term>);

/// Looked at several times a message, from any thread: a look takes no lock.
#[derive(Debug, Default)]
struct Term {
    lost: AtomicBool,
    loss: Notify,
}

impl Lease {
    /// Whether the broker no longer counts the delivery as ours.
    pub fn is_lost(&self) -> bool {
        self.0.lost.load(Ordering::SeqCst)
    }

    /// Waits until the lease is lost; at once if it is. Cancel-safe.
    pub async fn lost(&self) {
        // Made before the look, so that no loss falls between the two.
        let loss = self.0.loss.notified();
        if !self.is_lost() {
            loss.await;
        }
    }
}

/// The source's side of a [`Lease`].
///
/// Dropping it leaves the lease as it is: a source that has settled a delivery keeps no keeper.
#[derive(Debug)]
pub struct LeaseKeeper(Lease);

impl LeaseKeeper {
    /// Keeps a lease that was just granted.
    #[expect(
        clippy::new_without_default,
        reason = "a lease is granted, never a default"
    )]
    pub fn new() -> Self {
        Self(Lease(Arc::default()))
    }

    /// The lease to hand out.
    pub fn lease(&self) -> Lease {
        self.0.clone()
    }

    /// Says that the lease is lost, to all who hold it.
    pub fn revoke(&self) {
        self.0.0.lost.store(true, Ordering::SeqCst);
        self.0.0.loss.notify_waiters();
    }

    /// Whether it was revoked.
    pub fn is_lost(&self) -> bool {
        self.0.is_lost()
    }
}

#[cfg(test)]
mod tests {
    use futures_util::FutureExt as _;

    use super::*;

    #[test]
    fn a_loss_is_heard_before_it_and_after() {
        let keeper = LeaseKeeper::new();
        let lease = keeper.lease();
        let mut before = Box::pin(lease.lost());
        assert!(before.as_mut().now_or_never().is_none() && !lease.is_lost());
        keeper.revoke();
        assert!(before.now_or_never().is_some() && lease.is_lost());
        assert!(lease.clone().lost().now_or_never().is_some());
    }
}
