//! `ack`, `nack` and `reject`, of one message and of several.

use futures_util::StreamExt as _;
use lapin::options::{BasicAckOptions, BasicGetOptions, BasicNackOptions, BasicRejectOptions};
use opentelemetry::trace::{SpanContext, SpanKind, Status};
use tracehop::amqp::{TracedConsumer, TracedDelivery};

use crate::support::{Traced, attribute, links, same};

/// Publishes that many messages and takes them: each with its creation context.
async fn several(
    traced: &Traced,
    count: usize,
) -> (TracedConsumer, Vec<(TracedDelivery, SpanContext)>) {
    for _ in 0..count {
        traced.send_empty().await;
    }
    let created = traced
        .recorder
        .spans()
        .into_iter()
        .map(|span| span.span_context);
    let created: Vec<SpanContext> = created.collect();
    traced.recorder.forget_spans();
    let mut consumer = traced.consume().await;
    let mut taken = Vec::new();
    for created in created {
        taken.push((consumer.next().await.unwrap().unwrap(), created));
    }
    (consumer, taken)
}

#[tokio::test]
async fn a_settlement_in_a_handler_belongs_to_the_process_span_and_links_to_the_message() {
    let Some(traced) = Traced::new().await else {
        return;
    };
    let (_consumer, taken) = several(&traced, 3).await;
    let [(first, _), (second, _), (third, _)] = taken.as_slice() else {
        unreachable!()
    };
    first
        .process(first.ack(BasicAckOptions::default()))
        .await
        .unwrap();
    second
        .process(second.nack(BasicNackOptions::default()))
        .await
        .unwrap();
    third
        .process(third.reject(BasicRejectOptions::default()))
        .await
        .unwrap();

    let spans = traced.recorder.spans();
    for ((operation, (delivery, created)), spans) in ["ack", "nack", "reject"]
        .into_iter()
        .zip(&taken)
        .zip(spans.chunks(2))
    {
        let [settled, process] = spans else {
            unreachable!()
        };
        assert_eq!(settled.name, format!("{operation} {}", traced.queue));
        assert_eq!(settled.span_kind, SpanKind::Client);
        assert_eq!(settled.parent_span_id, process.span_context.span_id());
        assert_eq!(links(settled).len(), 1);
        assert!(same(&links(settled)[0], created));
        let expected = [
            ("messaging.operation.type", "settle"),
            (
                "messaging.rabbitmq.message.delivery_tag",
                &delivery.delivery_tag.to_string(),
            ),
        ];
        for (key, value) in expected {
            assert_eq!(attribute(settled, key).as_deref(), Some(value));
        }
        assert_eq!(attribute(settled, "error.type"), None);
    }
}

#[tokio::test]
async fn a_settlement_outside_a_handler_links_to_its_message_too() {
    let Some(traced) = Traced::new().await else {
        return;
    };
    let (delivery, created) = traced.delivered().await;
    traced
        .in_caller(delivery.ack(BasicAckOptions::default()))
        .await
        .unwrap();
    let span = traced.span("ack");
    assert_eq!(
        span.parent_span_id,
        traced.recorder.span("caller").span_context.span_id()
    );
    assert!(same(&links(&span)[0], &created));
    assert!(
        traced
            .raw
            .basic_get(traced.queue.as_str().into(), BasicGetOptions::default())
            .await
            .unwrap()
            .is_none()
    );
}

