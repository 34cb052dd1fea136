//! `basic_publish`: the span, and what goes onto the message.

use lapin::BasicProperties;
use lapin::options::{BasicPublishOptions, ConfirmSelectOptions};
use opentelemetry::baggage::BaggageExt as _;
use opentelemetry::trace::{SpanKind, Status};
use opentelemetry::{Context, KeyValue};
use opentelemetry_sdk::trace::Sampler;
use tracehop::testing::Recorder;

use crate::support::{Traced, attribute, attributes, header, traceparent};

#[tokio::test]
async fn a_publish_is_a_producer_span_whose_context_is_on_the_message() {
    let Some(traced) = Traced::new().await else {
        return;
    };
    let cx = Context::new().with_baggage([KeyValue::new("tenant", "acme")]);
    let properties = BasicProperties::default()
        .with_message_id("m-1".into())
        .with_correlation_id("c-1".into())
        .with_priority(3);
    traced.in_context(cx, traced.send(properties)).await;

    let span = traced.span("publish");
    assert_eq!(span.span_kind, SpanKind::Producer);
    assert_eq!(
        span.parent_span_id,
        traced.recorder.span("caller").span_context.span_id()
    );
    assert_eq!(span.status, Status::Unset);
    let url = crate::common::rabbitmq().unwrap();
    let port = url
        .rsplit_once(':')
        .unwrap()
        .1
        .split('/')
        .next()
        .unwrap()
        .to_owned();
    let expected = [
        ("messaging.destination.name", traced.queue.as_str()),
        ("messaging.message.conversation_id", "c-1"),
        ("messaging.message.id", "m-1"),
        ("messaging.operation.name", "publish"),
        ("messaging.operation.type", "send"),
        ("messaging.rabbitmq.destination.routing_key", &traced.queue),
        ("messaging.system", "rabbitmq"),
        ("server.address", "127.0.0.1"),
        ("server.port", &port),
    ];
    let expected = expected.map(|(key, value)| (key.to_owned(), value.to_owned()));
    assert_eq!(attributes(&span), expected.into());

    let message = traced.arrived().await;
    assert_eq!(
        header(&message, "traceparent"),
        Some(traceparent(&span.span_context))
    );
    assert_eq!(header(&message, "baggage").as_deref(), Some("tenant=acme"));
    assert_eq!(message.data, b"order 7");
    assert_eq!(
        (
            *message.properties.priority(),
            message.properties.message_id().clone()
        ),
        (Some(3), Some("m-1".into()))
    );
}

#[tokio::test]
async fn the_span_ends_on_the_confirm() {
    let Some(traced) = Traced::new().await else {
        return;
    };
    let confirm = traced.publish(BasicProperties::default()).await;
    assert!(traced.recorder.spans().is_empty());
    assert!(confirm.await.unwrap().is_ack());
    assert_eq!(attribute(&traced.span("publish"), "error.type"), None);
    let sent = traced.recorder.total("messaging.client.sent.messages", &[]);
    assert_eq!(sent, Some(1.0));
}

#[tokio::test]
async fn without_confirms_the_span_ends_when_the_message_is_written() {
    let recorder = Recorder::new();
    let instrumentation = recorder.instrumentation();
    let Some(traced) = Traced::without_confirms(recorder, instrumentation).await else {
        return;
    };
    let confirm = traced.publish(BasicProperties::default()).await;
    assert_eq!(attribute(&traced.span("publish"), "error.type"), None);
    assert!(!confirm.await.unwrap().is_ack());
    assert_eq!(traced.recorder.spans().len(), 1);
}

#[tokio::test]
async fn messages_in_flight_together_each_have_a_span_of_their_own() {
    let Some(traced) = Traced::new().await else {
        return;
    };
    let mut confirms = Vec::new();
    for _ in 0..50 {
        confirms.push(traced.publish(BasicProperties::default()).await);
    }
    for confirm in confirms {
        assert!(confirm.await.unwrap().is_ack());
    }
    let spans = traced.recorder.spans();
    assert_eq!(spans.len(), 50);
    for span in spans {
        let message = traced.arrived().await;
        assert_eq!(
            header(&message, "traceparent"),
            Some(traceparent(&span.span_context))
        );
    }
}

#[tokio::test]
async fn an_unsampled_message_carries_flags_00() {
    let recorder = Recorder::with_sampler(Sampler::AlwaysOff);
    let instrumentation = recorder.instrumentation();
    let Some(traced) = Traced::on(recorder, instrumentation).await else {
        return;
    };
    traced.send_empty().await;
    let carried = header(&traced.arrived().await, "traceparent").unwrap();
    assert!(carried.ends_with("-00"), "{carried}");
    assert!(traced.recorder.spans().is_empty());
}

#[tokio::test]
async fn headers_and_baggage_can_be_recorded() {
    let Some(traced) = Traced::with(|builder| {
        let builder = builder.baggage_attributes(["tenant"]).body_size(true);
        builder.capture_headers(["color", "traceparent"], |_, value| {
            Some(value.to_uppercase())
        })
    })
    .await
    else {
        return;
    };
    let cx = Context::new().with_baggage([KeyValue::new("tenant", "acme")]);
    let properties = crate::support::with_headers([("color", crate::support::text("red"))]);
    traced.in_context(cx, traced.send(properties)).await;
    let span = traced.span("publish");
    let expected = [
        ("tenant", "acme"),
        ("tracehop.message.header.color", "[\"RED\"]"),
        ("messaging.message.body.size", "7"),
    ];
    for (key, value) in expected {
        assert_eq!(attribute(&span, key).as_deref(), Some(value));
    }
    assert_eq!(
        attribute(&span, "tracehop.message.header.traceparent"),
        None
    );
}

#[tokio::test]
async fn a_publish_to_an_exchange_that_does_not_exist_ends_with_the_brokers_code() {
    let Some(traced) = Traced::new().await else {
        return;
    };
    let (options, properties) = (BasicPublishOptions::default(), BasicProperties::default());
    let exchange = "no such exchange".into();
    let publish = traced
        .channel
        .basic_publish(exchange, "key".into(), options, b"", properties);
    publish.await.unwrap().await.unwrap_err();
    let span = traced.recorder.span("publish no such exchange:key");
    assert_eq!(attribute(&span, "error.type").as_deref(), Some("NOT_FOUND"));

    traced.recorder.forget_spans();
    let (options, properties) = (BasicPublishOptions::default(), BasicProperties::default());
    let again = traced
        .channel
        .basic_publish("".into(), "key".into(), options, b"", properties);
    again.await.unwrap_err();
    let span = traced.recorder.span("publish key");
    assert_eq!(attribute(&span, "error.type").as_deref(), Some("_OTHER"));
    assert_eq!(span.status, Status::error("the channel is not open"));
}

#[tokio::test]
async fn what_is_not_traced_is_reached_through_the_channel() {
    let Some(traced) = Traced::new().await else {
        return;
    };
    traced
        .channel
        .confirm_select(ConfirmSelectOptions::default())
        .await
        .unwrap();
    assert!(traced.channel.clone().status().confirm());
    let shown = format!("{:?}", traced.channel);
    assert_eq!(
        shown,
        format!("TracedChannel {{ id: {}, .. }}", traced.channel.id())
    );
    traced.connection.close(200, "".into()).await.unwrap();
}
