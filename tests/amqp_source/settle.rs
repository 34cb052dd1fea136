use std::collections::BTreeSet;
use std::time::Duration;

use lapin::BasicProperties;
use lapin::types::{AMQPValue, FieldTable};
use opentelemetry::trace::TraceContextExt as _;
use tokio::time::Instant;
use tracehop::contract::{Capacity, Settled, Settlement, Source, Value};

use crate::support::{
    LIMIT, Rabbit, SECOND, body, close, next, nothing_comes, opened, settle, take,
};

#[tokio::test]
async fn what_is_acked_is_gone_and_the_rest_comes_again() {
    for kind in ["classic", "quorum"] {
        let Some(rabbit) = Rabbit::with_queue(kind, &[]).await else {
            return;
        };
        rabbit.send(0..50).await;
        let source = rabbit.source(50).await;
        let mut left = Vec::new();
        for delivery in take(&source, 50).await {
            let body = body(&delivery);
            if body.ends_with('7') {
                left.push(body);
                drop(delivery);
            } else {
                let settled = settle(&source, delivery, Settlement::Ack).await;
                assert_eq!(settled, Settled::Recorded);
            }
        }
        left.sort();
        let mut again: Vec<_> = take(&source, 5).await.iter().map(body).collect();
        again.sort();
        assert_eq!(again, left, "{kind}");
        close(&source).await;
        drop(source);
        rabbit.until_ready(&rabbit.queue, 5).await;
    }
}

#[tokio::test]
async fn a_delivery_has_what_its_message_has() {
    let Some(rabbit) = Rabbit::classic().await else {
        return;
    };
    let mut headers = FieldTable::default();
    let traceparent = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
    headers.insert(
        "traceparent".into(),
        AMQPValue::LongString(traceparent.into()),
    );
    headers.insert("count".into(), AMQPValue::LongInt(3));
    headers.insert("nothing".into(), AMQPValue::Void);
    let properties = BasicProperties::default()
        .with_headers(headers)
        .with_content_type("text/plain".into())
        .with_priority(3)
        .with_user_id("guest".into());
    rabbit.publish("an order", properties).await;
    let source = rabbit.source(1).await;
    let delivery = next(&source).await;
    assert_eq!(body(&delivery), "an order");
    assert_eq!(delivery.attempt, 1);
    assert_eq!(delivery.lane, None);
    assert_eq!(delivery.destination.name, rabbit.queue);
    assert_eq!(delivery.attributes.delivery_tag, Some(1));
    assert_eq!(delivery.attributes.native("user_id"), Some("guest"));
    let message = &delivery.message;
    assert_eq!(message.key.as_deref(), Some(rabbit.queue.as_bytes()));
    assert_eq!(message.headers.get("count"), Some(&Value::Int(3)));
    assert_eq!(message.headers.get("nothing"), Some(&Value::Null));
    assert_eq!(
        message.properties.content_type.as_deref(),
        Some("text/plain")
    );
    assert_eq!(message.properties.priority, Some(3));
    let creation = delivery.context.span().span_context().clone();
    assert_eq!(creation.span_id().to_string(), "00f067aa0ba902b7");
}

#[tokio::test]
async fn a_nack_with_a_delay_comes_again_after_it() {
    let Some(rabbit) = Rabbit::quorum().await else {
        return;
    };
    rabbit.send(0..1).await;
    let source = rabbit.source(1).await;
    let first = next(&source).await;
    let nacked = Instant::now();
    let delay = Some(SECOND);
    settle(&source, first, Settlement::Nack { delay }).await;
    let again = next(&source).await;
    assert_eq!((body(&again).as_str(), again.attempt), ("0", 2));
    assert!(nacked.elapsed() >= SECOND);
}

#[tokio::test]
async fn a_nack_without_a_delay_and_a_release_come_again_at_once() {
    let Some(rabbit) = Rabbit::classic().await else {
        return;
    };
    rabbit.send(0..1).await;
    let source = rabbit.source(1).await;
    let first = next(&source).await;
    settle(&source, first, Settlement::Release).await;
    let again = next(&source).await;
    assert_eq!(again.attempt, 1, "a release is no attempt");
    settle(&source, again, Settlement::Nack { delay: None }).await;
    assert_eq!(next(&source).await.attempt, 2);
}

