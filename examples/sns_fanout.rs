//! One publish to an SNS topic, two SQS queues behind it: each worker continues the same trace.
//!
//! The endpoint, the region and the credentials come from the usual AWS variables, where spans go
//! from the usual OpenTelemetry ones. It makes a topic and queues of its own, and removes them.
//!
//! ```sh
//! AWS_ENDPOINT_URL=http://127.0.0.1:4566 AWS_REGION=us-east-1 \
//! AWS_ACCESS_KEY_ID=test AWS_SECRET_ACCESS_KEY=test \
//!     cargo run --example sns_fanout --features setup,sns
//! ```

#![expect(clippy::print_stdout, reason = "an example shows what it does")]

use std::error::Error;
use std::process;
use std::time::Duration;

use aws_config::BehaviorVersion;
use aws_sdk_sqs::types::QueueAttributeName;
use opentelemetry::Context;
use opentelemetry::trace::TraceContextExt;
use serde_json::json;
use tokio::sync::mpsc;
use tracehop::sqs::SqsSource;
use tracehop::worker::{Failure, Incoming, Worker};

/// How long a receive waits for a message. A source that closes lets its last one come back, which
/// takes that long; the default of 20 s asks less often.
const POLL: Duration = Duration::from_secs(1);

type Result<T, E = Box<dyn Error + Send + Sync>> = std::result::Result<T, E>;

#[tokio::main]
async fn main() -> Result<()> {
    let telemetry = tracehop::setup::init()?;
    let config = aws_config::load_defaults(BehaviorVersion::v2026_01_12()).await;
    let sqs = aws_sdk_sqs::Client::new(&config);
    let traced = aws_sdk_sns::config::Builder::from(&config)
        .interceptor(tracehop::sns::TraceInterceptor::new())
        .build();
    let sns = aws_sdk_sns::Client::from_conf(traced);

    let fanout = Fanout::create(&sqs, &sns).await?;
    sns.publish()
        .topic_arn(&fanout.topic)
        .message("order 1")
        .send()
        .await?;
    let [billing, packing] = &fanout.queues;
    tokio::try_join!(
        work(&sqs, "billing", billing),
        work(&sqs, "packing", packing)
    )?;

    fanout.delete(&sqs, &sns).await?;
    telemetry.shutdown();
    Ok(())
}

/// Handles one message of that queue.
async fn work(sqs: &aws_sdk_sqs::Client, name: &'static str, queue_url: &str) -> Result<()> {
    let (report, mut reports) = mpsc::unbounded_channel();
    let handle = move |order: Incoming| {
        let report = report.clone();
        async move {
            let trace = Context::current().span().span_context().trace_id();
            println!(
                "{name}: {} in trace {trace}",
                order.text().unwrap_or_default()
            );
            report.send(())?;
            Ok::<_, Failure>(())
        }
    };
    let handled = async move {
        reports.recv().await;
    };
    let source = SqsSource::builder(sqs.clone(), queue_url)
        .wait_time(POLL)
        .build()?;
    Worker::new(source, handle).run_until(handled).await?;
    Ok(())
}

/// A topic, and two queues that get each message as it was published: with raw delivery the
/// message attributes, and with them the context, become those of the SQS message.
struct Fanout {
    topic: String,
    queues: [String; 2],
}

impl Fanout {
    async fn create(sqs: &aws_sdk_sqs::Client, sns: &aws_sdk_sns::Client) -> Result<Self> {
        let created = sns.create_topic().name(name("orders")).send().await?;
        let topic = created.topic_arn.ok_or("no topic ARN")?;
        let billing = subscribed_queue(sqs, sns, &topic, "billing").await?;
        let packing = subscribed_queue(sqs, sns, &topic, "packing").await?;
        Ok(Self {
            topic,
            queues: [billing, packing],
        })
    }

    async fn delete(self, sqs: &aws_sdk_sqs::Client, sns: &aws_sdk_sns::Client) -> Result<()> {
        sns.delete_topic().topic_arn(self.topic).send().await?;
        for queue in self.queues {
            sqs.delete_queue().queue_url(queue).send().await?;
        }
        Ok(())
    }
}

async fn subscribed_queue(
    sqs: &aws_sdk_sqs::Client,
    sns: &aws_sdk_sns::Client,
    topic: &str,
    queue: &str,
) -> Result<String> {
    let created = sqs.create_queue().queue_name(name(queue)).send().await?;
    let url = created.queue_url.ok_or("no queue URL")?;
    let asked = sqs.get_queue_attributes().queue_url(&url);
    let known = asked
        .attribute_names(QueueAttributeName::QueueArn)
        .send()
        .await?;
    let known = known.attributes.unwrap_or_default();
    let arn = known
        .get(&QueueAttributeName::QueueArn)
        .ok_or("no queue ARN")?;

    let policy = json!({
        "Version": "2012-10-17",
        "Statement": [{
            "Effect": "Allow",
            "Principal": { "Service": "sns.amazonaws.com" },
            "Action": "sqs:SendMessage",
            "Resource": arn,
            "Condition": { "ArnEquals": { "aws:SourceArn": topic } },
        }],
    });
    let set = sqs.set_queue_attributes().queue_url(&url);
    set.attributes(QueueAttributeName::Policy, policy.to_string())
        .send()
        .await?;
    let subscribe = sns
        .subscribe()
        .topic_arn(topic)
        .protocol("sqs")
        .endpoint(arn);
    subscribe
        .attributes("RawMessageDelivery", "true")
        .send()
        .await?;
    Ok(url)
}

fn name(of: &str) -> String {
    format!("fanout-{of}-{}", process::id())
}
