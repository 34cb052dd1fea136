//! `basic_get` and `basic_consume`: what brings a message.

use futures_util::StreamExt as _;
use lapin::options::{BasicConsumeOptions, BasicGetOptions};
use lapin::types::FieldTable;
use opentelemetry::trace::SpanKind;

use crate::support::{Traced, attribute, links, same};

const CONSUMED: &str = "messaging.client.consumed.messages";

#[tokio::test]
async fn a_get_is_a_client_span_that_links_to_the_message() {
    let Some(traced) = Traced::new().await else {
        return;
    };
    traced.send_empty().await;
    traced.send_empty().await;
    let created = traced.recorder.spans()[0].span_context.clone();
    traced.recorder.forget_spans();

    let get = traced
        .channel
        .basic_get(traced.queue.as_str().into(), BasicGetOptions::default());
    let got = traced.in_caller(get).await.unwrap().unwrap();
    assert_eq!(got.message_count, 1);
    let span = traced.span("consume");
    assert_eq!(span.span_kind, SpanKind::Client);
    assert_eq!(
        span.parent_span_id,
        traced.recorder.span("caller").span_context.span_id()
    );
    assert_eq!(links(&span).len(), 1);
    assert!(same(&links(&span)[0], &created));
    let expected = [
        ("messaging.operation.name", "consume"),
        ("messaging.operation.type", "receive"),
        ("messaging.rabbitmq.message.delivery_tag", "1"),
        ("messaging.destination.name", &traced.queue),
    ];
    for (key, value) in expected {
        assert_eq!(attribute(&span, key).as_deref(), Some(value));
    }
    assert_eq!(attribute(&span, "messaging.batch.message_count"), None);
    assert_eq!(traced.recorder.total(CONSUMED, &[]), Some(1.0));
}

#[tokio::test]
async fn a_get_that_brings_nothing_has_no_span() {
    let Some(traced) = Traced::new().await else {
        return;
    };
    let get = traced
        .channel
        .basic_get(traced.queue.as_str().into(), BasicGetOptions::default());
    assert!(get.await.unwrap().is_none());
    assert!(traced.recorder.spans().is_empty());
    let duration = "messaging.client.operation.duration";
    assert!(traced.recorder.total(duration, &[]).is_some());
    let consumed = traced.recorder.total(CONSUMED, &[]);
    assert!(
        consumed.is_none_or(|consumed| consumed < 1.0),
        "{consumed:?}"
    );
}

#[tokio::test]
async fn a_get_from_a_queue_that_does_not_exist_ends_with_the_brokers_code() {
    let Some(traced) = Traced::new().await else {
        return;
    };
    let get = traced
        .channel
        .basic_get("no such queue".into(), BasicGetOptions::default());
    get.await.unwrap_err();
    let span = traced.recorder.span("consume no such queue");
    assert_eq!(attribute(&span, "error.type").as_deref(), Some("NOT_FOUND"));
}

#[tokio::test]
async fn a_message_that_is_pushed_has_no_span_and_counts_when_it_is_handed_over() {
    let Some(traced) = Traced::new().await else {
        return;
    };
    for _ in 0..3 {
        traced.send_empty().await;
    }
    traced.recorder.forget_spans();
    let mut consumer = traced.consume().await;
    assert_eq!(consumer.queue().as_str(), traced.queue);
    for count in [1.0, 2.0] {
        consumer.next().await.unwrap().unwrap();
        assert_eq!(traced.recorder.total(CONSUMED, &[]), Some(count));
        let extracted = traced.recorder.total("tracehop.propagation.extracted", &[]);
        assert_eq!(extracted, Some(count));
    }
    assert!(traced.recorder.spans().is_empty());
}

#[tokio::test]
async fn with_receive_spans_a_message_that_is_pushed_has_one_when_it_is_handed_over() {
    let Some(traced) = Traced::with(|builder| builder.receive_spans(true)).await else {
        return;
    };
    traced.send_empty().await;
    traced.send_empty().await;
    let created = traced.recorder.spans()[0].span_context.clone();
    let mut consumer = traced.consume().await;
    consumer.next().await.unwrap().unwrap();
    let span = traced.span("consume");
    assert_eq!(links(&span).len(), 1);
    assert!(same(&links(&span)[0], &created));
}

#[tokio::test]
async fn a_delegate_can_have_its_deliveries_traced() {
    let Some(traced) = Traced::new().await else {
        return;
    };
    let consumer = traced.consume().await;
    let (seen, mut handled) = tokio::sync::mpsc::unbounded_channel();
    let tracing = consumer.clone();
    consumer.set_delegate(move |delivery: lapin::message::DeliveryResult| {
        let (tracing, seen) = (tracing.clone(), seen.clone());
        async move {
            if let Ok(Some(delivery)) = delivery {
                let delivery = tracing.traced(delivery);
                delivery
                    .process(async { Ok::<_, String>(()) })
                    .await
                    .unwrap();
                seen.send(()).unwrap();
            }
        }
    });
    traced.send_empty().await;
    handled.recv().await.unwrap();
    let created = traced.span("publish").span_context;
    assert!(same(&links(&traced.span("process"))[0], &created));
}

#[tokio::test]
async fn what_needs_no_ack_is_linked_to_by_no_settlement() {
    let Some(traced) = Traced::new().await else {
        return;
    };
    traced.send_empty().await;
    let options = BasicConsumeOptions {
        no_ack: true,
        ..BasicConsumeOptions::default()
    };
    let (queue, arguments) = (traced.queue.as_str().into(), FieldTable::default());
    let consumer = traced
        .channel
        .basic_consume(queue, "".into(), options, arguments);
    let delivery = consumer.await.unwrap().next().await.unwrap().unwrap();
    assert_eq!(delivery.data, b"order 7");
    traced.recorder.forget_spans();
    // The broker refuses it, since nothing is open.
    let all = lapin::options::BasicAckOptions { multiple: true };
    traced.channel.basic_ack(0, all).await.unwrap();
    assert_eq!(traced.recorder.spans()[0].links.len(), 0);
}
