//! What the broker answers to a publish, and what becomes of those who do not wait for it.

use futures_util::FutureExt as _;
use lapin::options::{BasicPublishOptions, ConfirmSelectOptions};
use lapin::types::AMQPValue;
use lapin::{BasicProperties, Confirmation};
use opentelemetry::trace::Status;
use tracehop::testing::Recorder;

use crate::common;
use crate::common::proxy::Proxy;
use crate::support::{Traced, attribute, header, text, traceparent};

#[tokio::test]
async fn a_nack_is_an_error_on_the_span() {
    let Some(traced) = Traced::new().await else {
        return;
    };
    let full = format!("{}-full", traced.queue);
    let arguments = [
        ("x-max-length", AMQPValue::LongInt(1)),
        ("x-overflow", text("reject-publish")),
    ];
    traced.declare(&full, &arguments).await;
    let mut confirmed = Vec::new();
    for _ in 0..3 {
        let (options, properties) = (BasicPublishOptions::default(), BasicProperties::default());
        let key = full.as_str().into();
        let publish = traced
            .channel
            .basic_publish("".into(), key, options, b"1", properties);
        confirmed.push(publish.await.unwrap().await.unwrap().is_ack());
    }
    assert_eq!(confirmed.last(), Some(&false));
    for (span, confirmed) in traced.recorder.spans().iter().zip(confirmed) {
        let (error, status) = if confirmed {
            (None, Status::Unset)
        } else {
            (
                Some("nack"),
                Status::error("the broker refused the message"),
            )
        };
        assert_eq!(attribute(span, "error.type").as_deref(), error);
        assert_eq!(span.status, status);
    }
    let errors = [("error.type", "nack")];
    let refused = traced
        .recorder
        .total("messaging.client.sent.messages", &errors);
    assert!(refused.is_some_and(|refused| refused >= 1.0));
}

#[tokio::test]
async fn a_message_that_is_returned_is_an_error_on_the_span() {
    let Some(traced) = Traced::new().await else {
        return;
    };
    let nowhere = format!("{}-nowhere", traced.queue);
    let options = BasicPublishOptions {
        mandatory: true,
        ..BasicPublishOptions::default()
    };
    let (key, properties) = (nowhere.as_str().into(), BasicProperties::default());
    let publish = traced
        .channel
        .basic_publish("".into(), key, options, b"order 7", properties);
    let confirmation = publish.await.unwrap().await.unwrap();
    let Confirmation::Ack(Some(returned)) = confirmation else {
        panic!("{confirmation:?}");
    };
    let span = traced.recorder.span(&format!("publish {nowhere}"));
    assert_eq!(attribute(&span, "error.type").as_deref(), Some("NO_ROUTE"));
    assert_eq!(
        header(&returned, "traceparent"),
        Some(traceparent(&span.span_context))
    );
}

#[tokio::test]
async fn a_connection_that_is_closed_in_the_middle_of_a_confirm_ends_the_span_with_its_code() {
    let Some((traced, _wire)) = unheard().await else {
        return;
    };
    let confirms = [
        traced.publish(BasicProperties::default()).await,
        traced.publish(BasicProperties::default()).await,
    ];
    assert!(traced.recorder.spans().is_empty());
    traced.close_connection().await;
    for confirm in confirms {
        confirm.await.unwrap_err();
    }
    let spans = traced.recorder.spans();
    assert_eq!(spans.len(), 2);
    for span in spans {
        assert_eq!(
            attribute(&span, "error.type").as_deref(),
            Some("CONNECTION_FORCED")
        );
        assert_eq!(
            span.status,
            Status::error("the broker closed the channel or the connection")
        );
    }
}

#[tokio::test]
async fn a_confirm_that_is_dropped_while_it_is_awaited_ends_the_span_as_cancelled() {
    let Some((traced, _wire)) = unheard().await else {
        return;
    };
    let mut confirm = traced.publish(BasicProperties::default()).await;
    assert!((&mut confirm).now_or_never().is_none());
    drop(confirm);
    let span = traced.span("publish");
    assert_eq!(attribute(&span, "error.type").as_deref(), Some("cancelled"));
}

#[tokio::test]
async fn confirms_that_nobody_awaits_are_waited_for_together() {
    let Some(traced) = Traced::new().await else {
        return;
    };
    let nowhere = format!("{}-nowhere", traced.queue);
    for _ in 0..3 {
        let options = BasicPublishOptions {
            mandatory: true,
            ..BasicPublishOptions::default()
        };
        let (key, properties) = (nowhere.as_str().into(), BasicProperties::default());
        let publish = traced
            .channel
            .basic_publish("".into(), key, options, b"", properties);
        drop(publish.await.unwrap());
    }
    let returned = traced.channel.wait_for_confirms().await.unwrap();
    assert_eq!(returned.len(), 3);
    let spans = traced.recorder.spans();
    assert_eq!(spans.len(), 3);
    for span in spans {
        assert_eq!(attribute(&span, "error.type").as_deref(), Some("NO_ROUTE"));
    }
    assert!(traced.channel.wait_for_confirms().await.unwrap().is_empty());
}

#[tokio::test]
async fn the_span_of_a_confirm_that_nobody_awaits_ends_at_a_later_publish() {
    let Some(traced) = Traced::new().await else {
        return;
    };
    drop(traced.publish(BasicProperties::default()).await);
    assert!(traced.recorder.spans().is_empty());
    // The broker confirms in order: with the confirm of a later message the first is there too, or,
    // where the broker confirms both in one frame, at the message after it.
    for _ in 0..3 {
        traced.send_empty().await;
    }
    let spans = traced.recorder.spans();
    assert_eq!(spans.len(), 4);
    for span in spans {
        assert_eq!(attribute(&span, "error.type"), None);
    }
}

/// A channel with confirms, and a wire on which all that it publishes stays.
async fn unheard() -> Option<(Traced, Proxy)> {
    let url = common::rabbitmq()?;
    let (wire, recorder) = (Proxy::to(&url).await, Recorder::new());
    let instrumentation = recorder.instrumentation();
    let traced = Traced::at(&wire.url(&url), recorder, instrumentation).await;
    let options = ConfirmSelectOptions::default();
    traced.channel.confirm_select(options).await.unwrap();
    wire.mute();
    Some((traced, wire))
}
