//! What destinations are called on spans and in metrics.

use futures_util::StreamExt as _;
use lapin::options::{
    BasicAckOptions, BasicConsumeOptions, BasicPublishOptions, ExchangeDeclareOptions,
    QueueBindOptions, QueueDeclareOptions,
};
use lapin::types::FieldTable;
use lapin::{BasicProperties, ExchangeKind};
use tracehop::testing::Recorder;

use crate::support::{Traced, attribute};

/// A topic exchange, and a queue that gets all of it.
async fn bound(traced: &Traced, queue: &str) -> String {
    let exchange = format!("{}-events", traced.queue);
    let options = ExchangeDeclareOptions {
        auto_delete: true,
        ..ExchangeDeclareOptions::default()
    };
    let table = FieldTable::default();
    let declare = traced.raw.exchange_declare(
        exchange.as_str().into(),
        ExchangeKind::Topic,
        options,
        table.clone(),
    );
    declare.await.unwrap();
    let bind = QueueBindOptions::default();
    let bound = traced.raw.queue_bind(
        queue.into(),
        exchange.as_str().into(),
        "#".into(),
        bind,
        table,
    );
    bound.await.unwrap();
    exchange
}

async fn publish(traced: &Traced, exchange: &str, key: &str) {
    let (options, properties) = (BasicPublishOptions::default(), BasicProperties::default());
    let publish =
        traced
            .channel
            .basic_publish(exchange.into(), key.into(), options, b"", properties);
    assert!(publish.await.unwrap().await.unwrap().is_ack());
}

/// Consumes one message, processes and acknowledges it.
async fn handle(traced: &Traced, queue: &str) {
    let options = BasicConsumeOptions::default();
    let consumer =
        traced
            .channel
            .basic_consume(queue.into(), "".into(), options, FieldTable::default());
    let delivery = consumer.await.unwrap().next().await.unwrap().unwrap();
    delivery
        .process(delivery.ack(BasicAckOptions::default()))
        .await
        .unwrap();
}

#[tokio::test]
async fn a_consumers_destination_has_exchange_routing_key_and_queue() {
    let Some(traced) = Traced::new().await else {
        return;
    };
    let exchange = bound(&traced, &traced.queue).await;
    publish(&traced, &exchange, "eu.paid").await;
    handle(&traced, &traced.queue).await;

    let published = traced.recorder.span(&format!("publish {exchange}:eu.paid"));
    let key = attribute(&published, "messaging.rabbitmq.destination.routing_key");
    assert_eq!(key.as_deref(), Some("eu.paid"));
    let name = format!("{exchange}:eu.paid:{}", traced.queue);
    for operation in ["process", "ack"] {
        let span = traced.recorder.span(&format!("{operation} {name}"));
        assert_eq!(
            attribute(&span, "messaging.destination.name"),
            Some(name.clone())
        );
    }
}

#[tokio::test]
async fn a_name_that_the_server_made_up_reaches_no_span_name_and_no_metric() {
    let Some(traced) = Traced::new().await else {
        return;
    };
    let options = QueueDeclareOptions {
        exclusive: true,
        ..QueueDeclareOptions::default()
    };
    let declared = traced
        .channel
        .queue_declare("".into(), options, FieldTable::default());
    let queue = declared.await.unwrap().name().to_string();
    let exchange = bound(&traced, &queue).await;
    publish(&traced, "", &queue).await;
    handle(&traced, &queue).await;
    publish(&traced, &exchange, "eu").await;
    handle(&traced, &queue).await;

    let spans = traced.recorder.spans();
    let mut names: Vec<_> = spans.iter().map(|span| span.name.to_string()).collect();
    names.sort();
    let published = format!("publish {exchange}:eu");
    assert_eq!(
        names,
        ["ack", "ack", "process", "process", "publish", &published]
    );
    for span in spans.iter().filter(|span| span.name != published) {
        let anonymous = attribute(span, "messaging.destination.anonymous");
        assert_eq!(anonymous.as_deref(), Some("true"));
        assert!(
            attribute(span, "messaging.destination.name")
                .unwrap()
                .contains(&queue)
        );
    }
    let metrics = [
        "messaging.client.operation.duration",
        "messaging.client.sent.messages",
        "messaging.client.consumed.messages",
        "messaging.process.duration",
        "tracehop.propagation.injected",
        "tracehop.propagation.extracted",
    ];
    for metric in metrics {
        for series in traced.recorder.metric(metric) {
            assert!(
                !format!("{series:?}").contains("amq.gen"),
                "{metric}: {series:?}"
            );
        }
    }
}

#[tokio::test]
async fn a_template_stands_for_routing_keys_of_high_cardinality() {
    let Some(traced) = Traced::with(|builder| {
        builder.destination_template(|destination| {
            let (exchange, _) = destination.name.split_once(':')?;
            exchange
                .ends_with("-events")
                .then(|| "events:{order}".to_owned())
        })
    })
    .await
    else {
        return;
    };
    let exchange = bound(&traced, &traced.queue).await;
    publish(&traced, &exchange, "order-7").await;
    let span = traced.recorder.span("publish events:{order}");
    let name = attribute(&span, "messaging.destination.name");
    assert_eq!(name, Some(format!("{exchange}:order-7")));
    assert_eq!(
        traced
            .recorder
            .metric("messaging.client.sent.messages")
            .len(),
        1
    );
}

/// Neither the spans nor what is printed of the channel's parts.
#[tokio::test]
async fn the_password_of_the_url_is_shown_nowhere() {
    let Some(url) = crate::common::rabbitmq() else {
        return;
    };
    let (user, host) = url.rsplit_once('@').unwrap();
    let (_, password) = user.rsplit_once(':').unwrap();
    let recorder = Recorder::new();
    let instrumentation = recorder.instrumentation();
    let traced = Traced::at(&url, recorder, instrumentation).await;
    let confirm = traced.publish(BasicProperties::default()).await;
    let mut shown = vec![format!("{:?} {confirm:?}", traced.channel)];
    confirm.await.unwrap();
    let consumer = traced.consume().await;
    shown.push(format!("{consumer:?}"));
    let delivery = consumer.clone().next().await.unwrap().unwrap();
    shown.push(format!("{delivery:?}"));
    delivery
        .process(delivery.ack(BasicAckOptions::default()))
        .await
        .unwrap();
    shown.push(format!("{:?}", traced.recorder.spans()));
    let parsed: tracehop::amqp::AmqpUrl = url.parse().unwrap();
    shown.push(format!("{parsed:?} {parsed}"));

    let wrong = format!("amqp://somebody:not-{password}-at-all@{host}");
    let wrong: tracehop::amqp::AmqpUrl = wrong.parse().unwrap();
    let refused = wrong
        .connect(lapin::ConnectionProperties::default())
        .await
        .unwrap_err();
    shown.push(format!("{refused} {refused:?}"));
    for text in shown {
        assert!(!text.contains(password), "{text}");
    }
}
