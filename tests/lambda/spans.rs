//! The spans of an invocation, and what is current in the handler.

use std::convert::Infallible;
use std::sync::Mutex;

use aws_lambda_events::sqs::SqsMessage;
use opentelemetry::Context;
use opentelemetry::context::FutureExt as _;
use opentelemetry::trace::{SpanId, SpanKind, TraceContextExt as _, Tracer as _};
use tracehop::lambda::TracedFunction;
use tracehop::telemetry::Instrumentation;
use tracehop_propagation::{Composite, XRay};

use crate::support::{Traced, attribute, current, links, sqs_event};

const W3C: &str = "00f067aa0ba902b7";
const AWS: &str = "53995c3f42cd8ad8";
const DATADOG: &str = "0000000000000009";

async fn ship(_: SqsMessage) -> Result<(), Infallible> {
    Ok(())
}

#[tokio::test]
async fn an_event_is_a_span_that_links_to_each_message_with_a_span_below_it_for_each() {
    let traced = Traced::new();
    traced.function.handle_sqs(sqs_event(), ship).await;
    let (event, records) = traced.spans();
    assert_eq!(event.parent_span_id, SpanId::INVALID);
    assert_eq!(links(&event), [W3C, AWS, DATADOG]);
    let count = attribute(&event, "messaging.batch.message_count");
    assert_eq!(count.as_deref(), Some("3"));
    assert_eq!(records.len(), 3);
    for (record, created) in records.iter().zip([W3C, AWS, DATADOG]) {
        assert_eq!(record.parent_span_id, event.span_context.span_id());
        assert_eq!(links(record), [created]);
    }
    for span in records.iter().chain([&event]) {
        assert_eq!(
            (&*span.name, &span.span_kind),
            ("process orders", &SpanKind::Consumer)
        );
        let expected = [
            ("faas.trigger", "pubsub"),
            ("messaging.system", "aws_sqs"),
            ("messaging.operation.type", "process"),
            ("messaging.destination.name", "orders"),
        ];
        for (key, value) in expected {
            assert_eq!(attribute(span, key).as_deref(), Some(value), "{key}");
        }
    }
}

#[tokio::test]
async fn a_record_says_which_message_and_which_attempt_it_is() {
    let traced = Traced::new();
    traced.function.handle_sqs(sqs_event(), ship).await;
    let (event, records) = traced.spans();
    let id = Some("2e1424d4-f796-459a-8184-9c92662be6da".to_owned());
    assert_eq!(attribute(&records[1], "messaging.message.id"), id);
    let attempts = records
        .iter()
        .map(|record| attribute(record, "tracehop.message.attempt"));
    let attempts: Vec<_> = attempts.flatten().collect();
    assert_eq!(attempts, ["1", "3", "1"]);
    let linked = event.links[1].attributes.iter();
    let linked = linked.filter(|attribute| attribute.key.as_str() == "messaging.message.id");
    assert_eq!(linked.count(), 1, "what differs stands on the link");

    let waited = traced.recorder.metric("tracehop.message.queue_time");
    assert_eq!(waited.iter().map(|series| series.count).sum::<u64>(), 3);
}

#[tokio::test]
async fn the_span_of_the_record_is_current_in_the_handler_with_the_messages_baggage() {
    let traced = Traced::new();
    let seen = Mutex::new(Vec::new());
    let handler = |_| async {
        seen.lock().unwrap().push(current());
        tokio::task::yield_now().await;
        seen.lock().unwrap().push(current());
        Ok::<_, Infallible>(())
    };
    traced.function.handle_sqs(sqs_event(), handler).await;
    let (_, records) = traced.spans();
    let seen = seen.into_inner().unwrap();
    for (index, record) in records.iter().enumerate() {
        let of_record = &seen[2 * index..2 * index + 2];
        assert_eq!(of_record[0], of_record[1], "also after a wait");
        assert_eq!(of_record[0].0, record.span_context);
    }
    let baggage = &seen[0].1;
    assert_eq!((&*baggage["tenant"], &*baggage["plan"]), ("acme", "free"));
    assert!(seen[2].1.is_empty(), "that of another message");
}

#[tokio::test]
async fn under_the_span_of_the_function_the_event_is_its_child() {
    let traced = Traced::new();
    let function = traced.recorder.tracer().start("my_function");
    let cx = Context::new().with_span(function);
    let handled = traced.function.handle_sqs(sqs_event(), ship);
    handled.with_context(cx.clone()).await;
    let (event, records) = traced.spans();
    let function = cx.span().span_context().clone();
    assert_eq!(event.parent_span_id, function.span_id());
    assert_eq!(records[0].span_context.trace_id(), function.trace_id());
}

