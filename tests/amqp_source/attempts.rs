use lapin::protocol::basic::AMQPProperties;
use tracehop::contract::Settlement;

use crate::support::{Rabbit, body, next, settle};

async fn nack(source: &tracehop::amqp::AmqpSource) -> u32 {
    let delivery = next(source).await;
    let attempt = delivery.attempt;
    settle(source, delivery, Settlement::Nack { delay: None }).await;
    attempt
}

#[tokio::test]
async fn a_quorum_queue_counts_over_workers() {
    let Some(rabbit) = Rabbit::quorum().await else {
        return;
    };
    rabbit.publish("an order", AMQPProperties::default()).await;
    let first = rabbit.source(1).await;
    assert_eq!(nack(&first).await, 1);
    assert_eq!(nack(&first).await, 2);
    drop(first);
    let second = rabbit.source(1).await;
    assert!(next(&second).await.attempt >= 3);
}

#[tokio::test]
async fn a_classic_queue_is_counted_here_by_message_id() {
    let Some(rabbit) = Rabbit::classic().await else {
        return;
    };
    rabbit.send(0..1).await;
    let source = rabbit.source(1).await;
    for attempt in 1..=4 {
        assert_eq!(nack(&source).await, attempt);
    }
    let other = rabbit.source(1).await;
    drop(source);
    assert_eq!(
        next(&other).await.attempt,
        2,
        "all that another process knows"
    );
}

/// The rule of a quorum queue, and not of ours: the message is then no longer in the queue.
#[tokio::test]
async fn a_message_delivered_too_often_is_dead_lettered_with_its_count() {
    let exchange = "amq.fanout";
    let arguments = [
        ("x-dead-letter-exchange", exchange),
        ("x-delivery-limit", "2"),
    ];
    let Some(rabbit) = Rabbit::with_queue("quorum", &arguments).await else {
        return;
    };
    let dead = rabbit.dead_letter_queue(exchange).await;
    rabbit.send(0..1).await;
    let source = rabbit.source(1).await;
    for attempt in 1..=3 {
        assert_eq!(nack(&source).await, attempt);
    }
    rabbit.until_ready(&dead, 1).await;
    assert_eq!(rabbit.ready(&rabbit.queue).await, 0);
}

/// Rejected into a queue in which messages wait and expire, and from there back.
#[tokio::test]
async fn a_retry_topology_of_the_users_own_is_counted_by_its_deaths() {
    let waiting = crate::common::unique("waiting");
    let arguments = [
        ("x-dead-letter-exchange", ""),
        ("x-dead-letter-routing-key", waiting.as_str()),
    ];
    let Some(rabbit) = Rabbit::with_queue("classic", &arguments).await else {
        return;
    };
    let back = [
        ("x-message-ttl", "100"),
        ("x-dead-letter-exchange", ""),
        ("x-dead-letter-routing-key", rabbit.queue.as_str()),
    ];
    rabbit.declare(&waiting, "classic", &back).await;
    rabbit.publish("an order", AMQPProperties::default()).await;
    let source = rabbit.source(1).await;
    for attempt in 1..=4 {
        let delivery = next(&source).await;
        assert_eq!(
            (body(&delivery).as_str(), delivery.attempt),
            ("an order", attempt)
        );
        let reason = "not now".to_owned();
        settle(&source, delivery, Settlement::Reject { reason }).await;
    }
}
