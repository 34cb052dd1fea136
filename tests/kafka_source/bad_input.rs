//! Context as bad as it gets in one record: ten thousand headers, or one of a quarter of a megabyte.

use tracehop::kafka::{GroupProtocol, KafkaSink, KafkaSource};
use tracehop::testing::Recorder;
use tracehop::testing::conformance::{Fixture as _, QueueKind};

use crate::common;
use crate::common::bad_input::{Most, instrumentation, is_survived};
use crate::fixture::Kafka;
use crate::support::config;

#[tokio::test]
async fn bad_context_of_every_format_is_survived_and_counted() {
    bad_context_is_survived(&Kafka::mock()).await;
}

#[tokio::test]
async fn and_on_a_real_kafka() {
    if let Some(brokers) = common::kafka() {
        bad_context_is_survived(&Kafka::at(&brokers)).await;
    }
}

async fn bad_context_is_survived(kafka: &Kafka) {
    let recorder = Recorder::new();
    let instrumentation = instrumentation(&recorder);
    let topic = kafka.make_queue(QueueKind::Plain).await;
    let source = KafkaSource::builder(config(kafka.brokers()), &topic, &topic)
        .protocol(GroupProtocol::Eager)
        .instrumentation(instrumentation.clone());
    let sink = KafkaSink::builder(config(kafka.brokers()), &topic)
        .instrumentation(instrumentation.clone());
    let (source, sink) = (source.build().unwrap(), sink.build().unwrap());
    let most = Most {
        bytes: 250_000,
        headers: usize::MAX,
    };
    is_survived(source, &sink, instrumentation, &recorder, most).await;
}
