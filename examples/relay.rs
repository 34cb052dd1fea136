//! A relay: what comes into a standard queue goes on to a FIFO queue, in order by customer.
//!
//! It sends three orders, relays them, and prints what arrives: in the trace in which they were
//! sent, with their baggage, and after one hop. The endpoint, the region and the credentials come
//! from the usual AWS variables, where spans go from the usual OpenTelemetry ones. It makes queues
//! of its own, and removes them again.
//!
//! ```sh
//! AWS_ENDPOINT_URL=http://127.0.0.1:4566 AWS_REGION=us-east-1 \
//! AWS_ACCESS_KEY_ID=test AWS_SECRET_ACCESS_KEY=test \
//!     cargo run --example relay --features setup
//! ```

#![expect(clippy::print_stdout, reason = "an example shows what it does")]

use std::error::Error;
use std::process;
use std::time::Duration;

use aws_config::BehaviorVersion;
use aws_sdk_sqs::Client;
use aws_sdk_sqs::types::QueueAttributeName;
use opentelemetry::baggage::BaggageExt;
use opentelemetry::trace::{FutureExt, TraceContextExt, Tracer};
use opentelemetry::{Context, KeyValue, global};
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;
use tracehop::contract::{Message, SinkExt, Value};
use tracehop::relay::Relay;
use tracehop::sqs::{SqsSink, SqsSource};
use tracehop::worker::{Failure, Incoming, Worker};

type Result<T, E = Box<dyn Error + Send + Sync>> = std::result::Result<T, E>;

/// How long a receive waits for a message. A source that closes lets its last one come back, which
/// takes that long; the default of 20 s asks less often.
const POLL: Duration = Duration::from_secs(1);

const ORDERS: [(&str, &str); 3] = [("ann", "tea"), ("bob", "coffee"), ("ann", "biscuits")];

#[tokio::main]
async fn main() -> Result<()> {
    let telemetry = tracehop::setup::init()?;
    let config = aws_config::load_defaults(BehaviorVersion::v2026_01_12()).await;
    let client = Client::new(&config);
    let orders = create_queue(&client, "orders").await?;
    let archive = create_queue(&client, "archive.fifo").await?;

    place_orders(SqsSink::new(client.clone(), &orders)?).await?;

    // A FIFO queue asks for a group, which messages of a standard queue have none of.
    let relay = Relay::to(SqsSink::new(client.clone(), &archive)?).edit(|order| {
        let customer = order.headers.get("customer").and_then(Value::as_str);
        let customer = customer.ok_or_else(|| Failure::reject("an order has a customer"))?;
        order.group = Some(customer.to_owned().into());
        Ok(())
    });
    let relaying = Worker::new(source(&client, &orders)?, relay);
    let (report, mut reports) = mpsc::unbounded_channel();
    let reading = Worker::new(source(&client, &archive)?, move |order: Incoming| {
        let told = report.send(line(&order));
        async move { told.map_err(Failure::from) }
    });

    let stop = CancellationToken::new();
    let arrived = async {
        for _ in ORDERS {
            println!("{}", reports.recv().await.unwrap_or_default());
        }
        stop.cancel();
    };
    let (relayed, read, ()) = tokio::join!(
        relaying.run_until(stop.cancelled()),
        reading.run_until(stop.cancelled()),
        arrived,
    );
    relayed?;
    read?;
    for queue_url in [orders, archive] {
        client.delete_queue().queue_url(queue_url).send().await?;
    }
    telemetry.shutdown();
    Ok(())
}

/// In one trace, and with a member of baggage.
async fn place_orders(sink: SqsSink) -> Result<()> {
    let span = global::tracer("relay").start("place orders");
    let baggage = [KeyValue::new("shop", "high street")];
    let cx = Context::current_with_span(span).with_baggage(baggage);
    println!("sent in trace {}", cx.span().span_context().trace_id());
    let orders =
        ORDERS.map(|(customer, order)| Message::new(order).with_header("customer", customer));
    for sent in sink.send_all(orders).with_context(cx).await {
        sent?;
    }
    Ok(())
}

fn line(order: &Incoming) -> String {
    let cx = Context::current();
    let hops = order.headers.get("tracehop-hops").and_then(Value::as_str);
    let shop = cx.baggage().get("shop").map(ToString::to_string);
    format!(
        "{} of {}: trace {}, hops {}, shop {}",
        order.text().unwrap_or_default(),
        String::from_utf8_lossy(order.group.as_deref().unwrap_or_default()),
        cx.span().span_context().trace_id(),
        hops.unwrap_or("none"),
        shop.unwrap_or_default(),
    )
}

fn source(client: &Client, queue_url: &str) -> Result<SqsSource> {
    let source = SqsSource::builder(client.clone(), queue_url);
    Ok(source.wait_time(POLL).build()?)
}

async fn create_queue(client: &Client, name: &str) -> Result<String> {
    let create = client
        .create_queue()
        .queue_name(format!("{}-{name}", process::id()));
    let fifo = name
        .ends_with("fifo")
        .then(|| (QueueAttributeName::FifoQueue, "true".to_owned()));
    let attributes = (fifo.is_some()).then(|| fifo.into_iter().collect());
    let created = create.set_attributes(attributes).send().await?;
    Ok(created.queue_url.ok_or("no queue URL")?)
}
