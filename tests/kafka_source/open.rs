//! What a source is not opened with, and what it says of it.

use std::time::Duration;

use rdkafka::ClientConfig;
use rdkafka::consumer::{BaseConsumer, Consumer as _};
use rdkafka::producer::Producer as _;
use rdkafka::types::{RDKafkaApiKey, RDKafkaRespErr};
use tracehop::contract::{Capacity, Error, ErrorKind, Source as _};
use tracehop::kafka::{GroupProtocol, KafkaSource};

use super::common::{self, guarded};
use super::support::{self, LIMIT, Topic, config, mock, on};

async fn refused(source: KafkaSource) -> Error {
    source.open(Capacity::slots(1)).await.unwrap_err()
}

#[tokio::test]
async fn a_topic_that_does_not_exist_is_an_error() {
    let Some(brokers) = common::kafka() else {
        return;
    };
    let topic = common::unique("missing");
    let source = KafkaSource::new(config(&brokers), &topic, "workers").unwrap();
    let error = refused(source).await;
    assert_eq!(error.kind(), ErrorKind::NotFound);
    assert_eq!(error.code(), "UnknownTopicOrPartition");
    let text = error.to_string();
    assert!(text.starts_with(&format!("open kafka:{topic}: ")), "{text}");
}

#[tokio::test]
async fn a_topic_or_a_group_without_access_is_an_error() {
    let mock = mock();
    let cluster = mock.client().mock_cluster().unwrap();
    cluster.create_topic("orders", 1, 1).unwrap();
    let denied = RDKafkaRespErr::RD_KAFKA_RESP_ERR_GROUP_AUTHORIZATION_FAILED;
    cluster.request_errors(RDKafkaApiKey::JoinGroup, &[denied]);
    let error = refused(KafkaSource::new(on(&mock), "orders", "workers").unwrap()).await;
    assert_eq!(error.kind(), ErrorKind::Denied, "{error}");
    assert_eq!(error.code(), "GroupAuthorizationFailed");

    let denied = RDKafkaRespErr::RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED;
    cluster.topic_error("orders", denied).unwrap();
    let error = refused(KafkaSource::new(on(&mock), "orders", "workers").unwrap()).await;
    assert_eq!(error.kind(), ErrorKind::Denied, "{error}");
    assert_eq!(error.code(), "TopicAuthorizationFailed");
}

#[tokio::test]
async fn a_member_without_access_is_an_error() {
    let (Some(brokers), Some(guarded)) = (common::kafka(), guarded::servers()) else {
        return;
    };
    let topic = Topic::create(&brokers, 1).await;
    let source = |password| {
        let config = guarded::stranger(&guarded, password);
        KafkaSource::new(config, &topic.name, &topic.group).unwrap()
    };
    let error = refused(source(guarded::PASSWORD)).await;
    assert_eq!(error.kind(), ErrorKind::Denied, "{error}");
    assert_eq!(error.code(), "TopicAuthorizationFailed");
    let error = refused(source("hunter2")).await;
    assert_eq!(error.kind(), ErrorKind::Credentials, "{error}");
    let text = error.to_string();
    let begins = format!("open kafka:{}: ", topic.name);
    assert!(text.starts_with(&begins), "{text}");
    assert!(!text.contains("hunter2"), "{text}");
}

#[tokio::test]
async fn brokers_that_cannot_be_reached_are_an_error_that_says_why_and_no_secret() {
    let config = guarded::stranger("127.0.0.1:1", "hunter2");
    let source = KafkaSource::new(config, "orders", "workers").unwrap();
    let shown = format!("{source:?}");
    let error = refused(source).await;
    assert_eq!(error.kind(), ErrorKind::Unavailable, "{error}");
    assert!(error.to_string().contains("Connection refused"), "{error}");
    for text in [shown, error.to_string()] {
        assert!(
            !text.contains("hunter2") && !text.contains("stranger"),
            "{text}"
        );
    }
}

/// Where librdkafka is built without TLS the setting itself is refused.
#[tokio::test]
async fn tls_with_a_plain_port_is_an_error() {
    let Some(brokers) = common::kafka() else {
        return;
    };
    let mut config = config(&brokers);
    config.set("security.protocol", "SSL");
    let source = KafkaSource::new(config, "orders", "workers").unwrap();
    let error = refused(source).await;
    let kinds = [ErrorKind::Config, ErrorKind::Unavailable];
    assert!(kinds.contains(&error.kind()), "{error}");
    assert!(error.to_string().to_uppercase().contains("SSL"), "{error}");
}

#[tokio::test]
async fn settings_that_are_not_known_are_an_error() {
    let mut config = config("127.0.0.1:1");
    config.set("bootstrap.server", "127.0.0.1:1");
    let source = KafkaSource::new(config, "orders", "workers").unwrap();
    let error = refused(source).await;
    assert_eq!(error.kind(), ErrorKind::Config);
    assert!(error.to_string().contains("bootstrap.server"), "{error}");
}

#[test]
fn a_drain_as_long_as_the_poll_interval_is_refused() {
    let source = KafkaSource::builder(ClientConfig::new(), "orders", "workers");
    let error = source
        .rebalance_drain(Duration::from_mins(5))
        .build()
        .unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Config);
}

/// A group that shares out its partitions in another way does not let the source in.
#[tokio::test]
async fn a_group_with_another_protocol_is_an_error() {
    let Some(brokers) = common::kafka() else {
        return;
    };
    let topic = Topic::create(&brokers, 1).await;
    let mut other = config(&brokers);
    other.set("group.id", &topic.group);
    let name = topic.name.clone();
    let joining = tokio::task::spawn_blocking(move || {
        let eager: BaseConsumer = other.create().unwrap();
        eager.subscribe(&[&name]).unwrap();
        while eager.assignment().unwrap().count() == 0 {
            eager.poll(Duration::from_millis(100));
        }
        eager
    });
    let eager = joining.await.unwrap();
    let source = topic.source().protocol(GroupProtocol::Cooperative);
    let error = refused(source.build().unwrap()).await;
    assert_eq!(error.kind(), ErrorKind::Config, "{error}");
    assert_eq!(error.code(), "InconsistentGroupProtocol");
    tokio::task::spawn_blocking(move || drop(eager))
        .await
        .unwrap();
}

/// A topic that is deleted under it ends a source.
#[tokio::test]
async fn a_topic_that_is_deleted_ends_the_source() {
    let Some(brokers) = common::kafka() else {
        return;
    };
    let topic = Topic::create(&brokers, 1).await;
    let mut config = config(&brokers);
    config.set("topic.metadata.refresh.interval.ms", "1000");
    let source = KafkaSource::new(config, &topic.name, &topic.group).unwrap();
    source.open(Capacity::slots(1)).await.unwrap();
    support::delete(&brokers, &topic.name).await;
    let ended = tokio::time::timeout(LIMIT, source.receive(1)).await;
    let error = ended.expect("an end in time").unwrap_err();
    assert_eq!(error.kind(), ErrorKind::NotFound, "{error}");
}