/// Held deliveries take up prefetch: the source asks for more in their place.
#[tokio::test]
async fn many_failed_messages_that_wait_hold_back_no_other() {
    let Some(rabbit) = Rabbit::quorum().await else {
        return;
    };
    rabbit.send(0..100).await;
    let source = opened(rabbit.builder().prefetch(4), 4).await;
    for _ in 0..99 {
        let delivery = next(&source).await;
        let delay = Some(Duration::from_mins(10));
        settle(&source, delivery, Settlement::Nack { delay }).await;
    }
    assert_eq!(body(&next(&source).await), "99");
    close(&source).await;
    drop(source);
    rabbit.until_ready(&rabbit.queue, 100).await;
}

/// What the broker would close the channel for is given back before.
#[tokio::test]
async fn a_delivery_loses_its_lease_before_the_consumer_times_out() {
    let Some(rabbit) = Rabbit::classic().await else {
        return;
    };
    rabbit.send(0..2).await;
    let source = opened(rabbit.builder().consumer_timeout(SECOND), 1).await;
    let slow = next(&source).await;
    let lost = tokio::time::timeout(LIMIT, slow.lease.lost()).await;
    lost.expect("the lease ends");
    assert_eq!(
        settle(&source, slow, Settlement::Ack).await,
        Settled::LeaseLost
    );
    // The one in the buffer was given back too.
    let mut missing = BTreeSet::from(["0".to_owned(), "1".to_owned()]);
    while !missing.is_empty() {
        missing.remove(&body(&next(&source).await));
    }
}

#[tokio::test]
async fn closing_gives_back_what_no_handler_has_seen_and_lets_the_rest_be_settled() {
    let Some(rabbit) = Rabbit::classic().await else {
        return;
    };
    rabbit.send(0..20).await;
    let source = rabbit.source(4).await;
    let in_hand = take(&source, 4).await;
    close(&source).await;
    rabbit.until_ready(&rabbit.queue, 16).await;
    assert!(source.receive(1).await.unwrap().is_empty());
    for delivery in in_hand {
        assert!(!delivery.lease.is_lost());
        settle(&source, delivery, Settlement::Ack).await;
    }
    close(&source).await;
    drop(source);
    rabbit.until_ready(&rabbit.queue, 16).await;
}

#[tokio::test]
async fn a_dropped_source_loses_nothing() {
    let Some(rabbit) = Rabbit::quorum().await else {
        return;
    };
    rabbit.send(0..20).await;
    let source = rabbit.source(4).await;
    let in_hand = take(&source, 4).await;
    drop(source);
    drop(in_hand);
    rabbit.until_ready(&rabbit.queue, 20).await;
}

#[tokio::test]
async fn the_backlog_is_what_is_ready_in_the_queue() {
    let Some(rabbit) = Rabbit::quorum().await else {
        return;
    };
    rabbit.send(0..9).await;
    let source = opened(rabbit.builder().prefetch(1), 1).await;
    let _in_hand = next(&source).await;
    rabbit.until_ready(&rabbit.queue, 7).await;
    assert_eq!(source.backlog().await.unwrap(), Some(7));
    assert_eq!(source.unready(), None);
}

#[tokio::test]
async fn no_more_are_out_than_the_capacity_and_the_prefetch() {
    let Some(rabbit) = Rabbit::classic().await else {
        return;
    };
    rabbit.send(0..10).await;
    let source = rabbit.builder().prefetch(2).build().unwrap();
    assert_eq!(source.unready().as_deref(), Some("not open"));
    source.open(Capacity::slots(3)).await.unwrap();
    rabbit.until_ready(&rabbit.queue, 5).await;
    let _in_hand = take(&source, 5).await;
    nothing_comes(&source, SECOND / 2).await;
}
