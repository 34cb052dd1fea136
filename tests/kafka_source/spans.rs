//! Spans and metrics of a source.

use std::time::Duration;

use opentelemetry::KeyValue;
use opentelemetry::trace::{SpanId, SpanKind};
use tracehop::contract::{Capacity, Message, Settlement, SinkExt as _, Source as _};
use tracehop::kafka::LaneBy;
use tracehop::testing::Recorder;
use tracehop::testing::conformance::{Fixture as _, QueueKind};

use super::fixture::Kafka;
use super::support::{LIMIT, config};

/// Sends messages, and acks them all in one commit.
async fn committed(messages: usize) -> Recorder {
    let kafka = Kafka::mock();
    let topic = kafka.make_queue(QueueKind::Plain).await;
    let numbers = (0..messages).map(|number| Message::new(number.to_string()));
    for sent in kafka.sink(&topic).send_all(numbers).await {
        sent.unwrap();
    }
    let recorder = Recorder::new();
    let source = tracehop::kafka::KafkaSource::builder(config(kafka.brokers()), &topic, "billing")
        .lanes(LaneBy::Key)
        .commit_interval(Duration::from_hours(1))
        .instrumentation(recorder.instrumentation())
        .build()
        .unwrap();
    source.open(Capacity::slots(messages)).await.unwrap();
    for _ in 0..messages {
        let delivery = source.receive(1).await.unwrap().pop().unwrap();
        source
            .settle(delivery.receipt, Settlement::Ack)
            .await
            .unwrap();
    }
    source
        .close(tokio::time::Instant::now() + LIMIT)
        .await
        .unwrap();
    recorder
}

#[tokio::test]
async fn a_commit_is_a_root_that_links_to_each_message() {
    let recorder = committed(3).await;
    let spans = recorder.spans();
    let [commit] = spans.as_slice() else {
        panic!("a worker's receive has no span: {spans:?}")
    };
    assert!(commit.name.starts_with("commit worker-"), "{}", commit.name);
    assert_eq!(commit.span_kind, SpanKind::Client);
    assert_eq!(commit.parent_span_id, SpanId::INVALID);
    assert_eq!(commit.links.len(), 3);
    let offsets = commit.links.iter().flat_map(|link| &link.attributes);
    let offsets = offsets.filter(|told| told.key.as_str() == "messaging.kafka.offset");
    assert_eq!(offsets.count(), 3);
    for attribute in [
        KeyValue::new("messaging.consumer.group.name", "billing"),
        KeyValue::new("messaging.batch.message_count", 3),
        KeyValue::new("messaging.operation.type", "settle"),
    ] {
        assert!(commit.attributes.contains(&attribute), "{attribute:?}");
    }
    let kafka = [("messaging.system", "kafka")];
    let consumed = recorder.total("messaging.client.consumed.messages", &kafka);
    assert_eq!(consumed, Some(3.0));
}

#[tokio::test]
async fn of_many_messages_a_commit_links_to_the_first_and_counts_the_others() {
    let recorder = committed(300).await;
    let commit = recorder.spans().remove(0);
    assert_eq!(commit.links.len(), 128);
    let omitted = KeyValue::new("tracehop.links.omitted", 172);
    assert!(
        commit.attributes.contains(&omitted),
        "{:?}",
        commit.attributes
    );
}
