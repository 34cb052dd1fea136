//! What a delivery holds.

use std::time::{Duration, SystemTime};

use aws_sdk_sqs::primitives::Blob;
use aws_sdk_sqs::types::MessageAttributeValue;
use bytes::Bytes;
use opentelemetry::baggage::BaggageExt;
use opentelemetry::trace::TraceContextExt;
use tracehop::contract::Value;
use tracehop::testing::sqs::SqsEndpoint;

use crate::support::{builder, client, opened, receive_one};

fn attribute(kind: &str, text: &str) -> MessageAttributeValue {
    let attribute = MessageAttributeValue::builder().data_type(kind);
    if kind.starts_with("Binary") {
        return attribute.binary_value(Blob::new(text)).build().unwrap();
    }
    attribute.string_value(text).build().unwrap()
}

fn other(kind: &str, text: &'static str) -> Value {
    Value::Other {
        kind: kind.to_owned(),
        bytes: Bytes::from_static(text.as_bytes()),
    }
}

#[tokio::test]
async fn attributes_keep_their_types() {
    let sqs = SqsEndpoint::start().await;
    let url = sqs.queue("orders").create();
    let cases = [
        ("text", attribute("String", "t"), Value::from("t")),
        (
            "bytes",
            attribute("Binary", "b"),
            Value::Bytes(Bytes::from_static(b"b")),
        ),
        ("int", attribute("Number", "-42"), Value::Int(-42)),
        ("zeros", attribute("Number", "007"), other("Number", "007")),
        (
            "decimal",
            attribute("Number", "1.50"),
            other("Number", "1.50"),
        ),
        ("float", attribute("Number", "1.5"), Value::Float(1.5)),
        (
            "flag",
            attribute("String.bool", "yes"),
            other("String.bool", "yes"),
        ),
        (
            "labelled",
            attribute("Number.price", "3"),
            other("Number.price", "3"),
        ),
        (
            "image",
            attribute("Binary.png", "p"),
            other("Binary.png", "p"),
        ),
    ];
    let mut send = client(&sqs)
        .send_message()
        .queue_url(&url)
        .message_body("x");
    for (name, sent, _) in &cases {
        send = send.message_attributes(*name, sent.clone());
    }
    send.send().await.unwrap();
    let source = opened(builder(&sqs, &url), 1).await;
    let delivery = receive_one(&source).await;
    for (name, _, value) in &cases {
        assert_eq!(delivery.message.headers.get(name), Some(value), "{name}");
    }
}

#[tokio::test]
async fn a_delivery_has_what_the_broker_says_and_the_context_it_brings() {
    let sqs = SqsEndpoint::start().await;
    let url = sqs.queue("orders.fifo").create();
    let traceparent = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
    let sent = client(&sqs)
        .send_message()
        .queue_url(&url)
        .message_body("order 7")
        .message_group_id("g")
        .message_deduplication_id("d")
        .message_attributes("traceparent", attribute("String", traceparent))
        .message_attributes("baggage", attribute("String", "tenant=a"))
        .send()
        .await
        .unwrap();
    let source = opened(builder(&sqs, &url), 1).await;
    let delivery = receive_one(&source).await;
    let message = &delivery.message;
    assert_eq!(message.text(), Some("order 7"));
    assert_eq!(message.group.as_deref(), Some(&b"g"[..]));
    assert_eq!(message.dedup_id.as_deref(), Some(&b"d"[..]));
    assert_eq!(message.properties.message_id.as_deref(), sent.message_id());
    assert_eq!(
        delivery.lane.as_ref().unwrap().name(),
        &Bytes::from_static(b"g")
    );
    assert_eq!(delivery.attempt, 1);
    let waited = SystemTime::now().duration_since(delivery.attributes.enqueued_at.unwrap());
    assert!(waited.unwrap() < Duration::from_secs(10));
    assert!(delivery.attributes.native("SequenceNumber").is_some());
    assert_eq!(delivery.attributes.native("SenderId"), None);
    let span = delivery.context.span().span_context().clone();
    assert_eq!(span.span_id().to_string(), "00f067aa0ba902b7");
    assert_eq!(
        delivery
            .context
            .baggage()
            .get("tenant")
            .map(|value| value.as_str().to_owned()),
        Some("a".to_owned())
    );
}

#[tokio::test]
async fn all_system_attributes_come_where_they_are_wanted() {
    let sqs = SqsEndpoint::start().await;
    let url = sqs.queue("orders").create();
    let send = client(&sqs).send_message().queue_url(&url);
    send.message_body("x").send().await.unwrap();
    let source = opened(builder(&sqs, &url).native_attributes(true), 1).await;
    let delivery = receive_one(&source).await;
    assert!(delivery.attributes.native("SenderId").is_some());
}
