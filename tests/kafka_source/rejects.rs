//! Messages that will never succeed, and messages that would break a consumer.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use opentelemetry::trace::TraceContextExt as _;
use rdkafka::message::OwnedHeaders;
use rdkafka::producer::{BaseProducer, BaseRecord, Producer as _};
use tokio::time::sleep;
use tracehop::contract::{Message, Sink as _, Value};
use tracehop::kafka::LaneBy;
use tracehop::worker::{DeadLetter, Failure, Incoming, Worker};
use tracehop_kafka::{RawHeader, append};

use super::common;
use super::support::{self, Handled, LIMIT, Topic, config};

fn rejecting(
    handled: &Handled,
    rejected: usize,
) -> impl Fn(Incoming) -> std::future::Ready<Result<(), Failure>> + Send + Sync + 'static {
    let handled = handled.clone();
    move |incoming| {
        let number = incoming.text().unwrap().parse().unwrap();
        handled.record(number);
        std::future::ready(if number == rejected {
            Err(Failure::reject("no such order"))
        } else {
            Ok(())
        })
    }
}

/// With nowhere to put it, a rejected message stops its lane, and no other; nothing is lost.
#[tokio::test]
async fn a_rejected_message_with_no_dead_letter_topic_stops_its_lane() {
    let Some(brokers) = common::kafka() else {
        return;
    };
    let topic = Topic::create(&brokers, 1).await;
    topic.send(0..300).await;
    let handled = Handled::new();
    let source = topic.source().lanes(LaneBy::Key).build().unwrap();
    let worker = Worker::new(source, rejecting(&handled, 7));
    let handle = worker.handle();
    let done = async {
        // 107 and 207 have the key of 7.
        handled.has(298).await;
        let unready = handle.health().unready.unwrap();
        let expected = format!("{}/0/7 was rejected", topic.name);
        assert!(unready.contains(&expected), "{unready}");
    };
    worker.run_until(done).await.unwrap().complete().unwrap();
    assert_eq!(handled.times(107), 0);

    let source = topic.source().lanes(LaneBy::Key).build().unwrap();
    let again = Handled::new();
    let worker = Worker::new(source, rejecting(&again, usize::MAX));
    // All from the rejected one on, which nothing above it was committed over.
    let drained = worker.run_until(again.has(293)).await.unwrap();
    drained.complete().unwrap();
    assert_eq!(
        (again.times(6), again.times(7), again.times(107)),
        (0, 1, 1)
    );
}

/// A dead letter says where it comes from, to the record.
#[tokio::test]
async fn a_dead_letter_tells_topic_partition_offset_attempts_and_error() {
    let Some(brokers) = common::kafka() else {
        return;
    };
    let topic = Topic::create(&brokers, 1).await;
    let dead = Topic::create(&brokers, 1).await;
    topic.send(0..3).await;
    let handled = Handled::new();
    let worker = Worker::new(topic.source().build().unwrap(), rejecting(&handled, 1))
        .on_reject(DeadLetter::to(dead.sink()));
    let done = handled.has(3);
    worker.run_until(done).await.unwrap().complete().unwrap();

    let letter = first(&dead).await;
    assert_eq!(letter.text(), Some("1"));
    assert_eq!(letter.key.as_deref(), Some(b"key 1".as_slice()));
    let told = |name: &str| letter.headers.get(name).and_then(Value::as_str);
    let origin = format!("kafka:{}", topic.name);
    assert_eq!(told("tracehop-origin"), Some(origin.as_str()));
    assert_eq!(told("tracehop-origin-partition"), Some("0"));
    assert_eq!(told("tracehop-origin-offset"), Some("1"));
    assert_eq!(told("tracehop-attempt"), Some("1"));
    assert_eq!(told("tracehop-error"), Some("no such order"));
    let id = format!("{}/0/1", topic.name);
    assert_eq!(letter.id(), Some(id.as_str()));
}

/// A key and a value, null or not.
type Header<'a> = (&'a [u8], Option<&'a [u8]>);

