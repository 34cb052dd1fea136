use lapin::options::{BasicPublishOptions, ConfirmSelectOptions, QueueDeclareOptions};
use lapin::types::{AMQPValue, FieldTable};
use lapin::{BasicProperties, Connection, ConnectionProperties};

use crate::common;
use crate::common::example::example;
use crate::common::killed::{MESSAGES, nothing_is_lost};

/// What SIGKILL leaves in hand comes again with the end of its connection, to the next worker.
#[tokio::test]
async fn a_killed_worker_loses_nothing() {
    let Some(url) = common::rabbitmq() else {
        return;
    };
    let connection = Connection::connect(&url, ConnectionProperties::default());
    let connection = connection.await.unwrap();
    let channel = connection.create_channel().await.unwrap();
    let confirms = ConfirmSelectOptions::default();
    channel.confirm_select(confirms).await.unwrap();
    let queue = common::unique("killed");
    let mut arguments = FieldTable::default();
    arguments.insert(
        "x-queue-type".into(),
        AMQPValue::LongString("quorum".into()),
    );
    let options = QueueDeclareOptions {
        durable: true,
        ..QueueDeclareOptions::default()
    };
    let declared = channel.queue_declare(queue.as_str().into(), options, arguments);
    declared.await.unwrap();
    for number in 0..MESSAGES {
        let body = number.to_string();
        let published = channel.basic_publish(
            "".into(),
            queue.as_str().into(),
            BasicPublishOptions::default(),
            body.as_bytes(),
            BasicProperties::default().with_delivery_mode(2),
        );
        drop(published.await.unwrap());
    }
    channel.wait_for_confirms().await.unwrap();
    nothing_is_lost(|| {
        let mut worker = example("amqp_worker");
        worker.env("AMQP_URL", &url).env("QUEUE", &queue);
        worker
    })
    .await;
}
