use tokio_util::sync::CancellationToken;

/// The time in which the broker counts a delivery as ours.
///
/// Cloning is cheap and every clone sees the same loss. A lost lease stays lost.
#[derive(Clone, Debug)]
pub struct Lease(CancellationToken);

impl Lease {
    /// Whether the broker no longer counts the delivery as ours.
    pub fn is_lost(&self) -> bool {
        self.0.is_cancelled()
    }

    /// Waits until the lease is lost; at once if it is. Cancel-safe.
    pub async fn lost(&self) {
        self.0.cancelled().await;
    }
}

/// The source's side of a [`Lease`].
///
/// Dropping it leaves the lease as it is: a source that has settled a delivery keeps no keeper.
#[derive(Debug)]
pub struct LeaseKeeper(CancellationToken);

impl LeaseKeeper {
    /// Keeps a lease that was just granted.
    #[expect(
        clippy::new_without_default,
        reason = "a lease is granted, never a default"
    )]
    pub fn new() -> Self {
        Self(CancellationToken::new())
    }

    /// The lease to hand out.
    pub fn lease(&self) -> Lease {
        Lease(self.0.clone())
    }

    /// Says that the lease is lost, to all who hold it.
    pub fn revoke(&self) {
        self.0.cancel();
    }

    /// Whether it was revoked.
    pub fn is_lost(&self) -> bool {
        self.0.is_cancelled()
    }
}
