//! The memory broker by itself.

use std::time::Duration;

use tokio::time::{Instant, timeout};
use tracehop::contract::{
    Capacity, Delivery, ErrorKind, Message, Settled, Settlement, Sink, SinkExt, Source,
};
use tracehop::memory::{MemoryBroker, MemoryReceipt, MemorySource, QueueOptions};

const QUEUE: &str = "queue";
const SECOND: Duration = Duration::from_secs(1);

async fn open(broker: &MemoryBroker, queue: &str, per_lane: usize) -> MemorySource {
    let source = broker.source(queue);
    let capacity = Capacity {
        slots: 10,
        per_lane,
    };
    source.open(capacity).await.unwrap();
    source
}

async fn send(broker: &MemoryBroker, text: &str, lane: Option<&str>) {
    let mut message = Message::new(text.to_owned());
    message.group = lane.map(|lane| lane.to_owned().into());
    broker.sink(QUEUE).send(message).await.unwrap();
}

/// What can be had within a second, as texts with attempts.
async fn take(source: &MemorySource) -> (String, Vec<Delivery<MemoryReceipt>>) {
    let deliveries = timeout(SECOND, source.receive(10)).await;
    let deliveries = deliveries.map(Result::unwrap).unwrap_or_default();
    let texts: Vec<String> = deliveries
        .iter()
        .map(|delivery| format!("{}/{}", delivery.message.text().unwrap(), delivery.attempt))
        .collect();
    (texts.join(" "), deliveries)
}

async fn settle(source: &MemorySource, delivery: Delivery<MemoryReceipt>, how: Settlement) {
    let settled = source.settle(delivery.receipt, how).await.unwrap();
    assert_eq!(settled, Settled::Done);
}

fn after(delay: Duration) -> Settlement {
    Settlement::Nack { delay: Some(delay) }
}

#[tokio::test(start_paused = true)]
async fn a_nacked_head_holds_its_lane_for_its_delay_and_comes_first() {
    let broker = MemoryBroker::new();
    for (text, lane) in [("a1", "a"), ("a2", "a"), ("b1", "b")] {
        send(&broker, text, Some(lane)).await;
    }
    let source = open(&broker, QUEUE, 1).await;
    let (texts, mut deliveries) = take(&source).await;
    assert_eq!(texts, "a1/1 b1/1");
    settle(&source, deliveries.remove(0), after(5 * SECOND)).await;
    assert_eq!(take(&source).await.0, "");
    tokio::time::advance(4 * SECOND).await;
    assert_eq!(take(&source).await.0, "a1/2");
}

#[tokio::test(start_paused = true)]
async fn what_is_released_was_no_attempt_and_takes_its_old_place() {
    let broker = MemoryBroker::new();
    for text in ["1", "2", "3"] {
        send(&broker, text, Some("lane")).await;
    }
    let source = open(&broker, QUEUE, 2).await;
    let (texts, deliveries) = take(&source).await;
    assert_eq!(texts, "1/1 2/1");
    for delivery in deliveries {
        settle(&source, delivery, Settlement::Release).await;
    }
    assert_eq!(take(&source).await.0, "1/1 2/1");
}

#[tokio::test(start_paused = true)]
async fn a_run_comes_back_in_order_when_the_last_of_it_is_settled() {
    let broker = MemoryBroker::new();
    for text in ["1", "2", "3", "4"] {
        send(&broker, text, Some("lane")).await;
    }
    let source = open(&broker, QUEUE, 3).await;
    let (_, mut deliveries) = take(&source).await;
    settle(&source, deliveries.remove(1), after(SECOND)).await;
    settle(&source, deliveries.remove(1), after(Duration::ZERO)).await;
    assert_eq!(take(&source).await.0, "", "the first is still out");
    settle(&source, deliveries.remove(0), Settlement::Ack).await;
    assert_eq!(take(&source).await.0, "2/2 3/2 4/1");
}

#[tokio::test(start_paused = true)]
async fn a_delayed_message_comes_when_its_delay_is_over() {
    let broker = MemoryBroker::new();
    let start = Instant::now();
    broker
        .sink(QUEUE)
        .send_after(7 * SECOND, Message::new("late"))
        .await
        .unwrap();
    assert_eq!(broker.waiting(QUEUE), 1);
    let source = open(&broker, QUEUE, 1).await;
    let delivery = source.receive(1).await.unwrap().remove(0);
    assert_eq!(start.elapsed(), 7 * SECOND);
    assert_eq!(delivery.message.text(), Some("late"));
}

