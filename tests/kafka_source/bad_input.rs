//! Context as bad as it gets in one record: ten thousand headers, or one of a quarter of a megabyte.

use std::future::pending;

use opentelemetry::Context;
use tokio::sync::mpsc;
use tokio::time::timeout;
use tracehop::contract::{Message, Sink as _, Value};
use tracehop::kafka::{GroupProtocol, KafkaSink, KafkaSource};
use tracehop::testing::Recorder;
use tracehop::testing::conformance::{Fixture as _, QueueKind};
use tracehop::worker::{Failure, Incoming, Worker};

use crate::common;
use crate::common::bad_input::{Most, instrumentation, is_survived};
use crate::fixture::Kafka;
use crate::support::{LIMIT, config};

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

#[tokio::test]
async fn a_key_that_is_not_utf_8_is_counted_and_the_rest_of_the_context_is_read() {
    let kafka = Kafka::mock();
    let topic = kafka.make_queue(QueueKind::Plain).await;
    let mut message = Message::new("order 7").with_header(
        "traceparent",
        "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
    );
    message.headers.append(&b"\xff\xfe"[..], "x");
    message.headers.append("tracestate", Value::Null);
    let quiet = Context::new().with_telemetry_suppressed();
    let confirm = kafka.sink(&topic).enqueue(message, &quiet).await;
    confirm.unwrap().await.unwrap();

    let (seen, mut handled) = mpsc::unbounded_channel();
    let worker = Worker::new(kafka.source(&topic), move |incoming: Incoming| {
        let sent = seen.send(incoming.trace().parent.clone());
        async move { sent.map_err(Failure::from) }
    });
    let worker = worker.instrumentation(kafka.instrumentation());
    let handled = async { timeout(LIMIT, handled.recv()).await.unwrap() };
    let parent = tokio::select! {
        parent = handled => parent.unwrap(),
        ended = worker.run_until(pending::<()>()) => panic!("{ended:?}"),
    };
    assert_eq!(parent.unwrap().span_id(), 0x00f0_67aa_0ba9_02b7.into());
    let key = [("tracehop.format", "header_key")];
    let malformed = kafka
        .recorder()
        .total("tracehop.propagation.malformed", &key);
    assert_eq!(malformed, Some(1.0));
}
