//! Spans and metrics of a source.

use std::time::Duration;

use opentelemetry::trace::{SpanId, SpanKind};
use tracehop::contract::Settlement;
use tracehop::sqs::{SqsSource, TraceInterceptor};
use tracehop::testing::Recorder;
use tracehop::testing::sqs::{Action, Fault, SqsEndpoint};

use crate::common::spans::attribute;
use crate::support::{SECOND, ack, client, depth, nack, opened, receive_one, send, settle, until};

/// A queue with traced messages, and a source on it that records.
async fn traced(sqs: &SqsEndpoint, messages: usize) -> (Recorder, SqsSource) {
    let url = sqs.queue("orders").visibility_timeout(SECOND * 10).create();
    let recorder = Recorder::new();
    let instrumentation = recorder.builder().create_spans(false).build();
    let interceptor = TraceInterceptor::with(instrumentation);
    let traced = aws_sdk_sqs::Client::from_conf(sqs.config().interceptor(interceptor).build());
    send(&traced, &url, None, 0..messages).await;
    let source = SqsSource::builder(traced, &url)
        .wait_time(SECOND)
        .linger(Duration::from_millis(50))
        .instrumentation(recorder.instrumentation());
    let source = opened(source, 10).await;
    (recorder, source)
}

#[tokio::test]
async fn a_gathered_delete_is_a_root_that_links_to_each_message() {
    let sqs = SqsEndpoint::start().await;
    let (recorder, source) = traced(&sqs, 3).await;
    for _ in 0..3 {
        ack(&source, receive_one(&source).await).await;
    }
    until("all are deleted", || depth(&sqs, "orders") == (0, 0)).await;
    until("the span has ended", || recorder.spans().len() == 2).await;
    let sent = recorder.span("send orders").span_context;
    let delete = recorder.span("delete orders");
    assert_eq!(delete.span_kind, SpanKind::Client);
    assert_eq!(delete.parent_span_id, SpanId::INVALID);
    assert_eq!(delete.links.len(), 3);
    assert!(
        delete
            .links
            .iter()
            .all(|link| link.span_context.span_id() == sent.span_id())
    );
    let ids = delete.links.iter().flat_map(|link| &link.attributes);
    let ids = ids.filter(|attribute| attribute.key.as_str() == "messaging.message.id");
    assert_eq!(ids.count(), 3);
    let system = [("messaging.system", "aws_sqs")];
    let consumed = recorder.total("messaging.client.consumed.messages", &system);
    assert_eq!(consumed, Some(3.0));
}

#[tokio::test]
async fn heartbeats_write_no_span_and_a_nack_is_a_settlement() {
    let sqs = SqsEndpoint::start().await;
    let (recorder, source) = traced(&sqs, 1).await;
    let slow = receive_one(&source).await;
    until("a heartbeat", || {
        sqs.count(Action::ChangeMessageVisibility) == 1
    })
    .await;
    assert_eq!(recorder.spans().len(), 1, "the send");
    settle(&source, slow, nack(SECOND * 9)).await;
    until("the span has ended", || recorder.spans().len() == 2).await;
    let nack = recorder.span("change_visibility orders");
    assert_eq!(nack.parent_span_id, SpanId::INVALID);
    assert_eq!(nack.links.len(), 1);
    let operation_type = attribute(&nack, "messaging.operation.type");
    assert_eq!(operation_type.as_deref(), Some("settle"));
}

#[tokio::test]
async fn a_delete_of_which_entries_failed_says_so() {
    let sqs = SqsEndpoint::start().await;
    let (recorder, source) = traced(&sqs, 1).await;
    let rule = sqs.faults().on(Action::DeleteMessageBatch);
    rule.next(1, Fault::FailEntries(vec![0]));
    settle(&source, receive_one(&source).await, Settlement::Ack).await;
    until("both tries have ended", || recorder.spans().len() == 3).await;
    let failed = recorder
        .spans()
        .into_iter()
        .find(|span| span.name == "delete orders")
        .unwrap();
    let value = |key| attribute(&failed, key);
    assert_eq!(value("error.type").as_deref(), Some("InternalError"));
    assert_eq!(value("tracehop.batch.failed_count").as_deref(), Some("1"));
}

#[tokio::test]
async fn a_source_without_traced_messages_writes_no_more() {
    let sqs = SqsEndpoint::start().await;
    let (recorder, source) = traced(&sqs, 0).await;
    let url = format!("{}/000000000000/orders", sqs.url());
    send(&client(&sqs), &url, None, 0..1).await;
    ack(&source, receive_one(&source).await).await;
    until("the span has ended", || recorder.spans().len() == 1).await;
    assert!(recorder.span("delete orders").links.is_empty());
}
