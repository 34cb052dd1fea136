//! `SendMessageBatch`.

use std::collections::BTreeMap;

use aws_sdk_sqs::operation::send_message_batch::SendMessageBatchOutput;
use aws_sdk_sqs::types::SendMessageBatchRequestEntry;
use opentelemetry::trace::{SpanKind, Status};
use opentelemetry_sdk::trace::SpanData;
use tracehop::testing::sqs::{Action, Fault};

use crate::support::{
    Traced, attribute, links, same, sent, sent_header, text, trace_header, traceparent,
};

const USERS: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";

pub(crate) fn entry(id: &str, body: &str) -> SendMessageBatchRequestEntry {
    let entry = SendMessageBatchRequestEntry::builder().id(id);
    entry.message_body(body).build().unwrap()
}

async fn send_three(traced: &Traced) -> SendMessageBatchOutput {
    let send = traced.client.send_message_batch().queue_url(&traced.url);
    let send = send.entries(entry("a", "1")).entries(entry("b", "2"));
    let send = send.entries(entry("c", "3")).send();
    traced.in_caller(send).await.unwrap()
}

/// The create spans, each under the entry that carries it.
fn creates(traced: &Traced) -> BTreeMap<String, SpanData> {
    let spans = traced.recorder.spans();
    let request = traced.request();
    let entries = request["Entries"].as_array().unwrap().iter();
    entries
        .filter_map(|entry| {
            let carried = sent(entry, "traceparent")?;
            let create = spans.iter().find(|span| {
                span.name == "create orders" && traceparent(&span.span_context) == carried
            })?;
            assert_eq!(sent_header(entry), Some(trace_header(&create.span_context)));
            Some((entry["Id"].as_str()?.to_owned(), create.clone()))
        })
        .collect()
}

#[tokio::test]
async fn each_message_of_a_batch_carries_a_create_span_of_its_own() {
    let traced = Traced::new().await;
    let output = send_three(&traced).await;

    let (caller, send) = (
        traced.recorder.span("caller"),
        traced.recorder.span("send orders"),
    );
    let creates = creates(&traced);
    assert_eq!(creates.len(), 3);
    assert_eq!(send.span_kind, SpanKind::Client);
    assert_eq!(send.parent_span_id, caller.span_context.span_id());
    assert_eq!(
        attribute(&send, "messaging.batch.message_count").as_deref(),
        Some("3")
    );
    assert_eq!(attribute(&send, "messaging.message.id"), None);
    for entry in output.successful() {
        let create = &creates[entry.id()];
        assert_eq!(create.span_kind, SpanKind::Producer);
        assert_eq!(create.parent_span_id, caller.span_context.span_id());
        let id = attribute(create, "messaging.message.id");
        assert_eq!(id.as_deref(), Some(entry.message_id()));
        assert_eq!(create.end_time, send.start_time);
        assert_eq!(attribute(create, "messaging.batch.message_count"), None);
    }
    let linked = links(&send);
    assert_eq!(linked.len(), 3);
    for create in creates.values() {
        assert!(linked.iter().any(|link| same(link, &create.span_context)));
    }
    assert_eq!(
        traced.recorder.total("messaging.client.sent.messages", &[]),
        Some(3.0)
    );
}

#[tokio::test]
async fn an_entry_that_failed_marks_its_own_create_span() {
    let traced = Traced::new().await;
    let faults = traced.sqs.faults();
    faults
        .on(Action::SendMessageBatch)
        .next(1, Fault::FailEntries(vec![1]));
    let output = send_three(&traced).await;
    let code = output.failed()[0].code().to_owned();

    let creates = creates(&traced);
    assert_eq!(attribute(&creates["b"], "error.type").as_ref(), Some(&code));
    assert!(matches!(creates["b"].status, Status::Error { .. }));
    for id in ["a", "c"] {
        assert_eq!(
            (&creates[id].status, attribute(&creates[id], "error.type")),
            (&Status::Unset, None)
        );
    }
    let send = traced.recorder.span("send orders");
    assert_eq!(attribute(&send, "error.type"), Some(code));
    assert_eq!(
        attribute(&send, "tracehop.batch.failed_count").as_deref(),
        Some("1")
    );
    assert_eq!(traced.sqs.count(Action::SendMessageBatch), 1);
}

#[tokio::test]
async fn a_batch_that_failed_as_a_whole_marks_every_span() {
    let traced = Traced::new().await;
    let faults = traced.sqs.faults();
    faults
        .on(Action::SendMessageBatch)
        .always(Fault::AccessDenied);
    let send = traced.client.send_message_batch().queue_url(&traced.url);
    let send = send.entries(entry("a", "1")).entries(entry("b", "2"));
    send.send().await.unwrap_err();

    assert_eq!(
        traced.names(),
        ["create orders", "create orders", "send orders"]
    );
    for span in traced.recorder.spans() {
        let error = attribute(&span, "error.type");
        assert!(
            error.is_some_and(|code| code.contains("AccessDenied")),
            "{span:?}"
        );
    }
}

#[tokio::test]
async fn a_dropped_batch_ends_every_span_as_cancelled() {
    let traced = Traced::new().await;
    traced
        .sqs
        .faults()
        .on(Action::SendMessageBatch)
        .always(Fault::Hang);
    traced
        .drop_at(Action::SendMessageBatch, send_three(&traced))
        .await;

    let spans = traced.recorder.spans();
    let spans: Vec<_> = spans.iter().filter(|span| span.name != "caller").collect();
    assert_eq!(spans.len(), 4);
    for span in spans {
        assert_eq!(attribute(span, "error.type").as_deref(), Some("cancelled"));
    }
}

#[tokio::test]
async fn without_create_spans_all_carry_the_send() {
    let traced = Traced::with(|builder| builder.create_spans(false)).await;
    send_three(&traced).await;

    let send = traced.recorder.span("send orders");
    assert_eq!(
        (send.span_kind.clone(), send.links.len()),
        (SpanKind::Producer, 0)
    );
    assert_eq!(traced.names(), ["caller", "send orders"]);
    for entry in traced.request()["Entries"].as_array().unwrap() {
        assert_eq!(
            sent(entry, "traceparent"),
            Some(traceparent(&send.span_context))
        );
    }
}

#[tokio::test]
async fn an_entry_with_a_context_of_the_users_keeps_it_and_has_no_create_span() {
    let traced = Traced::new().await;
    let mut users = entry("a", "1");
    let attributes = [("traceparent".to_owned(), text(USERS))];
    users.message_attributes = Some(attributes.into_iter().collect());
    let send = traced.client.send_message_batch().queue_url(&traced.url);
    let send = send.entries(users).entries(entry("b", "2"));
    send.send().await.unwrap();

    let entries = traced.request()["Entries"].clone();
    assert_eq!(sent(&entries[0], "traceparent").as_deref(), Some(USERS));
    let create = traced.recorder.span("create orders");
    assert_eq!(
        sent(&entries[1], "traceparent"),
        Some(traceparent(&create.span_context))
    );
    let send = traced.recorder.span("send orders");
    let linked: Vec<String> = links(&send).iter().map(traceparent).collect();
    assert_eq!(
        linked,
        [USERS.to_owned(), traceparent(&create.span_context)]
    );
    assert_eq!(send.span_kind, SpanKind::Client);
}
