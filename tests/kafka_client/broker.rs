//! On a real Kafka: `TRACEHOP_KAFKA_BROKERS`.

use std::time::Duration;

use opentelemetry::Context;
use opentelemetry::baggage::BaggageExt as _;
use opentelemetry::context::FutureExt as _;
use rdkafka::ClientConfig;
use rdkafka::admin::{NewTopic, TopicReplication};
use rdkafka::consumer::{BaseConsumer, CommitMode, Consumer as _, StreamConsumer};
use rdkafka::message::Message as _;
use rdkafka::producer::{FutureProducer, FutureRecord, Producer as _};
use tracehop::kafka::{
    ConsumerExt as _, KafkaCluster, MessageExt as _, TracedConsumer, TracedProducer,
};
use tracehop::testing::{Recorder, SpanTree};

use crate::common::{kafka, topics, unique};
use crate::poison;
use crate::support::LONG;

struct Real {
    topic: String,
    config: ClientConfig,
    recorder: Recorder,
    cluster: KafkaCluster,
}

impl Real {
    /// With a topic of its own, of one partition.
    async fn new() -> Option<Self> {
        let brokers = kafka()?;
        let topic = unique("orders");
        let mut config = ClientConfig::new();
        config.set("bootstrap.servers", brokers);
        let new = NewTopic::new(&topic, 1, TopicReplication::Fixed(1));
        topics::create(&config, new.set("max.message.bytes", "4000000")).await;

        config.set("group.id", unique("billing"));
        config.set("auto.offset.reset", "earliest");
        config.set("enable.auto.commit", "false");
        config.set("message.max.bytes", "4000000");
        let recorder = Recorder::new();
        let cluster =
            KafkaCluster::from_config(&config).instrumentation(recorder.instrumentation());
        Some(Self {
            topic,
            config,
            recorder,
            cluster,
        })
    }

    fn producer(&self) -> TracedProducer {
        TracedProducer::new(self.config.create().unwrap(), self.cluster.clone())
    }

    fn consumer(&self) -> TracedConsumer {
        let consumer: StreamConsumer = self.config.create().unwrap();
        consumer.subscribe(&[&self.topic]).unwrap();
        TracedConsumer::new(consumer, self.cluster.clone())
    }

    fn record(&self) -> FutureRecord<'_, str, str> {
        FutureRecord::to(&self.topic).key("7").payload("order 7")
    }
}

#[tokio::test]
async fn a_record_is_one_trace_from_send_to_commit() {
    let Some(real) = Real::new().await else {
        return;
    };
    let baggage = [opentelemetry::KeyValue::new("tenant", "acme")];
    let cx = Context::new().with_baggage(baggage);
    let (producer, consumer) = (real.producer(), real.consumer());
    producer
        .send(real.record(), LONG)
        .with_context(cx)
        .await
        .unwrap();
    let message = consumer.recv().await.unwrap();
    let handler = async {
        let cx = Context::current();
        assert_eq!(cx.baggage().get("tenant").unwrap().as_str(), "acme");
        consumer.commit_message(&message, CommitMode::Sync)
    };
    consumer.process(&message, handler).await.unwrap();

    let (topic, offset) = (&real.topic, "{messaging.kafka.offset=0}");
    SpanTree::new(real.recorder.spans())
        .attributes(["messaging.kafka.offset"])
        .assert_is(&format!(
            "
            poll {topic} CLIENT {offset} -> send {topic}
            send {topic} PRODUCER {offset}
              process {topic} CONSUMER {offset} -> send {topic} (parent) {offset}
                commit {topic} CLIENT {offset} -> send {topic}
            "
        ));
}

#[tokio::test]
async fn poison_records_are_consumed_and_their_context_is_read() {
    let Some(real) = Real::new().await else {
        return;
    };
    let untraced: FutureProducer = real.config.create().unwrap();
    let consumer = real.consumer();
    poison::survives(&real.topic, &untraced, &consumer, &real.recorder).await;
}

#[tokio::test]
async fn transactions_pass_through() {
    let Some(mut real) = Real::new().await else {
        return;
    };
    let consumer = real.consumer();
    real.config.set("transactional.id", unique("billing"));
    let producer = real.producer();
    producer.init_transactions(LONG).unwrap();
    producer.begin_transaction().unwrap();
    producer
        .send(real.record().payload("aborted"), LONG)
        .await
        .unwrap();
    producer.abort_transaction(LONG).unwrap();
    producer.begin_transaction().unwrap();
    producer
        .send(real.record().payload("committed"), LONG)
        .await
        .unwrap();
    let group = consumer.group_metadata().unwrap();
    let offsets = rdkafka::TopicPartitionList::new();
    producer
        .send_offsets_to_transaction(&offsets, &group, LONG)
        .unwrap();
    producer.commit_transaction(LONG).unwrap();

    let message = consumer.recv().await.unwrap();
    assert_eq!(message.payload(), Some(&b"committed"[..]));
    let sends = real.recorder.spans();
    let sends = sends.iter().filter(|span| span.name.starts_with("send"));
    assert_eq!(sends.count(), 2);
}

#[tokio::test]
async fn a_base_consumer_in_a_group_has_the_same_spans() {
    let Some(real) = Real::new().await else {
        return;
    };
    real.producer().send(real.record(), LONG).await.unwrap();
    let consumer: BaseConsumer = real.config.create().unwrap();
    consumer.subscribe(&[&real.topic]).unwrap();
    let message = loop {
        let poll = consumer.poll_traced(&real.cluster, Duration::from_millis(100));
        if let Some(message) = poll {
            break message.unwrap();
        }
    };
    let commit =
        async { consumer.commit_message_traced(&real.cluster, &message, CommitMode::Sync) };
    message.process(&real.cluster, commit).await.unwrap();
    let names: Vec<_> = real.recorder.spans();
    let names: Vec<_> = names
        .iter()
        .map(|span| span.name.split(' ').next().unwrap())
        .collect();
    assert_eq!(names, ["send", "poll", "commit", "process"]);
}

#[tokio::test]
async fn what_the_broker_finds_too_large_goes_out_without_context() {
    let Some(real) = Real::new().await else {
        return;
    };
    // Client and broker count a record differently: the broker the batch that it is in.
    let payload = "x".repeat(3_999_900);
    let record = real.record().payload(payload.as_str());
    real.producer().send(record, LONG).await.unwrap();
    let message = real.consumer().recv().await.unwrap().detach();
    assert_eq!(message.payload().map(<[u8]>::len), Some(payload.len()));
    assert!(message.headers().is_none());
}
