//! What is ours, and for how long.

use std::collections::HashMap;
use std::time::Duration;

use tokio::time::{Instant, sleep, timeout};
use tracehop::contract::{Capacity, Message, Settled, Settlement, Sink as _, Source as _};
use tracehop::kafka::{GroupProtocol, KafkaSource, LaneBy};
use tracehop::worker::{Failure, Incoming, Worker};

use super::common;
use super::support::{Handled, LIMIT, Topic, config};

/// The thread polls whatever handlers do: one that takes twice as long as a member may go without
/// polling is not thrown out.
#[tokio::test]
async fn a_handler_longer_than_the_poll_interval_stays_in_its_group() {
    let Some(brokers) = common::kafka() else {
        return;
    };
    let topic = Topic::create(&brokers, 1).await;
    topic.send(0..2).await;
    let mut config = config(&brokers);
    config.set("session.timeout.ms", "6000");
    config.set("max.poll.interval.ms", "6000");
    let source = KafkaSource::builder(config, &topic.name, &topic.group)
        .rebalance_drain(Duration::from_secs(3))
        .build()
        .unwrap();
    let handled = Handled::new();
    let records = handled.clone();
    let worker = Worker::new(source, move |incoming: Incoming| {
        let records = records.clone();
        async move {
            let number = incoming.text().unwrap().parse()?;
            if number == 0 {
                sleep(Duration::from_secs(13)).await;
            }
            records.record(number);
            Ok::<_, Failure>(())
        }
    });
    let handle = worker.handle();
    let drained = worker.run_until(handled.has(2)).await.unwrap();
    drained.complete().unwrap();
    assert_eq!(handled.duplicates(), 0);
    assert_eq!(handle.health().lost_leases, 0);
}

/// What outlasts the drain is not settled, and the other member gets it.
#[tokio::test]
async fn what_outlasts_the_drain_loses_its_lease() {
    let Some(brokers) = common::kafka() else {
        return;
    };
    let topic = Topic::create(&brokers, 1).await;
    topic.send(0..1).await;
    let member = |name: &str| {
        let mut config = config(&brokers);
        // The first by name gets the only partition.
        config.set("client.id", name);
        let source = KafkaSource::builder(config, &topic.name, &topic.group)
            .protocol(GroupProtocol::Eager)
            .rebalance_drain(Duration::from_secs(1));
        source.build().unwrap()
    };
    let (first, second) = (member("b"), member("a"));
    first.open(Capacity::slots(1)).await.unwrap();
    let held = first.receive(1).await.unwrap().pop().unwrap();
    assert!(!held.lease.is_lost());
    second.open(Capacity::slots(1)).await.unwrap();
    held.lease.lost().await;
    let settled = first.settle(held.receipt, Settlement::Ack).await.unwrap();
    assert_eq!(settled, Settled::LeaseLost);
    let again = second.receive(1).await.unwrap().pop().unwrap();
    assert_eq!(again.message.text(), Some("0"));
    let settled = second.settle(again.receipt, Settlement::Ack).await.unwrap();
    assert_eq!(settled, Settled::Recorded);
}

/// A source that is closed while a partition of it is to go, and is still drained, leaves its group
/// at once: the others wait for it.
#[tokio::test]
async fn a_source_that_closes_in_the_middle_of_a_rebalance_leaves_its_group() {
    let Some(brokers) = common::kafka() else {
        return;
    };
    let protocols = [
        GroupProtocol::Eager,
        GroupProtocol::Cooperative,
        GroupProtocol::Consumer,
    ];
    for protocol in protocols {
        let topic = Topic::create(&brokers, 2).await;
        let member = || {
            let source = topic.source().protocol(protocol).lanes(LaneBy::Key);
            let source = source.rebalance_drain(Duration::from_mins(1));
            source.build().unwrap()
        };
        let (first, second) = (member(), member());
        first.open(Capacity::slots(100)).await.unwrap();
        // Of each partition one is in hand.
        let mut held = HashMap::new();
        while held.len() < 2 {
            send(&topic).await;
            for delivery in first.receive(10).await.unwrap() {
                held.insert(delivery.attributes.partition, delivery);
            }
        }
        let second = tokio::spawn(async move {
            second.open(Capacity::slots(1)).await.unwrap();
            second.receive(1).await.unwrap();
        });
        // Nothing more is handed over of a partition that is to go.
        loop {
            send(&topic).await;
            let next = timeout(Duration::from_secs(2), first.receive(1)).await;
            let Ok(next) = next else { break };
            for delivery in next.unwrap() {
                let ack = first.settle(delivery.receipt, Settlement::Ack).await;
                assert_eq!(ack.unwrap(), Settled::Recorded);
            }
        }
        first.close(Instant::now() + LIMIT).await.unwrap();
        timeout(LIMIT, second).await.expect("in time").unwrap();
    }
}

