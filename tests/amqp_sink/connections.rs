use lapin::types::FieldTable;
use tokio::time::timeout;
use tracehop::amqp::AmqpSink;
use tracehop::contract::{ErrorKind, Message, Operation, Sink};

use crate::common::instance::Instance;
use crate::common::proxy::Proxy;
use crate::common::{self, queues};
use crate::support::{LIMIT, Rabbit, enqueue};

/// The broker has the message, and the word of that is lost: the caller must not think that it was
/// sent, nor that it was not.
#[tokio::test]
async fn a_cut_before_the_confirm_is_an_error_that_may_be_tried_again() {
    let Some(rabbit) = Rabbit::new().await else {
        return;
    };
    let wire = Proxy::to(&rabbit.url).await;
    let sink = AmqpSink::to_queue(wire.url(&rabbit.url), rabbit.queue.as_str()).unwrap();
    sink.send(Message::new("before")).await.unwrap();
    wire.deafen();
    let first = enqueue(&sink, Message::new("first")).await;
    let second = enqueue(&sink, Message::new("second")).await;
    let mut arrived = Vec::new();
    while arrived != ["before", "first", "second"] {
        arrived.extend(rabbit.bodies().await);
    }
    wire.cut();
    for confirm in [first, second] {
        let error = timeout(LIMIT, confirm).await.unwrap().unwrap_err();
        assert_eq!(
            (error.operation(), error.kind()),
            (Operation::Send, ErrorKind::Unavailable)
        );
        assert!(error.retryable());
    }
    let after = timeout(LIMIT, sink.send(Message::new("after"))).await;
    after.expect("a new connection").unwrap();
    assert_eq!(rabbit.bodies().await, ["after"]);
}

#[tokio::test]
async fn the_sink_survives_that_the_broker_is_killed_and_started_again() {
    if common::rabbitmq().is_none() {
        return;
    }
    let broker = Instance::rabbitmq().await;
    let queue = common::unique("sink");
    let declared = queue.clone();
    let sink = AmqpSink::builder(broker.url(), "")
        .routing_key(queue.as_str())
        .topology(move |channel| {
            let queue = declared.clone();
            async move { queues::declare(&channel, &queue, FieldTable::default()).await }
        })
        .build()
        .unwrap();
    sink.send(Message::new("before")).await.unwrap();
    broker.kill().await;
    let error = timeout(LIMIT, sink.send(Message::new("meanwhile"))).await;
    let error = error.expect("an answer in time").unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unavailable);
    broker.start_again().await;
    let sent = async { while sink.send(Message::new("after")).await.is_err() {} };
    timeout(LIMIT, sent).await.unwrap();
    let rabbit = Rabbit::at(broker.url(), &queue).await;
    assert_eq!(rabbit.bodies().await, ["before", "after"]);
}
