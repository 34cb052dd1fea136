//! RabbitMQ and the others, where there is one. Its messages belong to no lane.

use std::time::{Duration, UNIX_EPOCH};

use tokio::sync::mpsc;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;
use tracehop::contract::{Message, Sink as _, Value};
use tracehop::relay::Relay;
use tracehop::testing::conformance::{Fixture, QueueKind};
use tracehop::worker::{Failure, Incoming, Worker};

use super::all_of_it_arrives;
use crate::amqp_fixture::Rabbit;
use crate::bench::LIMIT;
use crate::memory_fixture::Memory;
use crate::sqs_fixture::Sqs;

#[tokio::test]
async fn sqs_to_rabbitmq() {
    if let Some(to) = Rabbit::with("quorum").await {
        all_of_it_arrives(&Sqs::in_process().await, &to).await;
    }
}

#[tokio::test]
async fn rabbitmq_to_sqs() {
    if let Some(from) = Rabbit::with("classic").await {
        all_of_it_arrives(&from, &Sqs::in_process().await).await;
    }
}

#[tokio::test]
async fn memory_to_rabbitmq() {
    if let Some(to) = Rabbit::with("quorum").await {
        all_of_it_arrives(&Memory::new(), &to).await;
    }
}

#[tokio::test]
async fn rabbitmq_to_memory() {
    if let Some(from) = Rabbit::with("quorum").await {
        all_of_it_arrives(&from, &Memory::new()).await;
    }
}

#[tokio::test]
async fn rabbitmq_to_rabbitmq() {
    if let (Some(from), Some(to)) = (Rabbit::with("classic").await, Rabbit::with("quorum").await) {
        all_of_it_arrives(&from, &to).await;
    }
}

#[tokio::test]
async fn what_amqp_knows_comes_back_from_sqs() {
    if let Some(rabbit) = Rabbit::with("quorum").await {
        let came = there_and_back(&rabbit, &Sqs::in_process().await).await;
        for (name, value) in full().headers.iter() {
            assert_eq!(came.headers.get(name), Some(value), "{name:?}");
        }
    }
}

/// A message with as much of what AMQP knows as ten attributes of SQS hold.
fn full() -> Message {
    let mut message = Message::new(&b"\x00\xff"[..])
        .with_key("customer 7")
        .with_header("int", 7_i64)
        .with_header("flag", true);
    let properties = &mut message.properties;
    properties.content_type = Some("application/octet-stream".to_owned());
    properties.message_id = Some("m".to_owned());
    properties.timestamp = Some(UNIX_EPOCH + Duration::from_secs(1_700_000_000));
    properties.priority = Some(3);
    message
}

/// Relays a message from RabbitMQ to another broker and back, and answers it as it came: with its
/// payload, its key and its properties.
async fn there_and_back<F: Fixture>(rabbit: &Rabbit, via: &F) -> Incoming {
    let first = rabbit.make_queue(QueueKind::Plain).await;
    let between = via.make_queue(QueueKind::Plain).await;
    let last = rabbit.make_queue(QueueKind::Plain).await;
    rabbit.sink(&first).send(full()).await.unwrap();
    let there = Worker::new(rabbit.source(&first), Relay::to(via.sink(&between)));
    let back = Worker::new(via.source(&between), Relay::to(rabbit.sink(&last)));
    let (seen, mut messages) = mpsc::unbounded_channel();
    let reading = Worker::new(rabbit.source(&last), move |incoming: Incoming| {
        let told = seen
            .send(incoming)
            .map_err(|_| Failure::new("nobody waits"));
        std::future::ready(told)
    });
    let stop = CancellationToken::new();
    let arrived = async {
        let came = timeout(LIMIT, messages.recv()).await;
        stop.cancel();
        came.expect("the message is to come back").unwrap()
    };
    let (there, back, read, came) = tokio::join!(
        there.run_until(stop.cancelled()),
        back.run_until(stop.cancelled()),
        reading.run_until(stop.cancelled()),
        arrived,
    );
    for drained in [there, back, read] {
        drained.unwrap().complete().unwrap();
    }
    let sent = full();
    assert_eq!(came.payload, sent.payload);
    assert_eq!(came.key, sent.key);
    assert_eq!(came.properties, sent.properties);
    assert_eq!(
        came.headers.get("tracehop-hops").and_then(Value::as_str),
        Some("2")
    );
    came
}

#[cfg(feature = "kafka")]
mod and_kafka {
    use tracehop::contract::Value;

    use super::{Rabbit, all_of_it_arrives, there_and_back};
    use crate::common;
    use crate::kafka_fixture::Kafka;

    #[tokio::test]
    async fn what_amqp_knows_comes_back_from_kafka_with_numbers_as_text() {
        if let Some(rabbit) = Rabbit::with("quorum").await {
            let came = there_and_back(&rabbit, &Kafka::mock()).await;
            let header = |name| came.headers.get(name).and_then(Value::as_str);
            assert_eq!((header("int"), header("flag")), (Some("7"), Some("true")));
        }
    }

    #[tokio::test]
    async fn kafka_to_rabbitmq() {
        if let (Some(from), Some(to)) = (common::kafka(), Rabbit::with("quorum").await) {
            all_of_it_arrives(&Kafka::at(&from), &to).await;
        }
    }

    #[tokio::test]
    async fn rabbitmq_to_kafka() {
        if let (Some(from), Some(to)) = (Rabbit::with("quorum").await, common::kafka()) {
            all_of_it_arrives(&from, &Kafka::at(&to)).await;
        }
    }
}
