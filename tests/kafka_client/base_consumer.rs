//! `ConsumerExt`, on a `BaseConsumer`.

use std::time::Duration;

use rdkafka::consumer::{CommitMode, Consumer as _};
use rdkafka::message::Message as _;
use rdkafka::topic_partition_list::{Offset, TopicPartitionList};
use tracehop::kafka::ConsumerExt as _;

use crate::support::{LONG, TOPIC, Traced, links, same};

#[tokio::test]
async fn a_poll_has_a_span_where_it_brings_a_record() {
    let traced = Traced::new();
    let consumer = traced.base_consumer();
    let none = consumer.poll_traced(&traced.cluster, Duration::ZERO);
    assert!(none.is_none());
    assert!(traced.recorder.spans().is_empty());
    let empty = traced
        .recorder
        .metric("messaging.client.operation.duration");
    assert_eq!(empty[0].count, 1, "an empty poll is measured");
    assert_eq!(
        traced
            .recorder
            .total("messaging.client.consumed.messages", &[]),
        None
    );

    let created = traced.created("order 7").await;
    let message = consumer
        .poll_traced(&traced.cluster, LONG)
        .unwrap()
        .unwrap();
    assert_eq!(message.payload(), Some(&b"order 7"[..]));
    let span = traced.recorder.span("poll orders");
    assert!(same(&links(&span)[0], &created));
}

#[tokio::test]
async fn the_end_of_a_partition_is_no_error() {
    let mut traced = Traced::new();
    traced.config.set("enable.partition.eof", "true");
    let consumer = traced.base_consumer();
    let end = consumer.poll_traced(&traced.cluster, LONG).unwrap();
    assert!(matches!(
        end,
        Err(rdkafka::error::KafkaError::PartitionEOF(0))
    ));
    assert!(traced.recorder.spans().is_empty());
}

#[tokio::test]
async fn commits_have_spans() {
    let traced = Traced::new();
    let created = traced.created("order 7").await;
    let consumer = traced.base_consumer();
    let message = consumer
        .poll_traced(&traced.cluster, LONG)
        .unwrap()
        .unwrap();
    let mut offsets = TopicPartitionList::new();
    offsets
        .add_partition_offset(TOPIC, 0, Offset::Offset(1))
        .unwrap();
    let (cluster, mode) = (&traced.cluster, CommitMode::Sync);

    traced.recorder.forget_spans();
    consumer
        .commit_message_traced(cluster, &message, mode)
        .unwrap();
    let span = traced.recorder.span("commit orders");
    assert!(same(&links(&span)[0], &created));

    traced.recorder.forget_spans();
    consumer.commit_traced(cluster, &offsets, mode).unwrap();
    assert_eq!(traced.names(), ["commit orders"]);

    traced.recorder.forget_spans();
    // What was consumed has been committed by now.
    let _ = consumer.commit_consumer_state_traced(cluster, mode);
    assert_eq!(traced.names().len(), 1);
    assert_eq!(consumer.subscription().unwrap().count(), 0);
}