/// A message without a key.
async fn send(topic: &Topic) {
    topic.sink().send(Message::new("x")).await.unwrap();
}

/// A receipt of an assignment that is over settles nothing, though the partition has come back.
#[tokio::test]
async fn a_receipt_of_an_earlier_assignment_is_stale() {
    let Some(brokers) = common::kafka() else {
        return;
    };
    let topic = Topic::create(&brokers, 1).await;
    topic.send(0..2).await;
    let source = topic
        .source()
        .protocol(GroupProtocol::Eager)
        .rebalance_drain(Duration::from_millis(100));
    let source = source.build().unwrap();
    source.open(Capacity::slots(1)).await.unwrap();
    let held = source.receive(1).await.unwrap().pop().unwrap();
    let mut other = config(&brokers);
    other.set("client.id", "a");
    let other = KafkaSource::builder(other, &topic.name, &topic.group);
    let other = other.protocol(GroupProtocol::Eager).build().unwrap();
    other.open(Capacity::slots(1)).await.unwrap();
    held.lease.lost().await;
    drop(other);
    // Its lane is its own as long as the earlier delivery is in hand.
    let early = timeout(Duration::from_secs(5), source.receive(1)).await;
    assert!(early.is_err(), "two of a lane at a time");
    let settled = source.settle(held.receipt, Settlement::Ack).await.unwrap();
    assert_eq!(settled, Settled::LeaseLost);
    let again = source.receive(1).await.unwrap().pop().unwrap();
    assert_eq!(again.message.text(), Some("0"), "nothing was settled");
}

/// A receipt that is dropped lets its message come again, as another attempt.
#[tokio::test]
async fn a_receipt_that_is_dropped_comes_again() {
    let Some(brokers) = common::kafka() else {
        return;
    };
    let topic = Topic::create(&brokers, 1).await;
    topic.send(0..1).await;
    let source = topic.source().build().unwrap();
    source.open(Capacity::slots(1)).await.unwrap();
    for attempt in 1..=3 {
        let delivery = source.receive(1).await.unwrap().pop().unwrap();
        assert_eq!(delivery.attempt, attempt);
    }
    let delivery = source.receive(1).await.unwrap().pop().unwrap();
    let released = source.settle(delivery.receipt, Settlement::Release).await;
    assert_eq!(released.unwrap(), Settled::Recorded);
    let delivery = source.receive(1).await.unwrap().pop().unwrap();
    assert_eq!(delivery.attempt, 4, "given back unseen, it was no attempt");
}

/// What was finished is committed at the latest when the source is dropped, and nothing else.
#[tokio::test]
async fn a_dropped_source_has_committed_what_was_finished() {
    let Some(brokers) = common::kafka() else {
        return;
    };
    let topic = Topic::create(&brokers, 1).await;
    topic.send(0..3).await;
    let source = topic.source().commit_interval(Duration::from_hours(1));
    let source = source.build().unwrap();
    source.open(Capacity::slots(1)).await.unwrap();
    assert_eq!(source.backlog().await.unwrap(), Some(3));
    for _ in 0..2 {
        let delivery = source.receive(1).await.unwrap().pop().unwrap();
        source
            .settle(delivery.receipt, Settlement::Ack)
            .await
            .unwrap();
    }
    drop(source);
    let source = topic.source().build().unwrap();
    source.open(Capacity::slots(1)).await.unwrap();
    let delivery = source.receive(1).await.unwrap().pop().unwrap();
    assert_eq!(delivery.message.text(), Some("2"));
    assert_eq!(source.backlog().await.unwrap(), Some(1));
}
