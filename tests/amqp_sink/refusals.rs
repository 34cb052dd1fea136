use std::time::Duration;

use bytes::Bytes;
use tokio::time::timeout;
use tracehop::amqp::AmqpSink;
use tracehop::contract::{Error, ErrorKind, Message, Operation, Sink, Value};

use crate::common;
use crate::support::{LIMIT, Rabbit};

async fn refused(sink: &AmqpSink, message: Message) -> Error {
    let sent = timeout(LIMIT, sink.send(message)).await;
    let error = sent.expect("an answer in time").unwrap_err();
    assert_eq!(error.operation(), Operation::Send);
    let shown = format!("{error} {error:?} {sink:?}");
    assert!(!shown.contains("s3cret"), "{shown}");
    error
}

#[tokio::test]
async fn an_exchange_that_is_not_there_is_an_error() {
    let Some(url) = common::rabbitmq() else {
        return;
    };
    let sink = AmqpSink::new(url, "no-such-exchange").unwrap();
    let message = || Message::new("an order").with_key("eu");
    for _ in 0..2 {
        let error = refused(&sink, message()).await;
        assert_eq!(
            (error.kind(), error.code()),
            (ErrorKind::NotFound, "NOT_FOUND")
        );
        assert_eq!(error.destination(), "rabbitmq:no-such-exchange:eu");
        assert!(
            error.to_string().contains("no exchange 'no-such-exchange'"),
            "{error}"
        );
    }
}

#[tokio::test]
async fn credentials_that_are_not_accepted_are_an_error_that_does_not_show_them() {
    let Some(url) = common::rabbitmq() else {
        return;
    };
    let (_, host) = url.split_once('@').unwrap();
    let url = format!("amqp://nobody:s3cret@{host}");
    let sink = AmqpSink::to_queue(url.as_str(), "orders").unwrap();
    let error = refused(&sink, Message::new("an order")).await;
    assert_eq!(error.kind(), ErrorKind::Credentials);
    let builder = AmqpSink::builder(url, "orders");
    assert!(!format!("{builder:?}").contains("s3cret"));
}

#[tokio::test]
async fn a_broker_that_is_not_there_is_an_error() {
    let (_socket, address) = common::nobody_there();
    let url = format!("amqp://nobody:s3cret@{address}");
    let sink = AmqpSink::to_queue(url, "orders").unwrap();
    for _ in 0..2 {
        let error = refused(&sink, Message::new("an order")).await;
        assert_eq!(error.kind(), ErrorKind::Unavailable);
        assert_eq!(error.destination(), "rabbitmq:orders");
    }
}

#[tokio::test]
async fn tls_asked_of_a_plain_port_is_an_error() {
    let Some(url) = common::rabbitmq() else {
        return;
    };
    let (_, host) = url.split_once('@').unwrap();
    let sink = AmqpSink::builder(format!("amqps://nobody:s3cret@{host}"), "")
        .connect_timeout(Duration::from_secs(5))
        .build()
        .unwrap();
    let error = refused(&sink, Message::new("an order").with_key("orders")).await;
    assert!(error.retryable(), "{error}");
}

#[tokio::test]
async fn what_amqp_cannot_carry_is_refused_and_fails_no_other() {
    let Some(rabbit) = Rabbit::new().await else {
        return;
    };
    let sink = rabbit.sink();
    let number = Value::Other {
        kind: "Number.decimal".to_owned(),
        bytes: Bytes::from_static(b"3.14"),
    };
    let cases = [
        (Message::default(), "without a payload"),
        (Message::new("").with_header("pi", number), "Number.decimal"),
        (
            Message::new("").with_delay(Duration::from_secs(1)),
            "delays no messages",
        ),
        (Message::new("").with_header("n".repeat(256), "x"), "255"),
    ];
    for (message, reason) in cases {
        let error = refused(&sink, message).await;
        assert_eq!(error.kind(), ErrorKind::Payload);
        assert!(error.to_string().contains(reason), "{error}");
    }
    sink.send(Message::new("an order")).await.unwrap();
    assert_eq!(rabbit.bodies().await, ["an order"]);
}
