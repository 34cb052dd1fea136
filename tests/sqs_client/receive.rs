//! `ReceiveMessage`.

use aws_sdk_sqs::types::{MessageSystemAttributeName, QueueAttributeName};
use opentelemetry::trace::SpanKind;
use serde_json::{Value, json};
use tracehop::testing::sqs::{Action, Fault};
use tracehop_propagation::{Composite, Jaeger, TraceContext, XRay};

use crate::support::{Traced, attribute, links, same};

/// Under one of the names of the request, sorted.
fn asked(request: &Value, parameter: &str) -> Vec<String> {
    let names = request[parameter].as_array().into_iter().flatten();
    let mut names: Vec<String> = names
        .map(|name| name.as_str().unwrap().to_owned())
        .collect();
    names.sort();
    names
}

#[tokio::test]
async fn a_receive_links_to_each_message_and_is_over_when_it_has_them() {
    let traced = Traced::new().await;
    for body in ["1", "2", "3"] {
        traced.in_caller(traced.send(body)).await;
    }
    let created = traced.recorder.spans();
    let created: Vec<_> = created
        .iter()
        .filter(|span| span.name == "send orders")
        .collect();
    traced.recorder.forget_spans();
    let messages = traced.in_caller(traced.receive()).await;

    let span = traced.recorder.span("receive orders");
    assert_eq!(span.span_kind, SpanKind::Client);
    assert_eq!(
        span.parent_span_id,
        traced.recorder.span("caller").span_context.span_id()
    );
    assert_eq!(
        attribute(&span, "messaging.operation.type").as_deref(),
        Some("receive")
    );
    assert_eq!(
        attribute(&span, "messaging.batch.message_count").as_deref(),
        Some("3")
    );
    assert!(attribute(&span, "aws.request_id").is_some());
    assert_eq!(links(&span).len(), 3);
    for (link, create) in links(&span).iter().zip(created) {
        assert!(same(link, &create.span_context));
    }
    for (link, message) in span.links.iter().zip(&messages) {
        let id = link
            .attributes
            .iter()
            .find(|it| it.key.as_str() == "messaging.message.id");
        assert_eq!(
            id.map(|id| id.value.to_string()).as_deref(),
            message.message_id()
        );
    }
    let consumed = "messaging.client.consumed.messages";
    assert_eq!(traced.recorder.total(consumed, &[]), Some(3.0));
    assert_eq!(
        traced.recorder.total("tracehop.propagation.extracted", &[]),
        Some(3.0)
    );
}

#[tokio::test]
async fn a_receive_covers_the_time_it_took() {
    let traced = Traced::new().await;
    traced.send("order 7").await;
    let slow = std::time::Duration::from_millis(30);
    traced
        .sqs
        .faults()
        .on(Action::ReceiveMessage)
        .next(1, Fault::Slow(slow));
    traced.receive().await;
    let span = traced.recorder.span("receive orders");
    assert!(span.end_time.duration_since(span.start_time).unwrap() >= slow);
}

#[tokio::test]
async fn a_receive_asks_for_what_carries_context() {
    let traced = Traced::new().await;
    traced.receive().await;
    let request = traced.request();
    assert_eq!(
        asked(&request, "MessageAttributeNames"),
        ["baggage", "tracehop-previous", "traceparent", "tracestate"]
    );
    let system = ["AWSTraceHeader", "ApproximateReceiveCount", "SentTimestamp"];
    assert_eq!(asked(&request, "MessageSystemAttributeNames"), system);
    assert_eq!(request["AttributeNames"], Value::Null);
}

#[tokio::test]
async fn a_receive_asks_for_the_fields_of_the_propagator() {
    let formats = || Composite::none().with(TraceContext).with(XRay);
    let traced = Traced::with(|builder| builder.propagator(formats())).await;
    traced.receive().await;
    let names = asked(&traced.request(), "MessageAttributeNames");
    let expected = [
        "tracehop-previous",
        "traceparent",
        "tracestate",
        "x-amzn-trace-id",
    ];
    assert_eq!(names, expected);
}

#[tokio::test]
async fn a_receive_asks_for_baggage_in_fields_of_its_own_by_prefix() {
    let formats = Composite::none().with(Jaeger);
    let traced = Traced::with(|builder| builder.propagator(formats)).await;
    traced.receive().await;
    let names = asked(&traced.request(), "MessageAttributeNames");
    assert_eq!(names, ["tracehop-previous", "uber-trace-id", "uberctx-.*"]);
}

