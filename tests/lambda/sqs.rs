//! The partial batch response of a standard queue.

use std::convert::Infallible;
use std::fmt::{self, Display};

use aws_lambda_events::sqs::{SqsEvent, SqsMessage, SqsMessageAttribute};
use opentelemetry::trace::Status;
use proptest::prelude::*;

use crate::support::{Traced, again, attribute, sqs_event};

#[derive(Debug)]
struct OutOfStock;

impl Display for OutOfStock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("out of stock")
    }
}

/// Fails for `order 8`, panics for `order 9`.
async fn ship(message: SqsMessage) -> Result<(), OutOfStock> {
    match message.body.as_deref() {
        Some("order 8") => Err(OutOfStock),
        Some("order 9") => panic!("no such order"),
        _ => Ok(()),
    }
}

#[tokio::test]
async fn those_that_failed_or_panicked_come_again_and_the_others_do_not() {
    let traced = Traced::new();
    let response = traced.function.handle_sqs(sqs_event(), ship).await;
    let failed = [
        "2e1424d4-f796-459a-8184-9c92662be6da",
        "c80e8021-a70a-42c7-a470-796e1186f753",
    ];
    assert_eq!(again(&response), failed);
    let json = r#"{"batchItemFailures":[{"itemIdentifier":"2e1424d4-f796-459a-8184-9c92662be6da"},{"itemIdentifier":"c80e8021-a70a-42c7-a470-796e1186f753"}]}"#;
    assert_eq!(serde_json::to_string(&response).unwrap(), json);

    let (event, records) = traced.spans();
    let said: Vec<_> = records
        .iter()
        .map(|record| (attribute(record, "error.type"), record.status.clone()))
        .collect();
    let failed = |kind: &str, what: &str| (Some(kind.to_owned()), Status::error(what.to_owned()));
    assert_eq!(said[0], (None, Status::Unset));
    assert_eq!(said[1], failed("_OTHER", "out of stock"));
    assert_eq!(said[2], failed("panic", "no such order"));
    let count = attribute(&event, "tracehop.batch.failed_count");
    assert_eq!(count.as_deref(), Some("2"));
    assert_eq!(attribute(&event, "error.type").as_deref(), Some("_OTHER"));
}

#[tokio::test]
async fn where_all_are_handled_none_comes_again() {
    let traced = Traced::new();
    let response = traced
        .function
        .handle_sqs(sqs_event(), |_| async { Ok::<_, Infallible>(()) });
    let json = serde_json::to_string(&response.await).unwrap();
    assert_eq!(json, r#"{"batchItemFailures":[]}"#);
    let (event, _) = traced.spans();
    assert_eq!(event.status, Status::Unset);
    assert_eq!(attribute(&event, "tracehop.batch.failed_count"), None);
}

#[tokio::test]
async fn a_panic_before_the_handlers_future_is_a_failure_of_its_record_too() {
    let traced = Traced::new();
    let handler = |message: SqsMessage| {
        assert_ne!(message.body.as_deref(), Some("order 8"));
        std::future::ready(Ok::<_, Infallible>(()))
    };
    let response = traced.function.handle_sqs(sqs_event(), handler).await;
    assert_eq!(again(&response), ["2e1424d4-f796-459a-8184-9c92662be6da"]);
}

#[tokio::test]
async fn a_failed_message_without_an_id_makes_all_come_again() {
    let traced = Traced::new();
    let mut event = sqs_event();
    event.records[1].message_id = None;
    let response = traced.function.handle_sqs(event, ship).await;
    assert_eq!(again(&response)[0], "");
}

#[tokio::test]
async fn a_message_group_of_a_standard_queue_stops_nothing() {
    let traced = Traced::new();
    let mut event = sqs_event();
    for record in &mut event.records {
        let group = ("MessageGroupId".to_owned(), "ann".to_owned());
        record.attributes.extend([group]);
    }
    traced.function.handle_sqs(event, ship).await;
    assert_eq!(traced.spans().1.len(), 3);
}

#[tokio::test]
async fn a_malformed_context_is_counted_and_the_message_handled() {
    let traced = Traced::with(|builder| builder.envelopes(true));
    let mut event = sqs_event();
    event.records.truncate(1);
    let record = &mut event.records[0];
    record.attributes.remove("AWSTraceHeader");
    record.body = Some(r#"{"Type":"Notification","MessageAttributes":"#.to_owned());
    let traceparent = record.message_attributes.get_mut("traceparent").unwrap();
    traceparent.string_value = Some("00-nonsense".to_owned());
    let response = traced
        .function
        .handle_sqs(event, |_| async { Ok::<_, Infallible>(()) });
    assert!(response.await.batch_item_failures.is_empty());
    for format in ["tracecontext", "envelope"] {
        let malformed = [("tracehop.format", format)];
        let total = traced
            .recorder
            .total("tracehop.propagation.malformed", &malformed);
        assert_eq!(total, Some(1.0), "{format}");
    }
}

fn any_record() -> impl Strategy<Value = SqsMessage> {
    let text = prop_oneof![
        "\\PC{0,30}",
        Just("00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01".to_owned())
    ];
    let name = prop::sample::select(vec![
        "traceparent",
        "Baggage",
        "_datadog",
        "tracehop-previous",
        "x",
    ]);
    let system = prop::sample::select(vec![
        "AWSTraceHeader",
        "ApproximateReceiveCount",
        "SentTimestamp",
    ]);
    let attributes = prop::collection::hash_map(name, text.clone(), 0..4);
    let system = prop::collection::hash_map(system, text.clone(), 0..3);
    let (body, arn) = (prop::option::of(text.clone()), prop::option::of(text));
    (attributes, system, body, arn).prop_map(|(attributes, system, body, arn)| {
        let mut record = SqsMessage::default();
        for (name, text) in attributes {
            let mut attribute = SqsMessageAttribute::default();
            attribute.string_value = Some(text);
            record.message_attributes.insert(name.to_owned(), attribute);
        }
        let system = system
            .into_iter()
            .map(|(name, text)| (name.to_owned(), text));
        record.attributes.extend(system);
        record.body = body;
        record.event_source_arn = arn;
        record
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn every_record_is_handled_whatever_it_says(records in prop::collection::vec(any_record(), 0..5)) {
        let traced = Traced::with(|builder| builder.envelopes(true));
        let mut event = SqsEvent::default();
        event.records = records;
        let (count, mut handled) = (event.records.len(), 0);
        let handler = |_| {
            handled += 1;
            std::future::ready(Ok::<_, Infallible>(()))
        };
        let response = futures_util::FutureExt::now_or_never(traced.function.handle_sqs(event, handler));
        prop_assert!(response.unwrap().batch_item_failures.is_empty());
        prop_assert_eq!(handled, count);
        for span in traced.recorder.spans() {
            prop_assert!(span.links.iter().all(|link| link.span_context.is_valid()));
        }
    }
}
