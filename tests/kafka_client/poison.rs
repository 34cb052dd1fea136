//! Records that end other consumers: on the mock cluster, and on a real one in `broker`.

use rdkafka::message::OwnedHeaders;
use rdkafka::producer::{FutureProducer, FutureRecord};
use tracehop::kafka::TracedConsumer;
use tracehop::testing::Recorder;
use tracehop_kafka::{RawHeader, append};

use crate::support::{LONG, Traced, links, traceparent};

pub(crate) const PARENT: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";

/// A header key that is not UTF-8, a null header, a header of 1 MB that is no baggage, 500
/// duplicates of `traceparent` of which the last counts.
fn poisons() -> [OwnedHeaders; 4] {
    let duplicates = (0..499).map(|_| "00-11111111111111111111111111111111-1111111111111111-01");
    [
        with_parent(&[(b"\xff\xfe", Some(b"x"))]),
        with_parent(&[(b"tracestate", None), (b"null", None)]),
        with_parent(&[(b"baggage", Some(&vec![b'%'; 1 << 20]))]),
        duplicates
            .chain([PARENT])
            .fold(OwnedHeaders::new(), |mut headers, parent| {
                put(&mut headers, b"traceparent", Some(parent.as_bytes()));
                headers
            }),
    ]
}

fn with_parent(others: &[(&[u8], Option<&[u8]>)]) -> OwnedHeaders {
    let mut headers = OwnedHeaders::new();
    put(&mut headers, b"traceparent", Some(PARENT.as_bytes()));
    for (key, value) in others {
        put(&mut headers, key, *value);
    }
    headers
}

fn put(headers: &mut OwnedHeaders, key: &[u8], value: Option<&[u8]>) {
    append(headers, RawHeader { key, value });
}

/// Sends all of them, and then has each polled, processed and forwarded.
pub(crate) async fn survives(
    topic: &str,
    untraced: &FutureProducer,
    consumer: &TracedConsumer,
    recorder: &Recorder,
) {
    let poisons = poisons();
    let count = poisons.len();
    for headers in poisons {
        let record = FutureRecord::to(topic)
            .key("7")
            .payload("poison")
            .partition(0);
        untraced.send(record.headers(headers), LONG).await.unwrap();
    }
    for _ in 0..count {
        let message = consumer.recv().await.unwrap();
        consumer
            .process(&message, async { Ok::<_, String>(()) })
            .await
            .unwrap();
    }
    for name in ["poll", "process"] {
        let spans = recorder.spans();
        let spans = spans.iter().filter(|span| span.name.starts_with(name));
        let linked: Vec<_> = spans.map(|span| traceparent(&links(span)[0])).collect();
        assert_eq!(linked, vec![PARENT; count], "{name}");
    }
    let malformed = |format| {
        recorder.total(
            "tracehop.propagation.malformed",
            &[("tracehop.format", format)],
        )
    };
    assert_eq!(malformed("header_key"), Some(1.0));
    assert_eq!(malformed("baggage"), Some(1.0));
}

#[tokio::test]
async fn poison_records_are_consumed_and_their_context_is_read() {
    let traced = Traced::set(&[("message.max.bytes", "2000000")]);
    let consumer = traced.consumer();
    survives("orders", &traced.producer, &consumer, &traced.recorder).await;
}
