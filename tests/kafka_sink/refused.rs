//! What is not sent, and what is said of it.

use rdkafka::ClientConfig;
use rdkafka::admin::{NewTopic, TopicReplication};
use tracehop::contract::{ErrorKind, Message, Sink as _, SinkExt as _};
use tracehop::kafka::KafkaSink;
use tracehop::testing::Recorder;

use super::common::{self, guarded, topics};
use super::support::{Mock, TOPIC};

#[tokio::test]
async fn a_message_above_the_clients_limit_is_an_error_of_its_payload() {
    let mock = Mock::start();
    let recorder = Recorder::new();
    let sink = KafkaSink::builder(mock.config(), TOPIC);
    let sink = sink
        .instrumentation(recorder.instrumentation())
        .build()
        .unwrap();
    let error = sink
        .send(Message::new(vec![b'x'; 2_000_000]))
        .await
        .unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Payload);
    assert_eq!(error.code(), "MessageSizeTooLarge");
    assert!(
        error.to_string().starts_with("send kafka:orders: "),
        "{error}"
    );
    let span = recorder.span("send orders");
    assert!(format!("{:?}", span.attributes).contains("MessageSizeTooLarge"));
    sink.send(Message::new("small")).await.unwrap();
}

#[tokio::test]
async fn a_message_above_the_brokers_limit_is_an_error_of_its_payload() {
    let Some(brokers) = common::kafka() else {
        return;
    };
    let topic = common::unique("small");
    let mut config = ClientConfig::new();
    config.set("bootstrap.servers", brokers);
    config.set("message.max.bytes", "4000000");
    let new = NewTopic::new(&topic, 1, TopicReplication::Fixed(1)).set("max.message.bytes", "1000");
    topics::create(&config, new).await;
    let sink = KafkaSink::new(config, &topic).unwrap();
    let error = sink
        .send(Message::new(vec![b'x'; 5_000]))
        .await
        .unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Payload, "{error}");
    assert_eq!(error.code(), "MessageSizeTooLarge");
    sink.send(Message::new("small")).await.unwrap();
}

#[tokio::test]
async fn a_topic_without_access_is_an_error_and_no_secret() {
    let (Some(brokers), Some(servers)) = (common::kafka(), guarded::servers()) else {
        return;
    };
    let topic = common::unique("guarded");
    let mut config = ClientConfig::new();
    config.set("bootstrap.servers", brokers);
    let new = NewTopic::new(&topic, 1, TopicReplication::Fixed(1));
    topics::create(&config, new).await;
    let sink = KafkaSink::new(guarded::stranger(&servers, guarded::PASSWORD), &topic).unwrap();
    let error = sink.send(Message::new("an order")).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Denied, "{error}");
    let text = error.to_string();
    let begins = format!("send kafka:{topic}: ");
    assert!(text.starts_with(&begins), "{text}");
    assert!(!text.contains(guarded::PASSWORD), "{text}");
}

#[tokio::test]
async fn a_partition_that_does_not_exist_fails_its_message_alone() {
    let mock = Mock::start();
    let sink = KafkaSink::builder(mock.config(), TOPIC);
    let sink = sink
        .partition(|message| message.text()?.parse().ok())
        .build()
        .unwrap();
    let sent = sink.send_all(["0", "77", "1"].map(Message::new)).await;
    let [Ok(_), Err(error), Ok(_)] = sent.as_slice() else {
        panic!("{sent:?}")
    };
    assert_eq!(error.kind(), ErrorKind::NotFound, "{error}");
}

#[tokio::test]
async fn a_message_that_is_to_be_held_back_is_refused() {
    let mock = Mock::start();
    let sink = KafkaSink::new(mock.config(), TOPIC).unwrap();
    let later = Message::new("x").with_delay(std::time::Duration::from_secs(1));
    let error = sink.send(later).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Payload);
}

#[test]
fn a_configuration_that_is_not_accepted_is_an_error() {
    let mut config = ClientConfig::new();
    config.set("compression.type", "shrink");
    let error = KafkaSink::new(config, TOPIC).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Config);
    assert!(error.to_string().contains("compression"), "{error}");
}
