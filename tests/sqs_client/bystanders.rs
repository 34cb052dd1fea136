//! Where there is nothing to record: the calls pass, and context with them.

use opentelemetry::baggage::BaggageExt as _;
use opentelemetry::context::FutureExt as _;
use opentelemetry::trace::TraceContextExt as _;
use opentelemetry::{Context, KeyValue};
use tracehop::sqs::MessageExt as _;
use tracehop::telemetry::Instrumentation;
use tracehop::testing::Recorder;
use tracehop_propagation::{Composite, parse_traceparent};

use crate::support::{Traced, sent, sent_header};

const CURRENT: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";

fn current() -> Context {
    Context::new()
        .with_remote_span_context(parse_traceparent(CURRENT).unwrap())
        .with_baggage([KeyValue::new("tenant", "acme")])
}

/// On the globals, on which this process installs nothing.
async fn without_sdk() -> Traced {
    let instrumentation = Instrumentation::builder().propagator(Composite::default());
    Traced::on(Recorder::new(), instrumentation.build()).await
}

/// What is current in the handler of the message that waits.
async fn handled(traced: &Traced) -> Context {
    let message = traced.receive().await.remove(0);
    let handler = async { Ok::<_, String>(Context::current()) };
    message.process(&traced.queue, handler).await.unwrap()
}

#[tokio::test]
async fn without_an_sdk_what_is_current_passes_through() {
    let traced = without_sdk().await;
    traced.send("order 7").with_context(current()).await;
    assert_eq!(
        sent(&traced.request(), "traceparent").as_deref(),
        Some(CURRENT)
    );
    assert_eq!(
        sent(&traced.request(), "baggage").as_deref(),
        Some("tenant=acme")
    );
    assert!(sent_header(&traced.request()).is_some());

    let handled = handled(&traced).await;
    assert_eq!(
        handled.span().span_context(),
        &parse_traceparent(CURRENT).unwrap()
    );
    assert_eq!(handled.baggage().get("tenant").unwrap().as_str(), "acme");
}

#[tokio::test]
async fn without_an_sdk_a_forwarded_message_keeps_its_context_and_the_handlers_baggage() {
    let traced = without_sdk().await;
    traced.send("order 7").with_context(current()).await;
    let message = traced.receive().await.remove(0);
    let attributes = message.message_attributes.clone();
    let forward = async {
        let send = traced.client.send_message().queue_url(&traced.url);
        let send = send.message_body("forwarded");
        let baggage = Context::current().with_baggage([KeyValue::new("tenant", "other")]);
        let send = send.set_message_attributes(attributes).send();
        send.with_context(baggage)
            .await
            .map(drop)
            .map_err(|error| format!("{error:?}"))
    };
    Box::pin(message.process(&traced.queue, forward))
        .await
        .unwrap();
    assert_eq!(
        sent(&traced.request(), "traceparent").as_deref(),
        Some(CURRENT)
    );
    assert_eq!(
        sent(&traced.request(), "baggage").as_deref(),
        Some("tenant=other")
    );
}

#[tokio::test]
async fn without_an_sdk_and_with_nothing_current_nothing_is_added() {
    let traced = without_sdk().await;
    traced.send("order 7").await;
    assert_eq!(
        traced.request()["MessageAttributes"],
        serde_json::Value::Null
    );
    assert_eq!(sent_header(&traced.request()), None);
}

#[tokio::test]
async fn suppressed_telemetry_leaves_the_call_as_it_is() {
    let traced = Traced::new().await;
    let cx = current().with_telemetry_suppressed();
    traced.send("order 7").with_context(cx.clone()).await;
    assert_eq!(
        traced.request()["MessageAttributes"],
        serde_json::Value::Null
    );
    assert_eq!(sent_header(&traced.request()), None);
    traced.receive().with_context(cx).await;
    assert_eq!(
        traced.request()["MessageSystemAttributeNames"],
        serde_json::Value::Null
    );
    assert!(traced.recorder.spans().is_empty());
    let duration = "messaging.client.operation.duration";
    assert_eq!(traced.recorder.total(duration, &[]), None);
}

#[tokio::test]
async fn a_destination_that_is_filtered_out_has_no_span_and_still_carries_context() {
    let traced = Traced::with(|builder| builder.destinations(|queue| queue.name != "orders")).await;
    traced.send("order 7").with_context(current()).await;
    assert_eq!(
        sent(&traced.request(), "traceparent").as_deref(),
        Some(CURRENT)
    );
    let handled = handled(&traced).await;
    assert_eq!(
        handled.span().span_context(),
        &parse_traceparent(CURRENT).unwrap()
    );
    assert!(traced.recorder.spans().is_empty());
}

#[tokio::test]
async fn without_an_sdk_a_receive_asks_for_what_carries_context_alone() {
    let traced = without_sdk().await;
    traced.receive().await;
    let names = &traced.request()["MessageSystemAttributeNames"];
    assert_eq!(*names, serde_json::json!(["AWSTraceHeader"]));
    let names = traced.request()["MessageAttributeNames"].clone();
    assert_eq!(names.as_array().unwrap().len(), 3);
}