#[tokio::test]
async fn a_multiple_ack_is_one_span_that_links_to_each_message() {
    let Some(traced) = Traced::new().await else {
        return;
    };
    let (_consumer, taken) = several(&traced, 5).await;
    taken[1].0.ack(BasicAckOptions::default()).await.unwrap();
    traced.recorder.forget_spans();

    taken[3]
        .0
        .ack(BasicAckOptions { multiple: true })
        .await
        .unwrap();
    let span = traced.span("ack");
    let expected = [&taken[0].1, &taken[2].1, &taken[3].1];
    assert_eq!(links(&span).len(), 3);
    assert!(
        links(&span)
            .iter()
            .zip(expected)
            .all(|(link, to)| same(link, to))
    );
    let count = attribute(&span, "messaging.batch.message_count");
    assert_eq!(count.as_deref(), Some("3"));
    let tags: Vec<String> = span
        .links
        .iter()
        .map(|link| {
            let mut attributes = link.attributes.iter();
            let tag = attributes.find(|attribute| attribute.key.as_str().ends_with("delivery_tag"));
            tag.unwrap().value.to_string()
        })
        .collect();
    assert_eq!(tags, ["1", "3", "4"]);
    assert_eq!(
        attribute(&span, "messaging.rabbitmq.message.delivery_tag"),
        None
    );

    traced.recorder.forget_spans();
    taken[4]
        .0
        .nack(BasicNackOptions {
            multiple: true,
            requeue: false,
        })
        .await
        .unwrap();
    let span = traced.span("nack");
    assert_eq!(links(&span).len(), 1);
    assert!(same(&links(&span)[0], &taken[4].1));
}

#[tokio::test]
async fn settlements_by_tag_are_traced_like_those_of_a_delivery() {
    let Some(traced) = Traced::new().await else {
        return;
    };
    let (_consumer, taken) = several(&traced, 5).await;
    let channel = &traced.channel;
    channel
        .basic_ack(1, BasicAckOptions::default())
        .await
        .unwrap();
    channel
        .basic_nack(2, BasicNackOptions::default())
        .await
        .unwrap();
    channel
        .basic_reject(3, BasicRejectOptions::default())
        .await
        .unwrap();
    channel
        .basic_ack(0, BasicAckOptions { multiple: true })
        .await
        .unwrap();
    let spans = traced.recorder.spans();
    let names: Vec<String> = spans
        .iter()
        .map(|span| span.name.replace(&traced.queue, "orders"))
        .collect();
    assert_eq!(
        names,
        ["ack orders", "nack orders", "reject orders", "ack orders"]
    );
    for (span, (_, created)) in spans.iter().zip(&taken).take(3) {
        assert_eq!(links(span).len(), 1);
        assert!(same(&links(span)[0], created));
    }
    assert_eq!(links(&spans[3]).len(), 2);
}

#[tokio::test]
async fn a_delivery_that_is_settled_already_is_an_error() {
    let Some(traced) = Traced::new().await else {
        return;
    };
    let (delivery, _) = traced.delivered().await;
    assert!(delivery.ack(BasicAckOptions::default()).await.unwrap());
    traced.recorder.forget_spans();
    assert!(!delivery.ack(BasicAckOptions::default()).await.unwrap());
    let span = &traced.recorder.spans()[0];
    assert_eq!(attribute(span, "error.type").as_deref(), Some("_OTHER"));
    assert!(matches!(span.status, Status::Error { .. }));
    assert_eq!(span.links.len(), 0);
}

#[tokio::test]
async fn a_dropped_settlement_ends_as_cancelled() {
    let Some(traced) = Traced::new().await else {
        return;
    };
    let (delivery, _) = traced.delivered().await;
    let mut ack = Box::pin(delivery.ack(BasicAckOptions::default()));
    let pending = futures_util::FutureExt::now_or_never(&mut ack).is_none();
    drop(ack);
    let error = attribute(&traced.span("ack"), "error.type");
    assert_eq!(error.as_deref(), pending.then_some("cancelled"));
}

#[tokio::test]
async fn settle_spans_can_be_switched_off() {
    let Some(traced) = Traced::with(|builder| builder.settle_spans(false)).await else {
        return;
    };
    let (delivery, _) = traced.delivered().await;
    delivery.ack(BasicAckOptions::default()).await.unwrap();
    assert!(traced.recorder.spans().is_empty());
}
