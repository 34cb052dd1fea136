use std::fmt;
use std::sync::Arc;

use futures_util::FutureExt as _;
use futures_util::future::BoxFuture;
use lapin::{Channel, Connection};

/// What the user wants declared on every new connection.
#[derive(Clone)]
pub(super) struct Topology(
    Arc<dyn Fn(Channel) -> BoxFuture<'static, lapin::Result<()>> + Send + Sync>,
);

impl Topology {
    pub(super) fn new<F>(declare: impl Fn(Channel) -> F + Send + Sync + 'static) -> Self
    where
        F: Future<Output = lapin::Result<()>> + Send + 'static,
    {
        Self(Arc::new(move |channel| declare(channel).boxed()))
    }

    /// Declares it, on a channel of its own.
    pub(super) async fn declare(&self, connection: &Connection) -> lapin::Result<()> {
        let channel = connection.create_channel().await?;
        (self.0)(channel.clone()).await?;
        channel.close(200, "done".into()).await
    }
}

impl fmt::Debug for Topology {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Topology").finish_non_exhaustive()
    }
}
