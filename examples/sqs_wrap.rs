//! A producer and a consumer loop on Amazon SQS as they were, plus the one line that traces them.
//!
//! The endpoint, the region and the credentials come from the usual AWS variables, where spans go
//! from the usual OpenTelemetry ones. It makes a queue of its own, and removes it again.
//!
//! ```sh
//! AWS_ENDPOINT_URL=http://127.0.0.1:4566 AWS_REGION=us-east-1 \
//! AWS_ACCESS_KEY_ID=test AWS_SECRET_ACCESS_KEY=test \
//!     cargo run --example sqs_wrap --features setup
//! ```

#![expect(clippy::print_stdout, reason = "an example shows what it does")]

use std::error::Error;
use std::process;

use aws_config::BehaviorVersion;
use aws_sdk_sqs::Client;
use aws_sdk_sqs::types::{Message, SendMessageBatchRequestEntry};
use opentelemetry::Context;
use opentelemetry::trace::TraceContextExt;
use tracehop::sqs::{MessageExt, SqsQueue, TraceInterceptor};

type Result<T, E = Box<dyn Error + Send + Sync>> = std::result::Result<T, E>;

#[tokio::main]
async fn main() -> Result<()> {
    let telemetry = tracehop::setup::init()?;

    let config = aws_config::load_defaults(BehaviorVersion::v2026_01_12()).await;
    let config = aws_sdk_sqs::config::Builder::from(&config)
        .interceptor(TraceInterceptor::new()) // the one line
        .build();
    let client = Client::from_conf(config);

    let name = format!("sqs-wrap-{}", process::id());
    let created = client.create_queue().queue_name(name).send().await?;
    let queue_url = created.queue_url().ok_or("no queue URL")?;

    produce(&client, queue_url).await?;
    consume(&client, queue_url, 3).await?;

    client.delete_queue().queue_url(queue_url).send().await?;
    telemetry.shutdown();
    Ok(())
}

/// Sends one order, and then two in one call.
async fn produce(client: &Client, queue_url: &str) -> Result<()> {
    client
        .send_message()
        .queue_url(queue_url)
        .message_body("order 1")
        .send()
        .await?;

    let mut batch = client.send_message_batch().queue_url(queue_url);
    for id in ["2", "3"] {
        let body = format!("order {id}");
        let entry = SendMessageBatchRequestEntry::builder()
            .id(id)
            .message_body(body);
        batch = batch.entries(entry.build()?);
    }
    let sent = batch.send().await?;
    match sent.failed() {
        [] => Ok(()),
        [failed, ..] => Err(format!("order {}: {}", failed.id(), failed.code()).into()),
    }
}

/// Receives, handles and deletes that many orders.
async fn consume(client: &Client, queue_url: &str, orders: usize) -> Result<()> {
    let queue = SqsQueue::from_url(queue_url)?;
    let mut handled = 0;
    while handled < orders {
        let receive = client.receive_message().queue_url(queue_url);
        let receive = receive.max_number_of_messages(10).wait_time_seconds(5);
        for message in receive.send().await?.messages() {
            // A span around the handling of each message, with its context and baggage.
            message
                .process(&queue, handle(client, queue_url, message))
                .await?;
            handled += 1;
        }
    }
    Ok(())
}

async fn handle(client: &Client, queue_url: &str, message: &Message) -> Result<()> {
    let trace = Context::current().span().span_context().trace_id();
    println!("{} in trace {trace}", message.body().unwrap_or_default());

    let delete = client.delete_message().queue_url(queue_url);
    delete
        .receipt_handle(message.receipt_handle().unwrap_or_default())
        .send()
        .await?;
    Ok(())
}
