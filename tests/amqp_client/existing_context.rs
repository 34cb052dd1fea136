//! A span context that is on an outgoing message already.

use lapin::BasicProperties;
use opentelemetry::baggage::BaggageExt as _;
use opentelemetry::trace::SpanKind;
use opentelemetry::{Context, KeyValue};

use crate::support::{Traced, header, links, text, traceparent, with_headers};

const USERS: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";

#[tokio::test]
async fn a_context_of_the_users_is_kept_and_linked_to() {
    let Some(traced) = Traced::new().await else {
        return;
    };
    let cx = Context::new().with_baggage([KeyValue::new("tenant", "acme")]);
    let properties = with_headers([("Traceparent", text(USERS))]);
    traced.in_context(cx, traced.send(properties)).await;

    let span = traced.span("publish");
    assert_eq!(span.span_kind, SpanKind::Client);
    let linked: Vec<String> = links(&span).iter().map(traceparent).collect();
    assert_eq!(linked, [USERS]);
    let message = traced.arrived().await;
    assert_eq!(header(&message, "Traceparent").as_deref(), Some(USERS));
    assert_eq!(header(&message, "traceparent"), None);
    assert_eq!(header(&message, "baggage").as_deref(), Some("tenant=acme"));
}

#[tokio::test]
async fn baggage_of_the_users_is_kept() {
    let Some(traced) = Traced::new().await else {
        return;
    };
    let cx = Context::new().with_baggage([KeyValue::new("tenant", "acme")]);
    let users = [
        ("traceparent", text(USERS)),
        ("baggage", text("tenant=other")),
    ];
    traced
        .in_context(cx, traced.send(with_headers(users)))
        .await;
    let message = traced.arrived().await;
    assert_eq!(header(&message, "baggage").as_deref(), Some("tenant=other"));
}

#[tokio::test]
async fn a_context_that_is_invalid_is_replaced() {
    let Some(traced) = Traced::new().await else {
        return;
    };
    let zeros = "00-00000000000000000000000000000000-0000000000000000-01";
    traced
        .send(with_headers([("Traceparent", text(zeros))]))
        .await;
    let span = traced.span("publish");
    assert_eq!(
        (&span.span_kind, span.links.len()),
        (&SpanKind::Producer, 0)
    );
    let message = traced.arrived().await;
    assert_eq!(header(&message, "Traceparent"), None);
    assert_eq!(
        header(&message, "traceparent"),
        Some(traceparent(&span.span_context))
    );
}

#[tokio::test]
async fn the_context_of_the_message_in_hand_is_replaced_when_it_is_forwarded() {
    let Some(traced) = Traced::new().await else {
        return;
    };
    let (delivery, created) = traced.delivered().await;
    let carried: BasicProperties = delivery.properties.clone();
    assert_eq!(
        header(&delivery, "traceparent"),
        Some(traceparent(&created))
    );

    let forwarded = async {
        traced.send(carried).await;
        Ok::<_, String>(())
    };
    delivery.process(forwarded).await.unwrap();

    let span = traced.span("publish");
    assert_eq!(
        (&span.span_kind, span.links.len()),
        (&SpanKind::Producer, 0)
    );
    let process = traced.span("process");
    assert_eq!(span.parent_span_id, process.span_context.span_id());
    let message = traced.arrived().await;
    assert_eq!(
        header(&message, "traceparent"),
        Some(traceparent(&span.span_context))
    );
    assert_eq!(
        message.properties.headers().as_ref().unwrap().inner().len(),
        1
    );
}
