//! Where there is nothing to record: the calls pass, and context with them.

use lapin::options::{BasicAckOptions, BasicGetOptions};
use opentelemetry::baggage::BaggageExt as _;
use opentelemetry::context::FutureExt as _;
use opentelemetry::trace::TraceContextExt as _;
use opentelemetry::{Context, KeyValue};
use tracehop::telemetry::Instrumentation;
use tracehop::testing::Recorder;
use tracehop_propagation::{Composite, parse_traceparent};

use crate::support::{Traced, header};

const CURRENT: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";

fn current() -> Context {
    Context::new()
        .with_remote_span_context(parse_traceparent(CURRENT).unwrap())
        .with_baggage([KeyValue::new("tenant", "acme")])
}

/// On the globals, on which this process installs nothing.
async fn without_sdk() -> Option<Traced> {
    let instrumentation = Instrumentation::builder().propagator(Composite::default());
    Traced::on(Recorder::new(), instrumentation.build()).await
}

/// What is current in the handler of the message that waits.
async fn handled(traced: &Traced) -> Context {
    let delivery = traced.take().await;
    let handler = async { Ok::<_, String>(Context::current()) };
    let handled = delivery.process(handler).await.unwrap();
    assert!(delivery.ack(BasicAckOptions::default()).await.unwrap());
    handled
}

fn is_current(cx: &Context) -> bool {
    let span_context = parse_traceparent(CURRENT).unwrap();
    *cx.span().span_context() == span_context && cx.baggage().get("tenant").is_some()
}

#[tokio::test]
async fn without_an_sdk_what_is_current_passes_through() {
    let Some(traced) = without_sdk().await else {
        return;
    };
    traced.send_empty().with_context(current()).await;
    assert!(is_current(&handled(&traced).await));
}

#[tokio::test]
async fn without_an_sdk_a_forwarded_message_keeps_its_context_and_the_handlers_baggage() {
    let Some(traced) = without_sdk().await else {
        return;
    };
    traced.send_empty().with_context(current()).await;
    let delivery = traced.take().await;
    let forward = async {
        let baggage = Context::current().with_baggage([KeyValue::new("tenant", "other")]);
        traced
            .send(delivery.properties.clone())
            .with_context(baggage)
            .await;
        Ok::<_, String>(())
    };
    delivery.process(forward).await.unwrap();
    let message = traced.arrived().await;
    assert_eq!(header(&message, "traceparent").as_deref(), Some(CURRENT));
    assert_eq!(header(&message, "baggage").as_deref(), Some("tenant=other"));
}

#[tokio::test]
async fn without_an_sdk_and_with_nothing_current_nothing_is_added() {
    let Some(traced) = without_sdk().await else {
        return;
    };
    traced.send_empty().await;
    assert_eq!(*traced.arrived().await.properties.headers(), None);
}

#[tokio::test]
async fn suppressed_telemetry_leaves_the_call_as_it_is() {
    let Some(traced) = Traced::new().await else {
        return;
    };
    let cx = current().with_telemetry_suppressed();
    let calls = async {
        traced.send_empty().await;
        let got = traced
            .channel
            .basic_get(traced.queue.as_str().into(), BasicGetOptions::default());
        let got = got.await.unwrap().unwrap();
        assert_eq!(*got.properties.headers(), None);
        got.ack(BasicAckOptions::default()).await.unwrap();
    };
    calls.with_context(cx).await;
    assert!(traced.recorder.spans().is_empty());
    let duration = "messaging.client.operation.duration";
    assert_eq!(traced.recorder.total(duration, &[]), None);
}

#[tokio::test]
async fn a_destination_that_is_filtered_out_has_no_span_and_still_carries_context() {
    let Some(traced) = Traced::with(|builder| builder.destinations(|_| false)).await else {
        return;
    };
    traced.send_empty().with_context(current()).await;
    assert!(is_current(&handled(&traced).await));
    assert!(traced.recorder.spans().is_empty());
}
