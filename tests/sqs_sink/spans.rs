//! Spans of a sink, and the context on its messages.

use std::collections::HashSet;

use opentelemetry::Context;
use opentelemetry::trace::{SpanId, SpanKind, Status, TraceContextExt, Tracer};
use opentelemetry_sdk::trace::SpanData;
use tracehop::contract::{Confirm, Message, Sink, SinkExt};
use tracehop::sqs::{SqsSink, TraceInterceptor};
use tracehop::testing::Recorder;
use tracehop::testing::sqs::{Action, Fault, SqsEndpoint};

use crate::common::spans::attribute;
use crate::support::{client, received};

/// A sink that records, on a client that is traced itself.
fn traced(sqs: &SqsEndpoint, gather: bool) -> (Recorder, SqsSink, String) {
    let url = sqs.queue("orders").create();
    let recorder = Recorder::new();
    let interceptor = TraceInterceptor::with(recorder.instrumentation());
    let client = aws_sdk_sqs::Client::from_conf(sqs.config().interceptor(interceptor).build());
    let sink = SqsSink::builder(client, &url)
        .gather(gather)
        .instrumentation(recorder.instrumentation());
    (recorder, sink.build().unwrap(), url)
}

fn caller(recorder: &Recorder) -> Context {
    Context::new().with_span(recorder.tracer().start("caller"))
}

fn named(recorder: &Recorder, name: &str) -> Vec<SpanData> {
    let mut spans = recorder.spans();
    spans.retain(|span| span.name == name);
    spans
}

/// The span ids in the `traceparent` of what waits.
async fn creators(sqs: &SqsEndpoint, url: &str) -> HashSet<String> {
    let messages = received(&client(sqs), url).await;
    let traceparent = |message: &aws_sdk_sqs::types::Message| {
        let attributes = message.message_attributes().unwrap();
        attributes["traceparent"].string_value().unwrap().to_owned()
    };
    messages
        .iter()
        .map(|message| traceparent(message)[36..52].to_owned())
        .collect()
}

#[tokio::test]
async fn gathered_messages_have_a_create_span_each_and_a_send_that_links_to_all() {
    let sqs = SqsEndpoint::start().await;
    let (recorder, sink, url) = traced(&sqs, true);
    let callers = [caller(&recorder), caller(&recorder)];
    let mut confirms: Vec<Confirm> = Vec::new();
    for (number, caller) in callers.iter().enumerate() {
        let message = Message::new(number.to_string());
        confirms.push(sink.enqueue(message, caller).await.unwrap());
    }
    for confirm in confirms {
        confirm.await.unwrap();
    }
    let creates = named(&recorder, "create orders");
    let parents: HashSet<_> = creates.iter().map(|span| span.parent_span_id).collect();
    let expected = callers
        .iter()
        .map(|caller| caller.span().span_context().span_id());
    assert_eq!(parents, expected.collect());
    assert!(
        creates
            .iter()
            .all(|span| span.span_kind == SpanKind::Producer)
    );
    let send = recorder.span("send orders");
    assert_eq!(
        (send.span_kind.clone(), send.parent_span_id),
        (SpanKind::Client, SpanId::INVALID)
    );
    let linked: HashSet<_> = send
        .links
        .iter()
        .map(|link| link.span_context.span_id())
        .collect();
    assert_eq!(
        linked,
        creates
            .iter()
            .map(|span| span.span_context.span_id())
            .collect()
    );
    assert_eq!(
        attribute(&send, "messaging.batch.message_count").as_deref(),
        Some("2")
    );
    let on_messages: HashSet<_> = linked.iter().map(ToString::to_string).collect();
    assert_eq!(creators(&sqs, &url).await, on_messages);
    assert_eq!(
        recorder.total("messaging.client.sent.messages", &[]),
        Some(2.0)
    );
}

#[tokio::test]
async fn a_message_of_its_own_call_has_one_producer_span() {
    let sqs = SqsEndpoint::start().await;
    let (recorder, sink, url) = traced(&sqs, false);
    let caller = caller(&recorder);
    let confirm = sink.enqueue(Message::new("x"), &caller).await.unwrap();
    let message_id = confirm.await.unwrap().message_id;
    assert_eq!(recorder.spans().len(), 1);
    let send = recorder.span("send orders");
    assert_eq!(send.span_kind, SpanKind::Producer);
    assert_eq!(send.parent_span_id, caller.span().span_context().span_id());
    assert_eq!(attribute(&send, "messaging.message.id"), message_id);
    let created = HashSet::from([send.span_context.span_id().to_string()]);
    assert_eq!(creators(&sqs, &url).await, created);
}

#[tokio::test]
async fn a_creation_context_of_the_users_is_kept_and_linked() {
    let user = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
    for gather in [true, false] {
        let sqs = SqsEndpoint::start().await;
        let (recorder, sink, url) = traced(&sqs, gather);
        let message = Message::new("x").with_header("traceparent", user);
        let confirm = sink.enqueue(message, &caller(&recorder)).await.unwrap();
        confirm.await.unwrap();
        let send = recorder.span("send orders");
        assert_eq!(send.span_kind, SpanKind::Client);
        assert_eq!(
            send.links[0].span_context.span_id().to_string(),
            "00f067aa0ba902b7"
        );
        let kept = HashSet::from(["00f067aa0ba902b7".to_owned()]);
        assert_eq!(creators(&sqs, &url).await, kept);
        assert!(named(&recorder, "create orders").is_empty());
    }
}

#[tokio::test]
async fn an_entry_that_failed_says_so_on_its_own_span() {
    let sqs = SqsEndpoint::start().await;
    let (recorder, sink, _) = traced(&sqs, true);
    let rule = sqs.faults().on(Action::SendMessageBatch);
    rule.always(Fault::FailEntries(vec![0]));
    let sent = sink.send_all(["a", "b"].map(Message::new)).await;
    assert_eq!(
        sent.iter().filter(|sent| sent.is_err()).count(),
        1,
        "{sent:?}"
    );
    let creates = named(&recorder, "create orders");
    let failed: Vec<_> = creates
        .iter()
        .filter(|span| span.status != Status::Unset)
        .collect();
    assert_eq!((creates.len(), failed.len()), (2, 1));
    assert_eq!(
        attribute(failed[0], "error.type").as_deref(),
        Some("InternalError")
    );
    let sends = named(&recorder, "send orders");
    assert_eq!(
        attribute(&sends[0], "tracehop.batch.failed_count").as_deref(),
        Some("1")
    );
}

#[tokio::test]
async fn a_message_that_no_server_takes_has_an_error_on_its_spans() {
    let sqs = SqsEndpoint::start().await;
    let (recorder, sink, url) = traced(&sqs, true);
    client(&sqs)
        .delete_queue()
        .queue_url(&url)
        .send()
        .await
        .unwrap();
    sink.send(Message::new("x")).await.unwrap_err();
    for name in ["create orders", "send orders"] {
        let error = attribute(&recorder.span(name), "error.type");
        let code = "AWS.SimpleQueueService.NonExistentQueue";
        assert_eq!(error.as_deref(), Some(code), "{name}");
    }
}
