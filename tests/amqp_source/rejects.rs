use lapin::BasicProperties;
use lapin::options::BasicGetOptions;
use lapin::types::{AMQPValue, FieldTable};
use tracehop::contract::Settlement;

use crate::support::{Rabbit, close, next, settle};

#[tokio::test]
async fn a_rejected_message_goes_to_the_dead_letter_exchange_with_its_context() {
    for kind in ["classic", "quorum"] {
        let arguments = [
            ("x-dead-letter-exchange", "amq.direct"),
            ("x-dead-letter-routing-key", ""),
        ];
        let Some(rabbit) = Rabbit::with_queue(kind, &arguments).await else {
            return;
        };
        let dead = rabbit.dead_letter_queue("amq.direct").await;
        let mut headers = FieldTable::default();
        let traceparent = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
        headers.insert(
            "traceparent".into(),
            AMQPValue::LongString(traceparent.into()),
        );
        rabbit
            .publish("an order", BasicProperties::default().with_headers(headers))
            .await;
        let source = rabbit.source(1).await;
        let delivery = next(&source).await;
        let reason = "no such customer".to_owned();
        settle(&source, delivery, Settlement::Reject { reason }).await;
        rabbit.until_ready(&dead, 1).await;
        close(&source).await;
        let got = rabbit
            .channel
            .basic_get(dead.as_str().into(), BasicGetOptions { no_ack: true });
        let letter = got.await.unwrap().unwrap().delivery;
        assert_eq!(letter.data, b"an order");
        let headers = letter.properties.headers().clone().unwrap();
        let carried = AMQPValue::LongString(traceparent.into());
        assert_eq!(headers.inner()["traceparent"], carried, "{kind}");
        assert!(headers.contains_key("x-death"));
    }
}

/// RabbitMQ does as it is asked; that this loses the message is told once.
#[tokio::test]
async fn without_a_dead_letter_exchange_a_rejected_message_is_gone() {
    let Some(rabbit) = Rabbit::classic().await else {
        return;
    };
    rabbit.send(0..1).await;
    let source = rabbit.source(1).await;
    let delivery = next(&source).await;
    let reason = "no such customer".to_owned();
    settle(&source, delivery, Settlement::Reject { reason }).await;
    close(&source).await;
    drop(source);
    assert_eq!(rabbit.ready(&rabbit.queue).await, 0);
}