#[tokio::test]
async fn the_names_that_the_user_asks_for_are_kept() {
    let traced = Traced::new().await;
    let receive = traced.client.receive_message().queue_url(&traced.url);
    let receive = receive
        .message_attribute_names("customer")
        .message_attribute_names("trace.*")
        .message_system_attribute_names(MessageSystemAttributeName::SenderId)
        .message_system_attribute_names(MessageSystemAttributeName::SentTimestamp);
    receive.send().await.unwrap();
    let request = traced.request();
    assert_eq!(
        asked(&request, "MessageAttributeNames"),
        ["baggage", "customer", "trace.*"]
    );
    let system = [
        "AWSTraceHeader",
        "ApproximateReceiveCount",
        "SenderId",
        "SentTimestamp",
    ];
    assert_eq!(asked(&request, "MessageSystemAttributeNames"), system);
}

#[tokio::test]
async fn all_is_all() {
    let traced = Traced::new().await;
    let receive = traced.client.receive_message().queue_url(&traced.url);
    let receive = receive
        .message_attribute_names("All")
        .message_system_attribute_names(MessageSystemAttributeName::All);
    receive.send().await.unwrap();
    assert_eq!(traced.request()["MessageAttributeNames"], json!(["All"]));
    assert_eq!(
        traced.request()["MessageSystemAttributeNames"],
        json!(["All"])
    );
}

#[tokio::test]
#[expect(
    deprecated,
    reason = "the discontinued parameter is what this is about"
)]
async fn the_discontinued_parameter_keeps_what_the_user_asks_for() {
    let traced = Traced::new().await;
    traced.send("order 7").await;
    let receive = traced.client.receive_message().queue_url(&traced.url);
    let receive = receive.attribute_names(QueueAttributeName::from("SenderId"));
    let received = receive.send().await.unwrap();
    let request = traced.request();
    let names = [
        "AWSTraceHeader",
        "ApproximateReceiveCount",
        "SenderId",
        "SentTimestamp",
    ];
    assert_eq!(asked(&request, "AttributeNames"), names);
    assert_eq!(request["MessageSystemAttributeNames"], Value::Null);
    let attributes = received.messages()[0].attributes().unwrap();
    assert!(attributes.contains_key(&MessageSystemAttributeName::SenderId));
    assert!(attributes.contains_key(&MessageSystemAttributeName::AwsTraceHeader));
}

#[tokio::test]
async fn an_empty_poll_has_no_span_and_a_duration() {
    let traced = Traced::new().await;
    assert!(traced.receive().await.is_empty());
    assert!(traced.recorder.spans().is_empty());
    let duration = traced
        .recorder
        .metric("messaging.client.operation.duration");
    assert_eq!(duration.iter().map(|series| series.count).sum::<u64>(), 1);
    assert_eq!(
        traced
            .recorder
            .total("messaging.client.consumed.messages", &[]),
        None
    );
}

#[tokio::test]
async fn an_empty_poll_has_a_span_where_it_is_asked_for() {
    let traced = Traced::with(|builder| builder.empty_polls(true)).await;
    traced.receive().await;
    let span = traced.recorder.span("receive orders");
    assert_eq!(
        attribute(&span, "messaging.batch.message_count").as_deref(),
        Some("0")
    );
}

#[tokio::test]
async fn a_dropped_receive_leaves_no_span() {
    let traced = Traced::new().await;
    traced
        .sqs
        .faults()
        .on(Action::ReceiveMessage)
        .always(Fault::Hang);
    traced
        .drop_at(Action::ReceiveMessage, traced.receive())
        .await;
    assert!(traced.recorder.spans().is_empty());
}

#[tokio::test]
async fn a_receive_that_failed_has_a_span_that_says_so() {
    let traced = Traced::new().await;
    traced
        .sqs
        .faults()
        .on(Action::ReceiveMessage)
        .always(Fault::AccessDenied);
    let receive = traced.client.receive_message().queue_url(&traced.url);
    receive.send().await.unwrap_err();
    let error = attribute(&traced.recorder.span("receive orders"), "error.type");
    assert!(error.is_some_and(|code| code.contains("AccessDenied")));
}
