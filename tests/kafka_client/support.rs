//! A traced producer and consumer on a cluster of their own, and short ways to what a span and a
//! record say.

use std::future::Future;
use std::time::Duration;

use opentelemetry::Context;
use opentelemetry::context::FutureExt as _;
use opentelemetry::trace::{SpanContext, TraceContextExt as _, Tracer as _};
use rdkafka::ClientConfig;
use rdkafka::consumer::{BaseConsumer, Consumer as _, StreamConsumer};
use rdkafka::message::{BorrowedMessage, Header, Message as _, OwnedHeaders, OwnedMessage};
use rdkafka::mocking::MockCluster;
use rdkafka::producer::{DefaultProducerContext, FutureProducer, FutureRecord};
use rdkafka::topic_partition_list::{Offset, TopicPartitionList};
use tracehop::kafka::{KafkaCluster, TracedConsumer, TracedProducer};
use tracehop::telemetry::{Instrumentation, InstrumentationBuilder};
use tracehop::testing::Recorder;
use tracehop_kafka::RawHeaders;

pub(crate) use crate::common::spans::{attribute, attributes, links, same, traceparent};

pub(crate) const TOPIC: &str = "orders";
pub(crate) const LONG: Duration = Duration::from_mins(1);

pub(crate) struct Traced {
    pub(crate) recorder: Recorder,
    pub(crate) mock: MockCluster<'static, DefaultProducerContext>,
    /// Of producers, consumers, or both.
    pub(crate) config: ClientConfig,
    pub(crate) cluster: KafkaCluster,
    pub(crate) producer: TracedProducer,
}

impl Traced {
    pub(crate) fn new() -> Self {
        Self::with(|builder| builder)
    }

    /// With options of the instrumentation.
    pub(crate) fn with(
        options: impl FnOnce(InstrumentationBuilder) -> InstrumentationBuilder,
    ) -> Self {
        let recorder = Recorder::new();
        let instrumentation = options(recorder.builder()).build();
        Self::on(recorder, instrumentation, &[])
    }

    /// With settings of the client.
    pub(crate) fn set(settings: &[(&str, &str)]) -> Self {
        let recorder = Recorder::new();
        let instrumentation = recorder.instrumentation();
        Self::on(recorder, instrumentation, settings)
    }

    pub(crate) fn on(
        recorder: Recorder,
        instrumentation: Instrumentation,
        settings: &[(&str, &str)],
    ) -> Self {
        let mock = MockCluster::new(1).unwrap();
        mock.create_topic(TOPIC, 1, 1).unwrap();
        let mut config = ClientConfig::new();
        config.set("bootstrap.servers", mock.bootstrap_servers());
        config.set("group.id", "billing");
        config.set("linger.ms", "0");
        for (key, value) in settings {
            config.set(*key, *value);
        }
        let cluster = KafkaCluster::from_config(&config).instrumentation(instrumentation);
        let producer: FutureProducer = config.create().unwrap();
        Self {
            producer: TracedProducer::new(producer, cluster.clone()),
            recorder,
            mock,
            config,
            cluster,
        }
    }

    /// Runs `future` in a span `caller`, which has ended when it is done.
    pub(crate) async fn in_caller<F: Future>(&self, future: F) -> F::Output {
        self.in_context(Context::new(), future).await
    }

    /// Runs `future` in a span `caller` on that context.
    pub(crate) async fn in_context<F: Future>(&self, cx: Context, future: F) -> F::Output {
        let span = self.recorder.tracer().start_with_context("caller", &cx);
        Box::pin(future).with_context(cx.with_span(span)).await
    }

    pub(crate) async fn send(&self, payload: &str) {
        self.send_record(FutureRecord::to(TOPIC).key("7").payload(payload))
            .await;
    }

    pub(crate) async fn send_record(&self, record: FutureRecord<'_, str, str>) {
        self.producer.send(record, LONG).await.unwrap();
    }

    /// A consumer of the topic from its beginning.
    pub(crate) fn consumer(&self) -> TracedConsumer {
        let consumer: StreamConsumer = self.config.create().unwrap();
        consumer.assign(&from_beginning()).unwrap();
        TracedConsumer::new(consumer, self.cluster.clone())
    }

    /// The same with no span of its own.
    pub(crate) fn base_consumer(&self) -> BaseConsumer {
        let consumer: BaseConsumer = self.config.create().unwrap();
        consumer.assign(&from_beginning()).unwrap();
        consumer
    }

    /// What has arrived: that many records.
    pub(crate) fn arrived(&self, records: usize) -> Vec<OwnedMessage> {
        let consumer = self.base_consumer();
        (0..records).map(|_| next(&consumer).detach()).collect()
    }

    /// Sends one message, in a caller's span of its own, and forgets the spans that this took. The
    /// answer is its creation context.
    pub(crate) async fn created(&self, payload: &str) -> SpanContext {
        self.in_caller(self.send(payload)).await;
        let created = self.recorder.span("send orders").span_context;
        self.recorder.forget_spans();
        created
    }

    /// The names of the spans that have ended, sorted.
    pub(crate) fn names(&self) -> Vec<String> {
        let spans = self.recorder.spans();
        let mut names: Vec<String> = spans.iter().map(|span| span.name.to_string()).collect();
        names.sort();
        names
    }
}

pub(crate) fn from_beginning() -> TopicPartitionList {
    let mut topics = TopicPartitionList::new();
    topics
        .add_partition_offset(TOPIC, 0, Offset::Beginning)
        .unwrap();
    topics
}

/// The next record.
pub(crate) fn next(consumer: &BaseConsumer) -> BorrowedMessage<'_> {
    consumer.poll(LONG).expect("a record in time").unwrap()
}

pub(crate) fn texts(headers: &[(&str, &str)]) -> OwnedHeaders {
    let owned = OwnedHeaders::new();
    headers.iter().fold(owned, |owned, (key, value)| {
        owned.insert(Header {
            key,
            value: Some(*value),
        })
    })
}

/// The headers of a record, in order.
pub(crate) fn sent(message: &OwnedMessage) -> Vec<(String, String)> {
    headers(message.headers())
}

pub(crate) fn headers(headers: Option<&OwnedHeaders>) -> Vec<(String, String)> {
    let raw = headers.map(|headers| RawHeaders::new(headers.as_borrowed()));
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    let raw = raw.into_iter().flatten();
    raw.map(|header| (text(header.key), text(header.value.unwrap_or(b"(null)"))))
        .collect()
}

/// The one value under that key.
pub(crate) fn header(message: &OwnedMessage, key: &str) -> Option<String> {
    let mut values: Vec<_> = sent(message)
        .into_iter()
        .filter(|(known, _)| known == key)
        .map(|(_, value)| value)
        .collect();
    assert!(values.len() <= 1, "{key} stands several times: {values:?}");
    values.pop()
}
