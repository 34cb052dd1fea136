//! Formats and baggage policies of single destinations.

use opentelemetry::baggage::BaggageExt as _;
use opentelemetry::trace::TraceContextExt as _;
use opentelemetry::{Context, KeyValue};
use serde_json::Value;
use tracehop::sqs::SqsQueue;
use tracehop::telemetry::InstrumentationBuilder;
use tracehop_propagation::{BaggagePolicy, Composite, Datadog, XRay};

use crate::support::{Traced, sent, sent_header};

/// X-Ray and W3C everywhere, Datadog alone to `billing`, and no baggage to `partners`.
fn formats(builder: InstrumentationBuilder) -> InstrumentationBuilder {
    let others = Composite::default().with(XRay);
    builder
        .propagator(others)
        .destination_formats(|destination| match &*destination.name {
            "billing" => Some(Composite::none().with(Datadog)),
            "partners" => Some(Composite::default().send_baggage(BaggagePolicy::nothing())),
            _ => None,
        })
}

async fn sent_to(traced: &Traced, queue: &str) -> Value {
    let url = traced.sqs.queue(queue).create();
    let cx = Context::new().with_baggage([KeyValue::new("tenant", "acme")]);
    let send = traced.client.send_message().queue_url(url);
    let send = send.message_body("order 7").send();
    traced.in_context(cx, send).await.unwrap();
    traced.request()
}

fn names(request: &Value) -> Vec<&str> {
    let attributes = request["MessageAttributes"].as_object().unwrap();
    attributes.keys().map(String::as_str).collect()
}

#[tokio::test]
async fn one_client_writes_other_formats_to_another_queue() {
    let traced = Traced::with(formats).await;
    let orders = sent_to(&traced, "orders").await;
    assert_eq!(names(&orders), ["baggage", "traceparent"]);
    assert!(sent_header(&orders).is_some());

    let billing = sent_to(&traced, "billing").await;
    assert_eq!(names(&billing), ["_datadog", "baggage"]);
    let created = traced.recorder.span("send billing").span_context;
    let span_id = u64::from_be_bytes(created.span_id().to_bytes());
    let datadog = sent(&billing, "_datadog").unwrap();
    assert!(datadog.contains(&format!(r#""x-datadog-parent-id":"{span_id}""#)));

    let partners = sent_to(&traced, "partners").await;
    assert_eq!(names(&partners), ["traceparent"]);
    let dropped = [
        ("messaging.system", "aws_sqs"),
        ("messaging.destination.name", "partners"),
        ("tracehop.reason", "policy"),
    ];
    let total = traced.recorder.total("tracehop.baggage.dropped", &dropped);
    assert_eq!(total, Some(1.0));
}

#[tokio::test]
async fn what_a_queue_brings_is_read_by_its_own_formats() {
    let traced = Traced::with(formats).await;
    sent_to(&traced, "billing").await;
    let created = traced.recorder.span("send billing").span_context;
    let url = traced.sqs.queue("billing").create();
    let receive = traced.client.receive_message().queue_url(&url);
    let message = receive.send().await.unwrap().messages.unwrap().remove(0);
    let asked = &traced.request()["MessageAttributeNames"];
    assert!(
        asked.as_array().unwrap().contains(&"_datadog".into()),
        "{asked}"
    );

    let instrumentation = formats(traced.recorder.builder()).build();
    let queue = SqsQueue::from_url(&url)
        .unwrap()
        .instrumentation(instrumentation);
    let cx = queue.extract_context(&message);
    assert_eq!(cx.span().span_context().span_id(), created.span_id());
    assert_eq!(
        cx.baggage()
            .get("tenant")
            .map(ToString::to_string)
            .as_deref(),
        Some("acme")
    );
}
