use lapin::BasicProperties;
use lapin::options::{BasicPublishOptions, ConfirmSelectOptions};

use crate::common::example::example;
use crate::common::killed::{MESSAGES, nothing_is_lost};
use crate::common::{self, queues};

/// What SIGKILL leaves in hand comes again with the end of its connection, to the next worker.
#[tokio::test]
async fn a_killed_worker_loses_nothing() {
    let Some(url) = common::rabbitmq() else {
        return;
    };
    let (channel, _connection) = queues::channel(&url).await;
    let confirms = ConfirmSelectOptions::default();
    channel.confirm_select(confirms).await.unwrap();
    let queue = common::unique("killed");
    let declared = queues::declare(&channel, &queue, queues::of_type("quorum"));
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
