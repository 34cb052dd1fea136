//! Events of SNS.

use std::convert::Infallible;
use std::panic::AssertUnwindSafe;
use std::sync::Mutex;

use aws_lambda_events::sns::SnsRecord;
use futures_util::FutureExt as _;
use opentelemetry::trace::SpanKind;

use crate::support::{Traced, attribute, current, links, sns_event};

async fn ship(_: SnsRecord) -> Result<(), Infallible> {
    Ok(())
}

#[tokio::test]
async fn a_notification_is_handled_in_a_span_that_links_to_its_publish() {
    let traced = Traced::new();
    let seen = Mutex::new(None);
    let handler = |record: SnsRecord| {
        assert_eq!(record.sns.message, "order 7");
        *seen.lock().unwrap() = Some(current());
        std::future::ready(Ok::<_, Infallible>(()))
    };
    traced
        .function
        .handle_sns(sns_event(), handler)
        .await
        .unwrap();
    let (event, records) = traced.spans();
    for span in [&event, &records[0]] {
        assert_eq!(
            (&*span.name, &span.span_kind),
            ("process orders", &SpanKind::Consumer)
        );
        assert_eq!(links(span), ["00f067aa0ba902b7"]);
        let expected = [
            ("messaging.system", "aws.sns"),
            (
                "aws.sns.topic.arn",
                "arn:aws:sns:eu-west-1:123456789012:orders",
            ),
            ("faas.trigger", "pubsub"),
        ];
        for (key, value) in expected {
            assert_eq!(attribute(span, key).as_deref(), Some(value), "{key}");
        }
    }
    assert_eq!(records[0].parent_span_id, event.span_context.span_id());
    let id = attribute(&records[0], "messaging.message.id");
    assert_eq!(id.as_deref(), Some("95df01b4-ee98-5cb9-9903-4c221d41eb5e"));
    let (span, baggage) = seen.into_inner().unwrap().unwrap();
    assert_eq!(span, records[0].span_context);
    assert_eq!(baggage["tenant"], "acme");
}

#[tokio::test]
async fn datadogs_attribute_is_read_as_text_and_as_bytes() {
    let text = r#"{"x-datadog-trace-id":"7","x-datadog-parent-id":"9"}"#;
    let bytes = "eyJ4LWRhdGFkb2ctdHJhY2UtaWQiOiI3IiwieC1kYXRhZG9nLXBhcmVudC1pZCI6IjkifQ==";
    for (kind, value) in [("String", text), ("Binary", bytes)] {
        let traced = Traced::new();
        let mut event = sns_event();
        let attributes = &mut event.records[0].sns.message_attributes;
        let mut attribute = attributes.remove("traceparent").unwrap();
        (attribute.data_type, attribute.value) = (kind.to_owned(), value.to_owned());
        attributes.insert("_datadog".to_owned(), attribute);
        traced.function.handle_sns(event, ship).await.unwrap();
        assert_eq!(links(&traced.spans().0), ["0000000000000009"], "{kind}");
    }
}

#[tokio::test]
async fn an_event_of_eventbridge_in_the_message_is_looked_into_where_that_is_switched_on() {
    for (on, links_to) in [(true, 1), (false, 0)] {
        let traced = Traced::with(|builder| builder.envelopes(on));
        let mut event = sns_event();
        event.records[0].sns.message_attributes.clear();
        event.records[0].sns.message = r#"{"version":"0","detail-type":"OrderPlaced","detail":{"_datadog":{"x-datadog-trace-id":"7","x-datadog-parent-id":"9"}}}"#.to_owned();
        traced.function.handle_sns(event, ship).await.unwrap();
        assert_eq!(links(&traced.spans().0).len(), links_to);
    }
}

#[tokio::test]
async fn the_first_error_is_handed_on_and_ends_the_event() {
    let traced = Traced::new();
    let mut event = sns_event();
    event.records.push(event.records[0].clone());
    let handler = |_| std::future::ready(Err("out of stock"));
    let failed = traced.function.handle_sns(event, handler).await;
    assert_eq!(failed, Err("out of stock"));
    let (event, records) = traced.spans();
    assert_eq!(records.len(), 1);
    for span in [&event, &records[0]] {
        assert_eq!(attribute(span, "error.type").as_deref(), Some("_OTHER"));
    }
}

#[tokio::test]
async fn a_panic_is_handed_on_when_the_spans_have_ended() {
    let traced = Traced::new();
    let handler = |record: SnsRecord| async move {
        assert!(record.sns.message.is_empty(), "no such order");
        Ok::<_, Infallible>(())
    };
    let handled = traced.function.handle_sns(sns_event(), handler);
    let panic = AssertUnwindSafe(handled).catch_unwind().await.unwrap_err();
    assert_eq!(panic.downcast_ref(), Some(&"no such order"));
    let (event, records) = traced.spans();
    for span in [&event, &records[0]] {
        assert_eq!(attribute(span, "error.type").as_deref(), Some("panic"));
    }
}
