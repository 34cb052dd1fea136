//! A publisher and a consumer loop on RabbitMQ as they were, plus what traces them: one line around
//! the channel, and `process` around the handler.
//!
//! The server comes from `AMQP_URL` (default: `amqp://guest:guest@127.0.0.1:5672/%2f`), where spans
//! go from the usual OpenTelemetry variables. It makes a queue of its own, and removes it again.
//!
//! ```sh
//! AMQP_URL=amqp://guest:guest@127.0.0.1:5672/%2f cargo run --example amqp_wrap --features amqp,setup
//! ```

#![expect(clippy::print_stdout, reason = "an example shows what it does")]

use std::error::Error;
use std::{env, process};

use futures_util::StreamExt;
use lapin::options::{
    BasicAckOptions, BasicConsumeOptions, BasicPublishOptions, ConfirmSelectOptions,
    QueueDeclareOptions, QueueDeleteOptions,
};
use lapin::types::FieldTable;
use lapin::{BasicProperties, Confirmation, ConnectionProperties};
use opentelemetry::Context;
use opentelemetry::trace::TraceContextExt;
use tracehop::amqp::{AmqpUrl, TracedChannel, TracedDelivery};

type Result<T, E = Box<dyn Error + Send + Sync>> = std::result::Result<T, E>;

#[tokio::main]
async fn main() -> Result<()> {
    let telemetry = tracehop::setup::init()?;

    let url = env::var("AMQP_URL");
    let url = url.unwrap_or_else(|_| "amqp://guest:guest@127.0.0.1:5672/%2f".to_owned());
    let url: AmqpUrl = url.parse()?;
    let connection = url.connect(ConnectionProperties::default()).await?;
    let channel = connection.create_channel().await?;
    let channel = TracedChannel::new(channel).server(&url); // the one line

    let queue = format!("amqp-wrap-{}", process::id());
    let (name, options) = (queue.as_str().into(), QueueDeclareOptions::default());
    let declared = channel.queue_declare(name, options, FieldTable::default());
    declared.await?;

    publish(&channel, &queue).await?;
    consume(&channel, &queue, 3).await?;

    let options = QueueDeleteOptions::default();
    channel.queue_delete(queue.as_str().into(), options).await?;
    connection.close(200, "done".into()).await?;
    telemetry.shutdown();
    Ok(())
}

/// Publishes three orders, and then waits for the broker to confirm them.
async fn publish(channel: &TracedChannel, queue: &str) -> Result<()> {
    channel
        .confirm_select(ConfirmSelectOptions::default())
        .await?;
    let mut confirms = Vec::new();
    for order in ["order 1", "order 2", "order 3"] {
        let (exchange, key) = ("".into(), queue.into());
        let options = BasicPublishOptions {
            mandatory: true, // comes back if no queue takes it
            ..BasicPublishOptions::default()
        };
        let properties = BasicProperties::default();
        let publish = channel.basic_publish(exchange, key, options, order.as_bytes(), properties);
        confirms.push(publish.await?);
    }
    for confirm in confirms {
        match confirm.await? {
            Confirmation::Ack(None) => {}
            refused => return Err(format!("not taken by the broker: {refused:?}").into()),
        }
    }
    Ok(())
}

/// Handles and acknowledges that many orders.
async fn consume(channel: &TracedChannel, queue: &str, orders: usize) -> Result<()> {
    let (tag, options) = ("".into(), BasicConsumeOptions::default());
    let consumer = channel.basic_consume(queue.into(), tag, options, FieldTable::default());
    let mut deliveries = consumer.await?.take(orders);
    while let Some(delivery) = deliveries.next().await {
        let delivery = delivery?;
        // A span around the handling of each message, with its context and baggage.
        delivery.process(handle(&delivery)).await?;
    }
    Ok(())
}

async fn handle(delivery: &TracedDelivery) -> Result<()> {
    let trace = Context::current().span().span_context().trace_id();
    println!(
        "{} in trace {trace}",
        String::from_utf8_lossy(&delivery.data)
    );
    delivery.ack(BasicAckOptions::default()).await?;
    Ok(())
}
