//! Order on a FIFO queue: two accounts, each a message group, and a withdrawal that fails once.
//!
//! What comes behind the withdrawal waits for it, and the other account does not. (LocalStack 4.13
//! shows a group again as soon as any of it is given back, so there the account may be closed
//! first; SQS waits for the head.) The endpoint, the region and the credentials come from the usual
//! AWS variables, where spans go from the usual OpenTelemetry ones. It makes a queue of its own,
//! and removes it again.
//!
//! ```sh
//! AWS_ENDPOINT_URL=http://127.0.0.1:4566 AWS_REGION=us-east-1 \
//! AWS_ACCESS_KEY_ID=test AWS_SECRET_ACCESS_KEY=test \
//!     cargo run --example fifo --features setup
//! ```

#![expect(clippy::print_stdout, reason = "an example shows what it does")]

use std::error::Error;
use std::process;
use std::time::Duration;

use aws_config::BehaviorVersion;
use aws_sdk_sqs::Client;
use aws_sdk_sqs::types::QueueAttributeName;
use tokio::sync::mpsc;
use tracehop::contract::{Message, SinkExt};
use tracehop::sqs::{SqsSink, SqsSource};
use tracehop::worker::{Failure, Incoming, Worker};

/// How long a receive waits for a message. A source that closes lets its last one come back, which
/// takes that long; the default of 20 s asks less often.
const POLL: Duration = Duration::from_secs(1);

/// What happens to the accounts, in the order in which it is sent.
const MOVES: [(&str, &str); 6] = [
    ("ann", "deposit 50"),
    ("bob", "deposit 5"),
    ("ann", "withdraw 20"),
    ("bob", "deposit 6"),
    ("ann", "close"),
    ("bob", "close"),
];

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error + Send + Sync>> {
    let telemetry = tracehop::setup::init()?;
    let config = aws_config::load_defaults(BehaviorVersion::v2026_01_12()).await;
    let client = Client::new(&config);
    let queue_url = create_queue(&client).await?;

    let sink = SqsSink::new(client.clone(), &queue_url)?;
    let messages = MOVES.iter().enumerate().map(|(n, (account, movement))| {
        let message = Message::new(*movement).with_group(*account);
        message.with_dedup_id(n.to_string())
    });
    for sent in sink.send_all(messages).await {
        sent?;
    }

    let (report, mut done) = mpsc::unbounded_channel();
    let book = move |movement: Incoming| {
        let report = report.clone();
        async move {
            let account = movement.group.as_deref().unwrap_or_default();
            let entry = format!(
                "{}: {}",
                String::from_utf8_lossy(account),
                movement.text().unwrap_or_default()
            );
            if entry == "ann: withdraw 20" && movement.attempt() == 1 {
                println!("{entry} - not yet");
                return Err(Failure::retry_after(Duration::from_secs(1)));
            }
            println!("{entry}");
            report.send(entry)?;
            Ok(())
        }
    };
    let all_booked = async move {
        for _ in MOVES {
            done.recv().await;
        }
    };
    let source = SqsSource::builder(client.clone(), &queue_url);
    let source = source.wait_time(POLL).build()?;
    Worker::new(source, book).run_until(all_booked).await?;

    client.delete_queue().queue_url(&queue_url).send().await?;
    telemetry.shutdown();
    Ok(())
}

async fn create_queue(client: &Client) -> Result<String, Box<dyn Error + Send + Sync>> {
    let name = format!("accounts-{}.fifo", process::id());
    let create = client.create_queue().queue_name(name);
    let created = create
        .attributes(QueueAttributeName::FifoQueue, "true")
        .send()
        .await?;
    Ok(created.queue_url.ok_or("no queue URL")?)
}