#[tokio::test(start_paused = true)]
async fn what_was_tried_too_often_goes_to_the_dead_letters_as_it_was() {
    let broker = MemoryBroker::new();
    let options = QueueOptions::default().max_receives(2).dead_letters("dead");
    broker.declare(QUEUE, options);
    send(&broker, "one", None).await;
    let source = open(&broker, QUEUE, 1).await;
    for _ in 0..2 {
        let delivery = source.receive(1).await.unwrap().remove(0);
        settle(&source, delivery, after(Duration::ZERO)).await;
    }
    assert_eq!(take(&source).await.0, "");
    let dead = open(&broker, "dead", 1).await;
    assert_eq!(take(&dead).await.0, "one/1");
}

#[tokio::test(start_paused = true)]
async fn two_consumers_share_the_rule_of_lanes() {
    let broker = MemoryBroker::new();
    for text in ["1", "2"] {
        send(&broker, text, Some("lane")).await;
    }
    let (one, other) = (open(&broker, QUEUE, 1).await, open(&broker, QUEUE, 1).await);
    let (texts, mut deliveries) = take(&one).await;
    assert_eq!(texts, "1/1");
    assert_eq!(take(&other).await.0, "");
    settle(&one, deliveries.remove(0), Settlement::Ack).await;
    assert_eq!(take(&other).await.0, "2/1");
}

#[tokio::test(start_paused = true)]
async fn what_a_dropped_consumer_held_comes_again_after_the_visibility_time() {
    let broker = MemoryBroker::new();
    broker.declare(QUEUE, QueueOptions::default().visibility(10 * SECOND));
    send(&broker, "one", None).await;
    let source = open(&broker, QUEUE, 1).await;
    let (_, deliveries) = take(&source).await;
    // As long as it lives it keeps its lease.
    tokio::time::advance(100 * SECOND).await;
    assert!(!deliveries[0].lease.is_lost());
    drop(source);
    let start = Instant::now();
    let other = open(&broker, QUEUE, 1).await;
    let delivery = other.receive(1).await.unwrap().remove(0);
    assert_eq!((delivery.attempt, start.elapsed()), (2, 10 * SECOND));
    assert!(deliveries[0].lease.is_lost());
}

#[tokio::test(start_paused = true)]
async fn without_its_lease_a_delivery_cannot_be_settled() {
    let broker = MemoryBroker::new();
    send(&broker, "one", None).await;
    let source = open(&broker, QUEUE, 1).await;
    let delivery = source.receive(1).await.unwrap().remove(0);
    let id = delivery.message.properties.message_id.clone().unwrap();
    assert!(broker.revoke(QUEUE, &id));
    assert!(!broker.revoke(QUEUE, &id), "nobody holds it any more");
    let settled = source
        .settle(delivery.receipt, Settlement::Ack)
        .await
        .unwrap();
    assert_eq!(settled, Settled::LeaseLost);
    assert_eq!(take(&source).await.0, "one/2");
}

#[tokio::test(start_paused = true)]
async fn a_receive_that_is_dropped_strands_nothing() {
    let broker = MemoryBroker::new();
    let source = open(&broker, QUEUE, 1).await;
    assert!(timeout(SECOND, source.receive(5)).await.is_err());
    send(&broker, "one", None).await;
    assert_eq!(take(&source).await.0, "one/1");
}

#[tokio::test(start_paused = true)]
async fn a_closed_source_answers_nothing() {
    let broker = MemoryBroker::new();
    let source = open(&broker, QUEUE, 1).await;
    let (received, closed) = tokio::join!(source.receive(5), source.close(Instant::now()));
    closed.unwrap();
    assert!(received.unwrap().is_empty());
    send(&broker, "one", None).await;
    assert!(source.receive(5).await.unwrap().is_empty());
}

#[tokio::test(start_paused = true)]
async fn what_goes_wrong_is_told_by_kind() {
    let broker = MemoryBroker::new();
    broker.fail_sends(QUEUE, 1);
    let sink = broker.sink(QUEUE);
    let error = sink.send(Message::new("one")).await.unwrap_err();
    assert_eq!(
        error.to_string(),
        "send memory:queue: sending was made to fail"
    );
    assert!(error.retryable());
    broker.interrupt(QUEUE, "the cable is out");
    let error = sink.send(Message::new("one")).await.unwrap_err();
    assert_eq!(error.to_string(), "send memory:queue: the cable is out");
    broker.restore(QUEUE);
    sink.send(Message::new("one")).await.unwrap();
    broker.delete(QUEUE);
    let error = sink.send(Message::new("one")).await.unwrap_err();
    assert_eq!(
        (error.kind(), error.retryable()),
        (ErrorKind::NotFound, false)
    );
}
