//! A producer and a consumer loop on Kafka as they were, plus what traces them: two types with
//! another name, and `process` around the handler.
//!
//! The brokers come from `KAFKA_BROKERS` (default: `127.0.0.1:9092`), where spans go from the usual
//! OpenTelemetry variables. It makes a topic of its own, and removes it again.
//!
//! ```sh
//! KAFKA_BROKERS=127.0.0.1:9092 cargo run --example kafka_wrap --features kafka,setup
//! ```

#![expect(clippy::print_stdout, reason = "an example shows what it does")]

use std::error::Error;
use std::time::Duration;
use std::{env, process};

use opentelemetry::Context;
use opentelemetry::trace::TraceContextExt;
use rdkafka::ClientConfig;
use rdkafka::admin::{AdminClient, AdminOptions, NewTopic, TopicReplication};
use rdkafka::client::DefaultClientContext;
use rdkafka::consumer::{CommitMode, Consumer};
use rdkafka::message::{BorrowedMessage, Message};
use rdkafka::producer::FutureRecord;
use rdkafka::util::Timeout;
use tracehop::kafka::{TracedConsumer, TracedProducer};

type Result<T, E = Box<dyn Error + Send + Sync>> = std::result::Result<T, E>;

#[tokio::main]
async fn main() -> Result<()> {
    let telemetry = tracehop::setup::init()?;

    let topic = format!("kafka-wrap-{}", process::id());
    let brokers = env::var("KAFKA_BROKERS").unwrap_or_else(|_| "127.0.0.1:9092".to_owned());
    let mut config = ClientConfig::new();
    config.set("bootstrap.servers", brokers);
    let admin: AdminClient<DefaultClientContext> = config.create()?;
    let new = NewTopic::new(&topic, 1, TopicReplication::Fixed(1));
    admin.create_topics(&[new], &AdminOptions::new()).await?;

    let producer: TracedProducer = config.create()?; // was: FutureProducer
    produce(&producer, &topic).await?;

    config.set("group.id", &topic);
    config.set("auto.offset.reset", "earliest");
    config.set("enable.auto.commit", "false");
    let consumer: TracedConsumer = config.create()?; // was: StreamConsumer
    consumer.subscribe(&[&topic])?;
    consume(&consumer, 3).await?;

    drop(consumer);
    admin.delete_topics(&[&topic], &AdminOptions::new()).await?;
    telemetry.shutdown();
    Ok(())
}

/// Sends three orders.
async fn produce(producer: &TracedProducer, topic: &str) -> Result<()> {
    for id in ["1", "2", "3"] {
        let order = format!("order {id}");
        let record = FutureRecord::to(topic).key(id).payload(&order);
        let sent = producer.send(record, Timeout::After(Duration::from_secs(10)));
        sent.await.map_err(|(error, _)| error)?;
    }
    Ok(())
}

/// Receives, handles and commits that many orders.
async fn consume(consumer: &TracedConsumer, orders: usize) -> Result<()> {
    for _ in 0..orders {
        let message = consumer.recv().await?;
        // A span around the handling of each record, with its context and baggage.
        consumer.process(&message, handle(&message)).await?;
        consumer.commit_message(&message, CommitMode::Sync)?;
    }
    Ok(())
}

async fn handle(message: &BorrowedMessage<'_>) -> Result<()> {
    let trace = Context::current().span().span_context().trace_id();
    let order = message.payload().unwrap_or_default();
    println!("{} in trace {trace}", String::from_utf8_lossy(order));
    tokio::time::sleep(Duration::from_millis(1)).await; // the work
    Ok(())
}
