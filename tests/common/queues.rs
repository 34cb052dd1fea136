//! Queues on RabbitMQ.

use lapin::options::QueueDeclareOptions;
use lapin::types::{AMQPValue, FieldTable};
use lapin::{Channel, Connection, ConnectionProperties};

/// A channel, and the connection that it is on, which is closed when it is dropped.
pub(crate) async fn channel(url: &str) -> (Channel, Connection) {
    let connection = Connection::connect(url, ConnectionProperties::default());
    let connection = connection.await.unwrap();
    (connection.create_channel().await.unwrap(), connection)
}

/// Declares a queue that survives a restart.
pub(crate) async fn declare(
    channel: &Channel,
    queue: &str,
    arguments: FieldTable,
) -> lapin::Result<()> {
    let options = QueueDeclareOptions {
        durable: true,
        ..QueueDeclareOptions::default()
    };
    let declared = channel.queue_declare(queue.into(), options, arguments);
    declared.await.map(drop)
}

/// The argument that makes a queue a classic or a quorum queue.
pub(crate) fn of_type(kind: &str) -> FieldTable {
    let mut arguments = FieldTable::default();
    let kind = AMQPValue::LongString(kind.into());
    arguments.insert("x-queue-type".into(), kind);
    arguments
}
