//! `Publish` to a topic.

use std::pin::pin;

use futures_util::FutureExt as _;
use opentelemetry::Context;
use opentelemetry::context::FutureExt as _;
use opentelemetry::trace::{SpanKind, Status, TraceContextExt as _, Tracer as _};

use crate::support::{
    PUBLISHED, THROTTLED, TOPIC, Traced, attributes, text, trace_header, traceparent,
};

const USERS: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";

#[tokio::test]
async fn a_publish_is_a_producer_span_and_its_context_goes_out() {
    let traced = Traced::new(&[PUBLISHED]);
    let publish = traced.client.publish().topic_arn(TOPIC).message("order 7");
    let caller = Context::new().with_span(traced.recorder.tracer().start("caller"));
    let parent = caller.span().span_context().span_id();
    publish.send().with_context(caller).await.unwrap();

    let span = traced.recorder.span("publish orders");
    assert_eq!(
        (&span.span_kind, &span.status),
        (&SpanKind::Producer, &Status::Unset)
    );
    assert_eq!(span.parent_span_id, parent);
    let expected = [
        ("aws.request_id", "request-1"),
        ("aws.sns.topic.arn", TOPIC),
        ("messaging.destination.name", "orders"),
        ("messaging.message.id", "m-1"),
        ("messaging.operation.name", "publish"),
        ("messaging.operation.type", "send"),
        ("messaging.system", "aws.sns"),
        ("server.address", "sns.us-east-1.amazonaws.com"),
        ("server.port", "443"),
    ];
    let expected = expected.map(|(key, value)| (key.to_owned(), value.to_owned()));
    assert_eq!(attributes(&span), expected.into());

    let carried = traced.request().attributes("");
    assert_eq!(carried.len(), 1);
    assert_eq!(carried["traceparent"], traceparent(&span.span_context));
}

#[tokio::test]
async fn the_trace_header_goes_out_with_the_request_and_is_not_signed() {
    let traced = Traced::new(&[PUBLISHED]);
    let publish = traced.client.publish().topic_arn(TOPIC).message("order 7");
    publish.send().await.unwrap();
    let span = traced.recorder.span("publish orders");
    let request = traced.request();
    assert_eq!(request.trace_header, Some(trace_header(&span.span_context)));
    assert!(request.authorization.contains("SignedHeaders="));
    assert!(!request.authorization.contains("x-amzn-trace-id"));
}

#[tokio::test]
async fn the_trace_header_can_be_switched_off() {
    let traced = Traced::with(&[PUBLISHED], |builder| builder.aws_trace_header(false));
    let publish = traced.client.publish().topic_arn(TOPIC).message("order 7");
    publish.send().await.unwrap();
    assert_eq!(traced.request().trace_header, None);
    assert!(traced.request().attributes("").contains_key("traceparent"));
}

#[tokio::test]
async fn a_retried_publish_is_one_span_and_one_context() {
    let traced = Traced::new(&[THROTTLED, PUBLISHED]);
    let publish = traced.client.publish().topic_arn(TOPIC).message("order 7");
    publish.send().await.unwrap();
    let span = traced.recorder.span("publish orders");
    assert!(!attributes(&span).contains_key("error.type"));
    let requests = traced.requests();
    assert_eq!(requests.len(), 2);
    for request in requests {
        assert_eq!(request.trace_header, Some(trace_header(&span.span_context)));
        assert_eq!(
            request.attributes("")["traceparent"],
            traceparent(&span.span_context)
        );
    }
}

#[tokio::test]
async fn ten_attributes_of_the_users_go_out_unchanged() {
    let traced = Traced::new(&[PUBLISHED]);
    let mut publish = traced.client.publish().topic_arn(TOPIC).message("order 7");
    for index in 0..10 {
        publish = publish.message_attributes(format!("user-{index}"), text("kept"));
    }
    publish.send().await.unwrap();
    let carried = traced.request().attributes("");
    assert_eq!(carried.len(), 10);
    assert!(carried.keys().all(|name| name.starts_with("user-")));
    assert!(traced.request().trace_header.is_some());
}

#[tokio::test]
async fn a_message_is_not_pushed_above_the_limit() {
    for (bytes, carries) in [(262_144, false), (262_000, true)] {
        let traced = Traced::new(&[PUBLISHED]);
        let publish = traced.client.publish().topic_arn(TOPIC);
        publish.message("x".repeat(bytes)).send().await.unwrap();
        let carried = traced.request().attributes("");
        assert_eq!(carried.contains_key("traceparent"), carries, "{bytes}");
    }
}

#[tokio::test]
async fn a_context_of_the_users_is_kept_and_linked_to() {
    let traced = Traced::new(&[PUBLISHED]);
    let publish = traced.client.publish().topic_arn(TOPIC).message("order 7");
    let publish = publish.message_attributes("traceparent", text(USERS));
    publish.send().await.unwrap();
    let span = traced.recorder.span("publish orders");
    assert_eq!(
        (span.span_kind.clone(), span.links.len()),
        (SpanKind::Client, 1)
    );
    let linked = traceparent(&span.links.iter().next().unwrap().span_context);
    assert_eq!(linked, USERS);
    assert_eq!(traced.request().attributes("")["traceparent"], USERS);
    let header = "Root=1-4bf92f35-77b34da6a3ce929d0e0e4736;Parent=00f067aa0ba902b7;Sampled=1";
    assert_eq!(traced.request().trace_header.as_deref(), Some(header));
}

#[tokio::test]
async fn a_dropped_publish_ends_as_cancelled() {
    let traced = Traced::new(&[]);
    {
        let publish = traced.client.publish().topic_arn(TOPIC).message("order 7");
        let mut publish = pin!(publish.send());
        while traced.requests().is_empty() {
            assert!((&mut publish).now_or_never().is_none());
            tokio::task::yield_now().await;
        }
    }
    let span = traced.recorder.span("publish orders");
    assert_eq!(attributes(&span)["error.type"], "cancelled");
}

#[tokio::test]
async fn suppressed_telemetry_leaves_the_call_as_it_is() {
    let traced = Traced::new(&[PUBLISHED]);
    let publish = traced.client.publish().topic_arn(TOPIC).message("order 7");
    let cx = Context::new().with_telemetry_suppressed();
    publish.send().with_context(cx).await.unwrap();
    assert!(traced.request().attributes("").is_empty());
    assert_eq!(traced.request().trace_header, None);
    assert!(traced.recorder.spans().is_empty());
}
