use std::time::Duration;

use lapin::BasicProperties;
use lapin::options::{BasicPublishOptions, QueueBindOptions, QueueDeleteOptions};
use lapin::types::{AMQPValue, FieldTable};
use tokio::time::Instant;
use tracehop::contract::{Settlement, Value};

use crate::common;
use crate::support::{Rabbit, SECOND, body, close, next, opened, settle};

const SHORT: Duration = Duration::from_millis(200);

fn delays() -> [Duration; 2] {
    [SECOND * 600, SHORT]
}

#[tokio::test]
async fn a_failed_message_waits_in_a_retry_queue_and_comes_back_as_it_was() {
    for kind in ["classic", "quorum"] {
        let Some(rabbit) = Rabbit::with_queue(kind, &[]).await else {
            return;
        };
        let routing_key = common::unique("eu");
        let bound = rabbit.channel.queue_bind(
            rabbit.queue.as_str().into(),
            "amq.topic".into(),
            routing_key.as_str().into(),
            QueueBindOptions::default(),
            FieldTable::default(),
        );
        bound.await.unwrap();
        let mut headers = FieldTable::default();
        headers.insert("count".into(), AMQPValue::LongLongInt(3));
        let published = rabbit.channel.basic_publish(
            "amq.topic".into(),
            routing_key.as_str().into(),
            BasicPublishOptions::default(),
            b"an order",
            BasicProperties::default()
                .with_headers(headers)
                .with_message_id("m-1".into()),
        );
        published.await.unwrap().await.unwrap();

        let source = opened(rabbit.builder().retry_queues(delays()), 1).await;
        for attempt in 1..=3 {
            let delivery = next(&source).await;
            assert_eq!(delivery.attempt, attempt);
            assert_eq!(body(&delivery), "an order");
            let name = format!("amq.topic:{routing_key}:{}", rabbit.queue);
            assert_eq!(delivery.destination.name, name);
            let message = &delivery.message;
            assert_eq!(message.key.as_deref(), Some(routing_key.as_bytes()));
            assert_eq!(message.headers.get("count"), Some(&Value::Int(3)));
            assert_eq!(message.properties.message_id.as_deref(), Some("m-1"));
            let ours = message.headers.iter().map(|(name, _)| name);
            let ours: Vec<_> = ours.filter(|name| name.starts_with(b"tracehop-")).collect();
            assert!(ours.is_empty(), "{ours:?}");
            let delay = Some(SHORT);
            settle(&source, delivery, Settlement::Nack { delay }).await;
        }
        let delivery = next(&source).await;
        let delay = Some(SECOND * 60);
        settle(&source, delivery, Settlement::Nack { delay }).await;
        let waiting = format!("{}.retry.600000", rabbit.queue);
        rabbit.until_ready(&waiting, 1).await;
        close(&source).await;
        drop(source);
        assert_eq!(rabbit.ready(&rabbit.queue).await, 0, "{kind}: it was acked");
    }
}

#[tokio::test]
async fn without_its_retry_queue_a_failed_message_waits_here_and_is_not_lost() {
    let Some(rabbit) = Rabbit::quorum().await else {
        return;
    };
    rabbit.send(0..1).await;
    let source = opened(rabbit.builder().retry_queues([SHORT]), 1).await;
    let waiting = format!("{}.retry.200", rabbit.queue);
    let delete = QueueDeleteOptions::default();
    let deleted = rabbit.channel.queue_delete(waiting.as_str().into(), delete);
    deleted.await.unwrap();
    let delivery = next(&source).await;
    let failed = Instant::now();
    let delay = Some(SHORT);
    settle(&source, delivery, Settlement::Nack { delay }).await;
    let again = next(&source).await;
    assert_eq!((body(&again).as_str(), again.attempt), ("0", 2));
    assert!(failed.elapsed() >= SHORT);
}
