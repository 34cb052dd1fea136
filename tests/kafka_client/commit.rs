//! The commits of `TracedConsumer`.

use opentelemetry::trace::SpanKind;
use rdkafka::consumer::{CommitMode, Consumer as _};
use rdkafka::topic_partition_list::{Offset, TopicPartitionList};

use crate::support::{LONG, TOPIC, Traced, attribute, links, same};

#[tokio::test]
async fn a_commit_in_a_handler_is_a_child_of_its_process_span_and_links_to_the_record() {
    let traced = Traced::new();
    let created = traced.created("order 7").await;
    let consumer = traced.consumer();
    let message = consumer.recv().await.unwrap();
    let handler = async { consumer.commit_message(&message, CommitMode::Sync) };
    consumer.process(&message, handler).await.unwrap();

    let (process, span) = (
        traced.recorder.span("process orders"),
        traced.recorder.span("commit orders"),
    );
    assert_eq!(span.span_kind, SpanKind::Client);
    assert_eq!(span.parent_span_id, process.span_context.span_id());
    assert!(same(&links(&span)[0], &created));
    let expected = [
        ("messaging.operation.name", "commit"),
        ("messaging.operation.type", "settle"),
        ("messaging.consumer.group.name", "billing"),
        ("messaging.destination.partition.id", "0"),
        ("messaging.kafka.offset", "0"),
    ];
    for (key, value) in expected {
        assert_eq!(attribute(&span, key).as_deref(), Some(value), "{key}");
    }
    let committed = consumer.committed(LONG).unwrap();
    let committed = committed.find_partition(TOPIC, 0).unwrap();
    assert_eq!(committed.offset(), Offset::Offset(1));
}

#[tokio::test]
async fn a_commit_of_offsets_links_to_the_record_in_hand() {
    let traced = Traced::new();
    let created = traced.created("order 7").await;
    let consumer = traced.consumer();
    let message = consumer.recv().await.unwrap();
    let mut offsets = TopicPartitionList::new();
    offsets
        .add_partition_offset(TOPIC, 0, Offset::Offset(1))
        .unwrap();
    let handler = async { consumer.commit(&offsets, CommitMode::Sync) };
    consumer.process(&message, handler).await.unwrap();
    let span = traced.recorder.span("commit orders");
    assert!(same(&links(&span)[0], &created));
    let partition = attribute(&span, "messaging.destination.partition.id");
    assert_eq!(partition.as_deref(), Some("0"));
}

#[tokio::test]
async fn a_commit_of_whatever_was_consumed_names_the_server() {
    let traced = Traced::new();
    traced.created("order 7").await;
    let consumer = traced.consumer();
    consumer.recv().await.unwrap();
    consumer.commit_consumer_state(CommitMode::Sync).unwrap();
    let name = format!("commit {}", traced.mock.bootstrap_servers());
    let span = traced.recorder.span(&name);
    assert_eq!(attribute(&span, "messaging.destination.name"), None);
}

#[tokio::test]
async fn a_commit_that_fails_says_why() {
    let traced = Traced::new();
    let consumer = traced.consumer();
    // Nothing was consumed.
    consumer
        .commit_consumer_state(CommitMode::Sync)
        .unwrap_err();
    let span = traced.recorder.spans().remove(0);
    assert_eq!(attribute(&span, "error.type").as_deref(), Some("NoOffset"));
}

#[tokio::test]
async fn settle_spans_can_be_switched_off() {
    let traced = Traced::with(|builder| builder.settle_spans(false));
    traced.created("order 7").await;
    let consumer = traced.consumer();
    let message = consumer.recv().await.unwrap();
    traced.recorder.forget_spans();
    consumer.commit_message(&message, CommitMode::Sync).unwrap();
    assert!(traced.recorder.spans().is_empty());
    let operation = [("messaging.operation.name", "commit")];
    let durations = traced
        .recorder
        .total("messaging.client.operation.duration", &operation);
    assert!(durations.is_some());
}
