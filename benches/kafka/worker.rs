//! The worker beside a plain loop with the same guarantees: the record is owned, its context is
//! extracted, the handler is awaited in it, and then the offset is stored, to be committed once a
//! second.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use opentelemetry::context::FutureExt as _;
use rdkafka::Message as _;
use rdkafka::consumer::{Consumer as _, StreamConsumer};
use rdkafka::message::{Header, OwnedHeaders, OwnedMessage};
use rdkafka::producer::{BaseProducer, BaseRecord, Producer as _};
use tokio::sync::Notify;
use tracehop::contract::Result;
use tracehop::kafka::{KafkaSource, LaneBy};
use tracehop::worker::{Incoming, Worker};
use tracehop_kafka::extract;
use tracehop_propagation::Composite;

use super::support;
use super::topic::{Topic, config};

const MESSAGES: usize = 300_000;
const WARM_UP: usize = MESSAGES / 10;
const WAITING: usize = 1_000_000;
const PARTITIONS: i32 = 4;
const PARENT: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";

const VARIANTS: [&str; 4] = ["raw", "plain loop", "worker", "worker by key"];

/// Records of 200 bytes with a trace context and one baggage member, in four partitions.
pub(crate) fn compare(rounds: usize) {
    let title = format!("worker at concurrency 32, {MESSAGES} records of 200 bytes");
    let topic = filled(MESSAGES + WARM_UP);
    support::compare(&title, rounds, &VARIANTS, |variant| {
        support::child("worker", &[variant, topic.name()])
    });
}

/// What memory does when so many more records wait.
pub(crate) fn compare_memory(rounds: usize) {
    for waiting in [MESSAGES + WARM_UP, WAITING] {
        let title = format!("worker, {MESSAGES} records of {waiting} that wait");
        let topic = filled(waiting);
        support::compare(&title, rounds, &VARIANTS[1..3], |variant| {
            support::child("worker", &[variant, topic.name()])
        });
    }
}

/// One round of one variant, in a process and a group of its own.
pub(crate) fn measure(variant: &str, topic: &str) {
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    runtime.block_on(async {
        let figures = match variant {
            "raw" => raw(topic).await,
            "plain loop" => plain(topic).await,
            "worker" => work(topic, LaneBy::Partition).await.expect("a clean run"),
            _ => work(topic, LaneBy::Key).await.expect("a clean run"),
        };
        let messages = f64::from(u32::try_from(MESSAGES).expect("a small number"));
        support::report([
            ("messages/s", messages / figures.seconds),
            ("cpu_us/message", figures.cpu * 1e6 / messages),
            ("peak_MiB", support::peak_mib()),
        ]);
    });
}

/// What was used from when the warm-up was over until the last record was handled.
struct Used {
    seconds: f64,
    cpu: f64,
}

struct Meter {
    start: Instant,
    cpu: f64,
}

impl Meter {
    fn start() -> Self {
        Self {
            start: Instant::now(),
            cpu: support::cpu_seconds(),
        }
    }

    fn stop(&self) -> Used {
        Used {
            seconds: self.start.elapsed().as_secs_f64(),
            cpu: support::cpu_seconds() - self.cpu,
        }
    }
}

async fn raw(topic: &str) -> Used {
    let consumer = consumer(topic);
    for _ in 0..WARM_UP {
        std::hint::black_box(consumer.recv().await.expect("a record").payload());
    }
    let meter = Meter::start();
    for _ in 0..MESSAGES {
        std::hint::black_box(consumer.recv().await.expect("a record").payload());
    }
    meter.stop()
}

async fn plain(topic: &str) -> Used {
    let consumer = consumer(topic);
    let propagator = Composite::default();
    let take = async || {
        let record = consumer.recv().await.expect("a record");
        let cx = extract(&propagator, record.headers());
        let owned = record.detach();
        handle(owned).with_context(cx).await;
        let stored = consumer.store_offset_from_message(&record);
        stored.expect("the partition is ours");
    };
    for _ in 0..WARM_UP {
        take().await;
    }
    let meter = Meter::start();
    for _ in 0..MESSAGES {
        take().await;
    }
    meter.stop()
}

async fn handle(record: OwnedMessage) {
    std::hint::black_box(record.payload());
    std::future::ready(()).await;
}

async fn work(topic: &str, lanes: LaneBy) -> Result<Used> {
    let source = KafkaSource::builder(config(), topic, group()).lanes(lanes);
    let handled = Arc::new(AtomicUsize::new(0));
    let (warm, done) = (Arc::new(Notify::new()), Arc::new(Notify::new()));
    let (warmed, ended) = (Arc::clone(&warm), Arc::clone(&done));
    let handler = move |incoming: Incoming| {
        std::hint::black_box(incoming.body());
        match handled.fetch_add(1, Ordering::Relaxed) + 1 {
            WARM_UP => warmed.notify_one(),
            count if count == WARM_UP + MESSAGES => ended.notify_one(),
            _ => {}
        }
        std::future::ready(Ok(()))
    };
    let mut used = None;
    let measured = async {
        warm.notified().await;
        let meter = Meter::start();
        done.notified().await;
        used = Some(meter.stop());
    };
    let worker = Worker::new(source.build()?, handler).concurrency(32);
    worker.run_until(measured).await?.complete()?;
    Ok(used.expect("it was measured"))
}

fn consumer(topic: &str) -> StreamConsumer {
    let mut config = config();
    config.set("group.id", group());
    config.set("fetch.queue.backoff.ms", "10");
    config.set("auto.offset.reset", "earliest");
    config.set("enable.auto.commit", "true");
    config.set("auto.commit.interval.ms", "1000");
    config.set("enable.auto.offset.store", "false");
    let consumer: StreamConsumer = config.create().expect("a consumer");
    consumer.subscribe(&[topic]).expect("subscribed");
    consumer
}

fn group() -> String {
    format!("bench-{:016x}", fastrand::u64(..))
}

fn filled(records: usize) -> Topic {
    let topic = Topic::of(PARTITIONS);
    let producer: BaseProducer = config().create().expect("a producer");
    let payload = [b'x'; 200];
    let header = |key, value| Header {
        key,
        value: Some(value),
    };
    for number in 0..records {
        let key = (number % 10_000).to_string();
        let headers = OwnedHeaders::new()
            .insert(header("traceparent", PARENT))
            .insert(header("baggage", "tenant=acme"));
        let record = BaseRecord::to(topic.name()).payload(&payload).key(&key);
        let mut record = record.headers(headers);
        while let Err((_, refused)) = producer.send(record) {
            record = refused;
            producer.poll(Duration::from_millis(10));
        }
    }
    producer.flush(Duration::from_mins(1)).expect("flushed");
    topic
}
