use lapin::options::QueueDeclareOptions;
use lapin::types::{AMQPValue, FieldTable};
use tracehop::amqp::AmqpSink;
use tracehop::contract::{ErrorKind, Message, Operation, Sink, SinkExt as _};

use crate::common;
use crate::support::{Rabbit, enqueue};

#[tokio::test]
async fn messages_are_there_in_order_when_their_confirms_are() {
    let Some(rabbit) = Rabbit::new().await else {
        return;
    };
    let sink = rabbit.builder().max_unconfirmed(50).build().unwrap();
    let numbers: Vec<String> = (0..500).map(|number| number.to_string()).collect();
    let messages = numbers.iter().map(|number| Message::new(number.clone()));
    for sent in sink.send_all(messages).await {
        assert!(sent.unwrap().message_id.is_some());
    }
    assert_eq!(rabbit.bodies().await, numbers);
}

#[tokio::test]
async fn a_message_is_persistent_and_has_an_id() {
    let Some(rabbit) = Rabbit::new().await else {
        return;
    };
    let sent = rabbit.sink().send(Message::new("an order")).await.unwrap();
    let got = rabbit.get().await.unwrap().properties;
    assert_eq!(*got.delivery_mode(), Some(2));
    let id = got.message_id().as_ref().map(ToString::to_string);
    assert!(id.is_some());
    assert_eq!(id, sent.message_id);
    let transient = rabbit.builder().persistent(false).build().unwrap();
    let mut message = Message::new("an order");
    message.properties.message_id = Some("m-1".to_owned());
    transient.send(message).await.unwrap();
    let got = rabbit.get().await.unwrap().properties;
    assert_eq!(*got.delivery_mode(), Some(1));
    assert_eq!(
        got.message_id()
            .as_ref()
            .map(ToString::to_string)
            .as_deref(),
        Some("m-1")
    );
}

#[tokio::test]
async fn dropping_the_sink_lets_what_was_enqueued_go_out() {
    let Some(rabbit) = Rabbit::new().await else {
        return;
    };
    let sink = rabbit.sink();
    let first = enqueue(&sink, Message::new("1")).await;
    let second = enqueue(&sink, Message::new("2")).await;
    drop((sink, first));
    second.await.unwrap();
    assert_eq!(rabbit.bodies().await, ["1", "2"]);
}

/// Each return belongs to its own message, though the client tells of it with whichever confirm.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_returned_message_is_an_error_and_no_other() {
    let Some(rabbit) = Rabbit::new().await else {
        return;
    };
    let sink = AmqpSink::new(rabbit.url.as_str(), "").unwrap();
    let nowhere = common::unique("nowhere");
    for _ in 0..20 {
        let messages = (0..100).map(|number: usize| {
            let returned = number % 7 < 2;
            let key = if returned { &nowhere } else { &rabbit.queue };
            Message::new(number.to_string()).with_key(key.clone())
        });
        for (number, sent) in sink.send_all(messages).await.into_iter().enumerate() {
            if number % 7 < 2 {
                let error = sent.unwrap_err();
                assert_eq!(
                    (error.kind(), error.code()),
                    (ErrorKind::NotFound, "NO_ROUTE")
                );
                assert_eq!(error.destination(), format!("rabbitmq:{nowhere}"));
            } else {
                assert!(sent.is_ok(), "{number}: {sent:?}");
            }
        }
    }
    let careless = AmqpSink::builder(rabbit.url.as_str(), "").mandatory(false);
    let careless = careless.build().unwrap();
    let message = Message::new("lost").with_key(nowhere);
    careless.send(message).await.unwrap();
}

#[tokio::test]
async fn what_the_broker_cannot_take_on_is_an_error() {
    let Some(rabbit) = Rabbit::new().await else {
        return;
    };
    let queue = common::unique("full");
    let mut arguments = FieldTable::default();
    arguments.insert("x-max-length".into(), AMQPValue::LongLongInt(1));
    let overflow = AMQPValue::LongString("reject-publish".into());
    arguments.insert("x-overflow".into(), overflow);
    let options = QueueDeclareOptions::default();
    let declared = rabbit
        .channel
        .queue_declare(queue.as_str().into(), options, arguments);
    declared.await.unwrap();
    let sink = AmqpSink::to_queue(rabbit.url.as_str(), queue.as_str()).unwrap();
    let mut failed = None;
    for number in 0..5 {
        failed = sink.send(Message::new(number.to_string())).await.err();
        if failed.is_some() {
            break;
        }
    }
    let error = failed.expect("a full queue refuses");
    assert_eq!((error.operation(), error.code()), (Operation::Send, "nack"));
    assert!(error.retryable());
}
