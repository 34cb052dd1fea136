//! A span context that is on an outgoing message already.

use aws_sdk_sqs::types::{
    Message, MessageSystemAttributeName, MessageSystemAttributeNameForSends,
    MessageSystemAttributeValue,
};
use opentelemetry::baggage::BaggageExt as _;
use opentelemetry::trace::SpanKind;
use opentelemetry::{Context, KeyValue};
use tracehop::sqs::MessageExt as _;

use crate::support::{Traced, links, sent, sent_header, text, trace_header, traceparent};

const USERS: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
const USERS_HEADER: &str =
    "Root=1-4bf92f35-77b34da6a3ce929d0e0e4736;Parent=00f067aa0ba902b7;Sampled=1";

async fn send_with(traced: &Traced, name: &str, value: &str) {
    let send = traced.client.send_message().queue_url(&traced.url);
    let send = send
        .message_body("order 7")
        .message_attributes(name, text(value));
    send.send().await.unwrap();
}

#[tokio::test]
async fn a_context_of_the_users_is_kept_and_linked_to() {
    let traced = Traced::new().await;
    let cx = Context::new().with_baggage([KeyValue::new("tenant", "acme")]);
    traced
        .in_context(cx, send_with(&traced, "traceparent", USERS))
        .await;

    let span = traced.recorder.span("send orders");
    assert_eq!(span.span_kind, SpanKind::Client);
    let linked: Vec<String> = links(&span).iter().map(traceparent).collect();
    assert_eq!(linked, [USERS]);
    let request = traced.request();
    assert_eq!(sent(&request, "traceparent").as_deref(), Some(USERS));
    assert_eq!(sent_header(&request).as_deref(), Some(USERS_HEADER));
    assert_eq!(sent(&request, "baggage").as_deref(), Some("tenant=acme"));
}

#[tokio::test]
async fn baggage_of_the_users_is_kept() {
    let traced = Traced::new().await;
    let cx = Context::new().with_baggage([KeyValue::new("tenant", "acme")]);
    let send = traced.client.send_message().queue_url(&traced.url);
    let send = send.message_body("order 7");
    let send = send.message_attributes("traceparent", text(USERS));
    let send = send.message_attributes("baggage", text("tenant=other"));
    traced.in_context(cx, send.send()).await.unwrap();
    assert_eq!(
        sent(&traced.request(), "baggage").as_deref(),
        Some("tenant=other")
    );
}

#[tokio::test]
async fn a_context_that_is_invalid_is_replaced() {
    let traced = Traced::new().await;
    let zeros = "00-00000000000000000000000000000000-0000000000000000-01";
    send_with(&traced, "traceparent", zeros).await;
    let span = traced.recorder.span("send orders");
    assert_eq!(
        (&span.span_kind, span.links.len()),
        (&SpanKind::Producer, 0)
    );
    assert_eq!(
        sent(&traced.request(), "traceparent"),
        Some(traceparent(&span.span_context))
    );
}

#[tokio::test]
async fn a_trace_header_of_the_users_is_kept() {
    let traced = Traced::new().await;
    forward(&traced, USERS, USERS_HEADER).await;
    let request = traced.request();
    assert_eq!(sent_header(&request).as_deref(), Some(USERS_HEADER));
}

#[tokio::test]
async fn the_context_of_the_message_in_hand_is_replaced_when_it_is_forwarded() {
    let traced = Traced::new().await;
    let (message, created) = traced.delivered("order 7").await;
    let carried = message.message_attributes().unwrap()["traceparent"].string_value();
    assert_eq!(carried, Some(traceparent(&created).as_str()));
    let header = system_attribute(&message, &MessageSystemAttributeName::AwsTraceHeader);

    let forwarded = async {
        forward(&traced, carried.unwrap(), header).await;
        Ok::<_, String>(())
    };
    Box::pin(message.process(&traced.queue, forwarded))
        .await
        .unwrap();

    let span = traced.recorder.span("send orders");
    assert_eq!(
        (&span.span_kind, span.links.len()),
        (&SpanKind::Producer, 0)
    );
    let process = traced.recorder.span("process orders");
    assert_eq!(span.parent_span_id, process.span_context.span_id());
    let request = traced.request();
    assert_eq!(
        sent(&request, "traceparent"),
        Some(traceparent(&span.span_context))
    );
    assert_eq!(
        sent_header(&request),
        Some(trace_header(&span.span_context))
    );
}

async fn forward(traced: &Traced, traceparent: &str, trace_header: &str) {
    let header = MessageSystemAttributeValue::builder().data_type("String");
    let header = header.string_value(trace_header).build().unwrap();
    let send = traced.client.send_message().queue_url(&traced.url);
    let send = send.message_body("forwarded");
    let send = send.message_attributes("traceparent", text(traceparent));
    let name = MessageSystemAttributeNameForSends::AwsTraceHeader;
    send.message_system_attributes(name, header)
        .send()
        .await
        .unwrap();
}

fn system_attribute<'a>(message: &'a Message, name: &MessageSystemAttributeName) -> &'a str {
    message.attributes().unwrap()[name].as_str()
}
