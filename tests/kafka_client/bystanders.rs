//! What must not change: no SDK, filtered destinations, suppressed telemetry.

use opentelemetry::baggage::BaggageExt as _;
use opentelemetry::context::FutureExt as _;
use opentelemetry::trace::TraceContextExt as _;
use opentelemetry::{Context, KeyValue};
use tracehop::telemetry::Instrumentation;
use tracehop::testing::Recorder;
use tracehop_propagation::{Composite, parse_traceparent};

use crate::support::{Traced, header, sent};

const PARENT: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";

fn current() -> Context {
    Context::new()
        .with_remote_span_context(parse_traceparent(PARENT).unwrap())
        .with_baggage([KeyValue::new("tenant", "acme")])
}

fn without_sdk() -> Traced {
    let instrumentation = Instrumentation::builder().propagator(Composite::default());
    Traced::on(Recorder::new(), instrumentation.build(), &[])
}

#[tokio::test]
async fn without_an_sdk_what_is_current_passes_through() {
    let traced = without_sdk();
    traced.send("order 7").with_context(current()).await;
    let message = traced.arrived(1).remove(0);
    assert_eq!(header(&message, "traceparent").as_deref(), Some(PARENT));
    assert_eq!(header(&message, "baggage").as_deref(), Some("tenant=acme"));

    let consumer = traced.consumer();
    let message = consumer.recv().await.unwrap();
    let handler = async {
        let cx = Context::current();
        assert_eq!(
            cx.span().span_context().span_id().to_string(),
            "00f067aa0ba902b7"
        );
        assert_eq!(cx.baggage().get("tenant").unwrap().as_str(), "acme");
        traced.send("order 8").await;
        Ok::<_, String>(())
    };
    consumer.process(&message, handler).await.unwrap();
    let forwarded = traced.arrived(2).remove(1);
    assert_eq!(header(&forwarded, "traceparent").as_deref(), Some(PARENT));
}

#[tokio::test]
async fn without_an_sdk_and_a_context_a_record_is_as_it_was() {
    let traced = without_sdk();
    traced.send("order 7").await;
    let message = traced.arrived(1).remove(0);
    assert_eq!(sent(&message), []);
}

#[tokio::test]
async fn a_destination_that_is_filtered_out_has_no_span_and_passes_context() {
    let traced = Traced::with(|builder| builder.destinations(|topic| topic.name != "orders"));
    traced.send("order 7").with_context(current()).await;
    let consumer = traced.consumer();
    let message = consumer.recv().await.unwrap();
    let seen = async { Ok::<_, String>(Context::current()) };
    let seen = consumer.process(&message, seen).await.unwrap();
    assert_eq!(seen.baggage().get("tenant").unwrap().as_str(), "acme");

    let message = message.detach();
    assert_eq!(header(&message, "traceparent").as_deref(), Some(PARENT));
    assert!(traced.recorder.spans().is_empty());
    assert!(
        traced
            .recorder
            .metric("messaging.client.sent.messages")
            .is_empty()
    );
    assert!(
        traced
            .recorder
            .metric("messaging.client.consumed.messages")
            .is_empty()
    );
}

#[tokio::test]
async fn with_telemetry_suppressed_nothing_is_written_and_the_calls_pass() {
    let traced = Traced::new();
    let suppressed = current().with_telemetry_suppressed();
    traced
        .send("order 7")
        .with_context(suppressed.clone())
        .await;
    let consumer = traced.consumer();
    let message = consumer.recv().with_context(suppressed).await.unwrap();
    assert_eq!(sent(&message.detach()), []);
    assert!(traced.recorder.spans().is_empty());
    assert!(
        traced
            .recorder
            .metric("messaging.client.consumed.messages")
            .is_empty()
    );
    assert!(
        traced
            .recorder
            .metric("tracehop.propagation.missing")
            .is_empty()
    );
}
