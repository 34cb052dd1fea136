use tracehop::amqp::AmqpSink;
use tracehop::contract::{ErrorKind, Message, Sink, SinkExt as _};

use crate::common;
use crate::common::instance::Instance;
use crate::support::{Rabbit, enqueue};

/// A header frame above the limit would close the connection, with all that is on it.
#[tokio::test]
async fn headers_above_a_frame_are_refused_and_fail_no_other() {
    let Some(rabbit) = Rabbit::new().await else {
        return;
    };
    let sink = rabbit.sink();
    let before = enqueue(&sink, Message::new("before")).await;
    let large = Message::new("large").with_header("large", "x".repeat(140_000));
    let large = enqueue(&sink, large).await;
    let after = enqueue(&sink, Message::new("after")).await;
    before.await.unwrap();
    let error = large.await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Payload);
    assert!(error.to_string().contains("131072"), "{error}");
    after.await.unwrap();
    assert_eq!(rabbit.bodies().await, ["before", "after"]);
}

/// RabbitMQ closes the channel for such a message: others on it are to be sent again, this one not.
#[tokio::test]
async fn a_payload_above_the_brokers_limit_is_refused() {
    if common::rabbitmq().is_none() {
        return;
    }
    let broker = Instance::rabbitmq().await;
    broker
        .ctl(&[
            "eval",
            "application:set_env(rabbit, max_message_size, 1000).",
        ])
        .await;
    let queue = common::unique("sink");
    let rabbit = Rabbit::at(broker.url(), &queue).await;
    let sink = AmqpSink::to_queue(broker.url(), queue).unwrap();
    for _ in 0..2 {
        let large = Message::new("x".repeat(1001));
        let error = sink.send(large).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Payload, "{error}");
        assert!(error.to_string().contains("1000"), "{error}");
    }
    let sent = sink.send_all([Message::new("small"), Message::new("x".repeat(1000))]);
    assert!(sent.await.iter().all(Result::is_ok));
    assert_eq!(rabbit.bodies().await.len(), 2);
}