/// None of these ends a consumer, or is lost.
#[tokio::test]
async fn poison_records_are_processed() {
    const PARENT: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
    let Some(brokers) = common::kafka() else {
        return;
    };
    let topic = Topic::create(&brokers, 1).await;
    let large = vec![b'x'; 1_000_000];
    let stale = PARENT.replace("4bf9", "0000");
    let duplicates = (0..499).map(|_| ("traceparent".as_bytes(), Some(stale.as_bytes())));
    let poison: [Vec<Header<'_>>; 5] = [
        vec![
            (b"\xff\xfe", Some(b"odd")),
            (b"traceparent", Some(PARENT.as_bytes())),
        ],
        vec![
            (b"traceparent", None),
            (b"baggage", None),
            (b"nothing", None),
        ],
        vec![
            (b"large", Some(&large)),
            (b"traceparent", Some(b"00-zz-zz-01")),
        ],
        duplicates
            .chain([("traceparent".as_bytes(), Some(PARENT.as_bytes()))])
            .collect(),
        vec![(b"traceparent", Some(b"\xff")), (b"", Some(b""))],
    ];
    let mut config = config(&brokers);
    config.set("message.max.bytes", "2000000");
    support::grow(&brokers, &topic.name, 2_000_000).await;
    let producer: BaseProducer = config.create().unwrap();
    for headers in &poison {
        let mut owned = OwnedHeaders::new();
        for (key, value) in headers {
            append(&mut owned, RawHeader { key, value: *value });
        }
        let record = BaseRecord::<(), str>::to(&topic.name).payload("poison");
        producer
            .send(record.headers(owned))
            .map_err(|(error, _)| error)
            .unwrap();
    }
    producer.flush(LIMIT).unwrap();

    let seen = Arc::new(Mutex::new(Vec::new()));
    let records = Arc::clone(&seen);
    let worker = Worker::new(
        topic.source().build().unwrap(),
        move |incoming: Incoming| {
            records.lock().unwrap().push(incoming);
            async { Ok::<_, Failure>(()) }
        },
    );
    let done = async {
        while seen.lock().unwrap().len() < poison.len() {
            sleep(Duration::from_millis(20)).await;
        }
    };
    let run = tokio::time::timeout(LIMIT, worker.run_until(done)).await;
    run.unwrap().unwrap().complete().unwrap();
    let seen = seen.lock().unwrap();
    let parents = seen.iter().map(|incoming| {
        let parent = incoming.creation_context().span().span_context().clone();
        parent.is_valid().then(|| parent.trace_id().to_string())
    });
    let id = Some(PARENT[3..35].to_owned());
    let expected = [id.clone(), None, None, id, None];
    assert_eq!(parents.collect::<Vec<_>>(), expected);
    for (incoming, sent) in seen.iter().zip(&poison) {
        assert_eq!(incoming.headers.len(), sent.len(), "no header is lost");
    }
    assert_eq!(seen[0].headers.get(b"\xff\xfe"), Some(&Value::from("odd")));
    assert_eq!(seen[1].headers.get("nothing"), Some(&Value::Null));
}

/// What aborted transactions wrote is not delivered, and the gaps that transactions leave in the
/// offsets are gone over.
#[tokio::test]
async fn aborted_transactions_are_not_seen() {
    let Some(brokers) = common::kafka() else {
        return;
    };
    let topic = Topic::create(&brokers, 1).await;
    let mut config = config(&brokers);
    config.set("transactional.id", &topic.name);
    let name = topic.name.clone();
    let written = tokio::task::spawn_blocking(move || {
        let producer: BaseProducer = config.create().unwrap();
        producer.init_transactions(LIMIT).unwrap();
        for number in 0..6 {
            producer.begin_transaction().unwrap();
            let text = number.to_string();
            let record = BaseRecord::<(), str>::to(&name).payload(&text);
            producer.send(record).map_err(|(error, _)| error).unwrap();
            if number % 2 == 0 {
                producer.commit_transaction(LIMIT).unwrap();
            } else {
                producer.flush(LIMIT).unwrap();
                producer.abort_transaction(LIMIT).unwrap();
            }
        }
    });
    written.await.unwrap();
    let handled = Handled::new();
    let worker = Worker::new(
        topic.source().build().unwrap(),
        rejecting(&handled, usize::MAX),
    );
    let done = handled.has(3);
    worker.run_until(done).await.unwrap().complete().unwrap();
    assert_eq!(
        (handled.times(0), handled.times(1), handled.times(4)),
        (1, 0, 1)
    );

    topic.sink().send(Message::new("9")).await.unwrap();
    let again = Handled::new();
    let worker = Worker::new(
        topic.source().build().unwrap(),
        rejecting(&again, usize::MAX),
    );
    worker
        .run_until(again.has(1))
        .await
        .unwrap()
        .complete()
        .unwrap();
    assert_eq!((again.times(4), again.times(9)), (0, 1));
}

/// The first message of a topic.
async fn first(topic: &Topic) -> Incoming {
    let (seen, mut messages) = tokio::sync::mpsc::unbounded_channel();
    let worker = Worker::new(
        topic.source().build().unwrap(),
        move |incoming: Incoming| {
            let sent = seen.send(incoming);
            async move { sent.map_err(Failure::from) }
        },
    );
    let mut first = None;
    let done = async { first = messages.recv().await };
    worker.run_until(done).await.unwrap().complete().unwrap();
    first.unwrap()
}