#[tokio::test]
async fn a_remote_context_that_is_current_is_no_parent() {
    let traced = Traced::new();
    let remote = tracehop_propagation::parse_traceparent(
        "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
    );
    let cx = Context::new().with_remote_span_context(remote.unwrap());
    traced
        .function
        .handle_sqs(sqs_event(), ship)
        .with_context(cx)
        .await;
    assert_eq!(traced.spans().0.parent_span_id, SpanId::INVALID);
}

#[tokio::test]
async fn an_unsampled_trace_header_is_linked_to() {
    let traced = Traced::new();
    let mut event = sqs_event();
    event.records.drain(..1);
    event.records.truncate(1);
    let header = event.records[0]
        .attributes
        .get_mut("AWSTraceHeader")
        .unwrap();
    *header = header.replace("Sampled=1", "Sampled=0");
    traced.function.handle_sqs(event, ship).await;
    let (event, records) = traced.spans();
    assert_eq!(
        (links(&event), links(&records[0])),
        (vec![AWS.to_owned()], vec![AWS.to_owned()])
    );
}

#[tokio::test]
async fn where_xray_is_listed_first_the_trace_header_is_read_first() {
    let formats = Composite::none()
        .with(XRay)
        .with(tracehop_propagation::TraceContext);
    let traced = Traced::with(|builder| builder.propagator(formats));
    let mut event = sqs_event();
    let header = event.records[1].attributes["AWSTraceHeader"].clone();
    event.records[0]
        .attributes
        .insert("AWSTraceHeader".to_owned(), header);
    traced.function.handle_sqs(event, ship).await;
    assert_eq!(links(&traced.spans().0)[0], AWS);
}

#[tokio::test]
async fn envelopes_are_looked_into_where_that_is_switched_on() {
    let notification = r#"{"Type":"Notification","Message":"order 7","MessageAttributes":{"traceparent":{"Type":"String","Value":"00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"}}}"#;
    for (on, expected) in [
        (true, vec!["b7ad6b7169203331".to_owned()]),
        (false, Vec::new()),
    ] {
        let traced = Traced::with(|builder| builder.envelopes(on));
        let mut event = sqs_event();
        event.records.truncate(1);
        event.records[0].message_attributes.clear();
        event.records[0].attributes.remove("AWSTraceHeader");
        event.records[0].body = Some(notification.to_owned());
        let handler = |message: SqsMessage| async move {
            assert_eq!(message.body.as_deref(), Some(notification));
            Ok::<_, Infallible>(())
        };
        let response = traced.function.handle_sqs(event, handler).await;
        assert!(response.batch_item_failures.is_empty());
        let (event, records) = traced.spans();
        assert_eq!(
            (links(&event), links(&records[0])),
            (expected.clone(), expected)
        );
    }
}

#[tokio::test]
async fn messages_of_several_queues_have_no_queue_in_common() {
    let traced = Traced::new();
    let mut event = sqs_event();
    event.records[2].event_source_arn = Some("arn:aws:sqs:eu-west-1:123456789012:returns".into());
    traced.function.handle_sqs(event, ship).await;
    let (event, records) = traced.spans();
    assert_eq!(event.name, "process multiple_sources");
    assert_eq!(attribute(&event, "messaging.destination.name"), None);
    let names: Vec<_> = records.iter().map(|record| &*record.name).collect();
    assert_eq!(
        names,
        ["process orders", "process orders", "process returns"]
    );
}

#[tokio::test]
async fn an_event_without_records_has_no_span() {
    let traced = Traced::new();
    let response = traced
        .function
        .handle_sqs(aws_lambda_events::sqs::SqsEvent::default(), ship);
    assert!(response.await.batch_item_failures.is_empty());
    assert!(traced.recorder.spans().is_empty());
}

#[tokio::test]
async fn an_invocation_that_is_dropped_ends_its_spans_as_cancelled() {
    let traced = Traced::new();
    let handler = |_| std::future::pending::<Result<(), Infallible>>();
    let mut invocation = Box::pin(traced.function.handle_sqs(sqs_event(), handler));
    let polled = futures_util::poll!(&mut invocation);
    assert!(polled.is_pending());
    drop(invocation);
    let spans = traced.recorder.spans();
    assert_eq!(spans.len(), 2);
    for span in spans {
        assert_eq!(attribute(&span, "error.type").as_deref(), Some("cancelled"));
    }
}

#[tokio::test]
async fn without_an_sdk_the_messages_context_passes() {
    let instrumentation = Instrumentation::builder()
        .propagator(Composite::default())
        .build();
    let function = TracedFunction::with(instrumentation);
    let seen = Mutex::new(Vec::new());
    let handler = |_| async {
        seen.lock().unwrap().push(current());
        Ok::<_, Infallible>(())
    };
    function.handle_sqs(sqs_event(), handler).await;
    let seen = seen.into_inner().unwrap();
    assert_eq!(seen[0].0.span_id().to_string(), W3C);
    assert_eq!(seen[0].1["tenant"], "acme");
    assert!(!seen[2].0.is_valid());
}
