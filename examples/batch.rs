//! Messages that are handled together: readings of sensors, written ten at a time.
//!
//! One reading is broken and is rejected by itself, one comes again by itself; the others of their
//! batches are done. The endpoint, the region and the credentials come from the usual AWS
//! variables, where spans go from the usual OpenTelemetry ones. It makes a queue of its own, and
//! removes it again.
//!
//! ```sh
//! AWS_ENDPOINT_URL=http://127.0.0.1:4566 AWS_REGION=us-east-1 \
//! AWS_ACCESS_KEY_ID=test AWS_SECRET_ACCESS_KEY=test \
//!     cargo run --example batch --features setup
//! ```

#![expect(clippy::print_stdout, reason = "an example shows what it does")]

use std::error::Error;
use std::process;
use std::time::Duration;

use aws_config::BehaviorVersion;
use aws_sdk_sqs::Client;
use tokio::sync::mpsc::{self, UnboundedSender};
use tracehop::contract::{Message, SinkExt};
use tracehop::sqs::{SqsSink, SqsSource};
use tracehop::worker::{Batch, Batches, DeadLetter, Failure, Worker};

/// How long a receive waits for a message. A source that closes lets its last one come back, which
/// takes that long; the default of 20 s asks less often.
const POLL: Duration = Duration::from_secs(1);

const READINGS: usize = 24;

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error + Send + Sync>> {
    let telemetry = tracehop::setup::init()?;
    let config = aws_config::load_defaults(BehaviorVersion::v2026_01_12()).await;
    let client = Client::new(&config);
    let name = format!("readings-{}", process::id());
    let created = client.create_queue().queue_name(name).send().await?;
    let queue_url = created.queue_url.ok_or("no queue URL")?;

    let readings = (0..READINGS).map(|number| {
        Message::new(match number {
            7 => "warm".to_owned(),
            number => format!("{number}"),
        })
    });
    let sink = SqsSink::new(client.clone(), &queue_url)?;
    for sent in sink.send_all(readings).await {
        sent?;
    }

    let (report, mut done) = mpsc::unbounded_channel();
    let write = move |batch: Batch| {
        let report = report.clone();
        async move { write(&batch, &report) }
    };
    let source = SqsSource::builder(client.clone(), &queue_url);
    let batches = Batches::of(10, write).linger(Duration::from_millis(200));
    let worker = Worker::new(source.wait_time(POLL).build()?, batches)
        // There is no dead-letter queue here, and what is broken stays broken.
        .on_reject(DeadLetter::Discard);
    let all_written = async move {
        for _ in 0..READINGS {
            done.recv().await;
        }
    };
    worker.run_until(all_written).await?;

    client.delete_queue().queue_url(&queue_url).send().await?;
    telemetry.shutdown();
    Ok(())
}

/// Writes what can be written. A verdict on a reading is for that one alone; those without one
/// follow the result.
fn write(batch: &Batch, report: &UnboundedSender<()>) -> Result<(), Failure> {
    let mut rows: Vec<f64> = Vec::new();
    for reading in batch {
        match reading.text().unwrap_or_default().parse() {
            Ok(_) if reading.text() == Some("13") && reading.attempt() == 1 => {
                println!("13: not yet");
                reading.fail(Failure::retry_after(Duration::from_secs(1)));
                continue;
            }
            Ok(row) => rows.push(row),
            Err(error) => {
                println!("{}: {error}", reading.text().unwrap_or_default());
                reading.fail(Failure::reject(error));
            }
        }
        report.send(())?;
    }
    println!("{} of {} written: {rows:?}", rows.len(), batch.len());
    Ok(())
}
