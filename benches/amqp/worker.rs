//! The worker beside a bare loop, on RabbitMQ.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::Instant;

use futures_util::StreamExt as _;
use lapin::options::{
    BasicAckOptions, BasicConsumeOptions, BasicQosOptions, ConfirmSelectOptions,
    QueueDeclareOptions,
};
use lapin::types::FieldTable;
use lapin::{BasicProperties, Channel, Connection, ConnectionProperties};
use opentelemetry::trace::TraceContextExt as _;
use tokio::sync::Notify;
use tracehop::amqp::AmqpSource;
use tracehop::contract::Result;
use tracehop::worker::{Incoming, Worker};
use tracehop_propagation::Composite;

use super::support;

const MESSAGES: usize = 20_000;
const WAITING: usize = 1_000_000;
/// What both have out at a time.
const PREFETCH: u16 = 132;

/// 20,000 waiting messages.
pub(crate) fn compare(rounds: usize) {
    let title = format!("worker at concurrency 32, {MESSAGES} messages");
    let variants = ["bare loop", "worker", "worker sampled", "raw"];
    support::compare(&title, rounds, &variants, |variant| {
        let queue = filled(MESSAGES);
        support::child("worker", &[variant, &queue])
    });
}

/// What memory does when fifty times as many messages wait.
pub(crate) fn compare_memory(rounds: usize) {
    let title = format!("worker at concurrency 32, {MESSAGES} messages of {WAITING} that wait");
    support::compare(&title, rounds, &["bare loop", "worker"], |variant| {
        let queue = filled(WAITING);
        support::child("worker", &[variant, &queue])
    });
}

/// One round of one variant on a filled queue, in a process of its own.
pub(crate) fn measure(variant: &str, queue: &str) {
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    let tracers = (variant == "worker sampled").then(support::sampled);
    runtime.block_on(async {
        let (cpu, start) = (support::cpu_seconds(), Instant::now());
        // The connection is kept: what threads have used that are gone is in no figure.
        let (handled, _connection) = match variant {
            "bare loop" => consume(queue).await.expect("consumed"),
            "raw" => raw(queue).await.expect("consumed"),
            _ => (work(queue).await.expect("a clean run"), None),
        };
        if let Some(tracers) = &tracers {
            tracers.force_flush().expect("flushed");
        }
        let messages = f64::from(u32::try_from(MESSAGES).expect("a small number"));
        let cpu = support::cpu_seconds() - cpu;
        support::report([
            ("cpu_us/message", cpu * 1e6 / messages),
            ("messages/s", messages / (handled - start).as_secs_f64()),
            ("peak_MiB", support::peak_mib()),
        ]);
    });
}

/// Runs the worker until it has handled the messages and drained; says when the last was handled.
async fn work(queue: &str) -> Result<Instant> {
    let (done, last) = (Arc::new(Notify::new()), OnceLock::new());
    let handler = {
        let (done, handled) = (Arc::clone(&done), Arc::new(AtomicUsize::new(0)));
        move |incoming: Incoming| {
            let (done, handled) = (Arc::clone(&done), Arc::clone(&handled));
            async move {
                handle(incoming.body()).await;
                if handled.fetch_add(1, Ordering::Relaxed) + 1 == MESSAGES {
                    done.notify_one();
                }
                Ok(())
            }
        }
    };
    let worker = Worker::new(AmqpSource::new(server(), queue)?, handler).concurrency(32);
    let shutdown = async {
        done.notified().await;
        let _ = last.set(Instant::now());
    };
    worker.run_until(shutdown).await?.complete()?;
    Ok(*last.get().expect("all were handled"))
}

/// What a careful user writes by hand: context extracted, handler awaited, acks gathered. Says when
/// the last message was handled, and leaves the connection open.
async fn consume(queue: &str) -> lapin::Result<(Instant, Option<Connection>)> {
    let (connection, channel) = open().await?;
    channel
        .basic_qos(PREFETCH, BasicQosOptions::default())
        .await?;
    let options = BasicConsumeOptions::default();
    let consuming = channel.basic_consume(queue.into(), "".into(), options, FieldTable::default());
    let mut consumer = consuming.await?;
    let propagator = Composite::default();
    let (mut handled, mut last) = (0, Instant::now());
    while handled < MESSAGES {
        let Some(delivery) = consumer.next().await else {
            break;
        };
        let delivery = delivery?;
        let context = tracehop_amqp::extract(&propagator, &delivery.properties);
        std::hint::black_box(context.span().span_context().is_valid());
        handle(&delivery.data).await;
        handled += 1;
        last = Instant::now();
        if handled % 32 == 0 || handled == MESSAGES {
            delivery.ack(BasicAckOptions { multiple: true }).await?;
        }
    }
    Ok((last, Some(connection)))
}

/// No more than what a client brings: nothing is extracted, handled or acked.
async fn raw(queue: &str) -> lapin::Result<(Instant, Option<Connection>)> {
    let (connection, channel) = open().await?;
    let options = BasicConsumeOptions {
        no_ack: true,
        ..BasicConsumeOptions::default()
    };
    let consuming = channel.basic_consume(queue.into(), "".into(), options, FieldTable::default());
    let mut consumer = consuming.await?;
    for _ in 0..MESSAGES {
        let Some(delivery) = consumer.next().await else {
            break;
        };
        std::hint::black_box(delivery?.data);
    }
    Ok((Instant::now(), Some(connection)))
}

async fn handle(body: &[u8]) {
    std::hint::black_box(body);
    tokio::task::yield_now().await;
}

fn server() -> String {
    std::env::var("TRACEHOP_AMQP_URL")
        .expect("TRACEHOP_AMQP_URL: the URL of a RabbitMQ, as ./localstack/env prints it")
}

async fn open() -> lapin::Result<(Connection, Channel)> {
    let connection = Connection::connect(&server(), ConnectionProperties::default()).await?;
    let channel = connection.create_channel().await?;
    Ok((connection, channel))
}

/// A new queue with that many messages of 200 bytes with a trace context; it goes when the broker
/// does.
fn filled(messages: usize) -> String {
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    let queue = format!("bench-{:016x}", fastrand::u64(..));
    let filling = fill(&queue, messages);
    runtime.block_on(filling).expect("a filled queue");
    queue
}

async fn fill(queue: &str, messages: usize) -> lapin::Result<()> {
    let (connection, channel) = open().await?;
    let options = QueueDeclareOptions {
        durable: true,
        ..QueueDeclareOptions::default()
    };
    let declared = channel.queue_declare(queue.into(), options, FieldTable::default());
    declared.await?;
    channel
        .confirm_select(ConfirmSelectOptions::default())
        .await?;
    let traceparent = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
    let mut headers = FieldTable::default();
    let value = lapin::types::AMQPValue::LongString(traceparent.into());
    headers.insert("traceparent".into(), value);
    let properties = BasicProperties::default()
        .with_delivery_mode(2)
        .with_headers(headers);
    let body = [b'x'; 200];
    let numbers = futures_util::stream::iter(0..messages);
    let confirms = numbers.map(|_| async {
        let (channel, properties) = (&channel, properties.clone());
        let options = lapin::options::BasicPublishOptions::default();
        let published = channel.basic_publish("".into(), queue.into(), options, &body, properties);
        published.await?.await
    });
    let mut confirms = confirms.buffer_unordered(1000);
    while let Some(confirmed) = confirms.next().await {
        confirmed?;
    }
    connection.close(200, "filled".into()).await
}
