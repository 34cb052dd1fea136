//! `DeleteMessage`, `ChangeMessageVisibility`, and their batch forms.

use aws_sdk_sqs::types::{
    ChangeMessageVisibilityBatchRequestEntry, DeleteMessageBatchRequestEntry, Message,
};
use opentelemetry::trace::{SpanKind, Status};
use tracehop::sqs::MessageExt as _;
use tracehop::testing::sqs::{Action, Fault};

use crate::support::{Traced, attribute, links, same};

async fn delete(traced: &Traced, message: &Message) -> Result<(), String> {
    let delete = traced.client.delete_message().queue_url(&traced.url);
    let delete = delete.receipt_handle(message.receipt_handle().unwrap());
    delete
        .send()
        .await
        .map(drop)
        .map_err(|error| format!("{error:?}"))
}

async fn change_visibility(traced: &Traced, message: &Message, seconds: i32) {
    let change = traced
        .client
        .change_message_visibility()
        .queue_url(&traced.url);
    let change = change.receipt_handle(message.receipt_handle().unwrap());
    change.visibility_timeout(seconds).send().await.unwrap();
}

async fn change_visibility_batch(traced: &Traced, messages: &[Message], seconds: &[i32]) {
    let change = traced
        .client
        .change_message_visibility_batch()
        .queue_url(&traced.url);
    let entries = messages
        .iter()
        .zip(seconds)
        .enumerate()
        .map(|(id, (message, seconds))| {
            ChangeMessageVisibilityBatchRequestEntry::builder()
                .id(id.to_string())
                .receipt_handle(message.receipt_handle().unwrap())
                .visibility_timeout(*seconds)
                .build()
                .unwrap()
        });
    change
        .set_entries(Some(entries.collect()))
        .send()
        .await
        .unwrap();
}

#[tokio::test]
async fn a_delete_in_a_handler_belongs_to_the_process_span_and_links_to_the_message() {
    let traced = Traced::new().await;
    let (message, created) = traced.delivered("order 7").await;
    message
        .process(&traced.queue, delete(&traced, &message))
        .await
        .unwrap();

    let span = traced.recorder.span("delete orders");
    let process = traced.recorder.span("process orders");
    assert_eq!(span.span_kind, SpanKind::Client);
    assert_eq!(span.parent_span_id, process.span_context.span_id());
    assert_eq!(
        attribute(&span, "messaging.operation.type").as_deref(),
        Some("settle")
    );
    assert!(attribute(&span, "aws.request_id").is_some());
    assert_eq!(links(&span).len(), 1);
    assert!(same(&links(&span)[0], &created));
    assert_eq!(traced.sqs.depth("orders").unwrap().in_flight, 0);
}

#[tokio::test]
async fn a_delete_outside_a_handler_is_a_child_of_what_is_current() {
    let traced = Traced::new().await;
    let (message, _) = traced.delivered("order 7").await;
    traced.in_caller(delete(&traced, &message)).await.unwrap();
    let span = traced.recorder.span("delete orders");
    assert_eq!(
        span.parent_span_id,
        traced.recorder.span("caller").span_context.span_id()
    );
    assert_eq!(span.links.len(), 0);
}

#[tokio::test]
async fn a_batch_delete_says_how_many_failed() {
    let traced = Traced::new().await;
    for body in ["1", "2", "3"] {
        traced.send(body).await;
    }
    let messages = traced.receive().await;
    traced.forget();
    let faults = traced.sqs.faults();
    faults
        .on(Action::DeleteMessageBatch)
        .next(1, Fault::FailEntries(vec![0, 2]));
    let entries = messages.iter().enumerate().map(|(id, message)| {
        DeleteMessageBatchRequestEntry::builder()
            .id(id.to_string())
            .receipt_handle(message.receipt_handle().unwrap())
            .build()
            .unwrap()
    });
    let delete = traced.client.delete_message_batch().queue_url(&traced.url);
    let output = delete
        .set_entries(Some(entries.collect()))
        .send()
        .await
        .unwrap();

    let span = traced.recorder.span("delete orders");
    assert_eq!(
        attribute(&span, "messaging.batch.message_count").as_deref(),
        Some("3")
    );
    assert_eq!(
        attribute(&span, "tracehop.batch.failed_count").as_deref(),
        Some("2")
    );
    let code = attribute(&span, "error.type");
    assert_eq!(code.as_deref(), Some(output.failed()[0].code()));
    assert!(matches!(span.status, Status::Error { .. }));
}

#[tokio::test]
async fn a_visibility_of_zero_settles_and_any_other_does_not() {
    let traced = Traced::new().await;
    let (message, _) = traced.delivered("order 7").await;
    change_visibility(&traced, &message, 60).await;
    let extended = traced.recorder.span("change_visibility orders");
    traced.recorder.forget_spans();
    change_visibility(&traced, &message, 0).await;
    let given_back = traced.recorder.span("change_visibility orders");

    let operation_type = "messaging.operation.type";
    assert_eq!(attribute(&extended, operation_type), None);
    assert_eq!(
        attribute(&given_back, operation_type).as_deref(),
        Some("settle")
    );
    assert_eq!(extended.span_kind, SpanKind::Client);
}

#[tokio::test]
async fn a_batch_of_visibility_changes_settles_if_each_entry_does() {
    let traced = Traced::new().await;
    traced.send("1").await;
    traced.send("2").await;
    let messages = traced.receive().await;
    for (seconds, settles) in [([0, 30], None), ([0, 0], Some("settle"))] {
        traced.forget();
        change_visibility_batch(&traced, &messages, &seconds).await;
        let span = traced.recorder.span("change_visibility orders");
        assert_eq!(
            attribute(&span, "messaging.operation.type").as_deref(),
            settles
        );
        assert_eq!(
            attribute(&span, "messaging.batch.message_count").as_deref(),
            Some("2")
        );
    }
}

#[tokio::test]
async fn a_dropped_delete_ends_as_cancelled() {
    let traced = Traced::new().await;
    let (message, _) = traced.delivered("order 7").await;
    traced
        .sqs
        .faults()
        .on(Action::DeleteMessage)
        .always(Fault::Hang);
    traced
        .drop_at(Action::DeleteMessage, delete(&traced, &message))
        .await;
    let error = attribute(&traced.recorder.span("delete orders"), "error.type");
    assert_eq!(error.as_deref(), Some("cancelled"));
}

#[tokio::test]
async fn settle_spans_can_be_switched_off() {
    let traced = Traced::with(|builder| builder.settle_spans(false)).await;
    let (message, _) = traced.delivered("order 7").await;
    delete(&traced, &message).await.unwrap();
    assert!(traced.recorder.spans().is_empty());
}
