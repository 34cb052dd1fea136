//! A queue for one measurement, and the connection to it.

use lapin::options::{QueueDeclareOptions, QueueDeleteOptions};
use lapin::types::FieldTable;
use lapin::{Channel, Connection, ConnectionProperties};
use tracehop::amqp::AmqpUrl;

pub(crate) struct Queue(String);

impl Queue {
    pub(crate) fn create() -> Self {
        let name = format!("bench-{:016x}", fastrand::u64(..));
        block_on(async {
            let (_connection, channel) = connect().await;
            let options = QueueDeclareOptions::default();
            let table = FieldTable::default();
            let declared = channel.queue_declare(name.as_str().into(), options, table);
            declared.await.expect("a queue");
        });
        Self(name)
    }

    pub(crate) fn name(&self) -> &str {
        &self.0
    }
}

impl Drop for Queue {
    fn drop(&mut self) {
        block_on(async {
            let (_connection, channel) = connect().await;
            let options = QueueDeleteOptions::default();
            // One that stays is in nobody's way.
            drop(channel.queue_delete(self.0.as_str().into(), options).await);
        });
    }
}

pub(crate) fn url() -> AmqpUrl {
    let url = std::env::var("TRACEHOP_AMQP_URL").expect("TRACEHOP_AMQP_URL is set");
    url.parse().expect("a URL")
}

/// The connection closes when it is dropped.
pub(crate) async fn connect() -> (Connection, Channel) {
    let connection = url().connect(ConnectionProperties::default()).await;
    let connection = connection.expect("a connection");
    let channel = connection.create_channel().await.expect("a channel");
    (connection, channel)
}

fn block_on<F: Future>(future: F) -> F::Output {
    let runtime = tokio::runtime::Builder::new_current_thread();
    let runtime = { runtime }.enable_all().build().expect("a runtime");
    runtime.block_on(future)
}
