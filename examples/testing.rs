//! How a test of your own looks: the code under test on the in-process SQS endpoint, and its spans
//! as a text tree. Nothing has to be installed.
//!
//! ```sh
//! cargo test --example testing --features testing   # the test
//! cargo run --example testing --features testing    # the spans that it compares
//! ```

#![expect(clippy::print_stdout, reason = "an example shows what it does")]

use std::error::Error;
use std::future::Future;
use std::time::Duration;

use aws_sdk_sqs::Client;
use tokio::sync::mpsc::{self, UnboundedSender};
use tracehop::sqs::{SqsSource, TraceInterceptor};
use tracehop::telemetry::Instrumentation;
use tracehop::testing::sqs::SqsEndpoint;
use tracehop::testing::{Recorder, SpanTree};
use tracehop::worker::{Failure, Incoming, Worker};

type Result<T, E = Box<dyn Error + Send + Sync>> = std::result::Result<T, E>;

/// How long a receive waits for a message. A source that closes lets its last one come back, which
/// the default of 20 s would make a long wait for a test.
const POLL: Duration = Duration::from_secs(1);

/// The code under test: ships orders until `shutdown`. In production the instrumentation is
/// `Instrumentation::default()`, and the client is configured from the environment.
async fn ship_orders(
    client: Client,
    queue_url: &str,
    instrumentation: Instrumentation,
    shipped: UnboundedSender<String>,
    shutdown: impl Future<Output = ()> + Send,
) -> Result<()> {
    let ship = move |order: Incoming| {
        let shipped = shipped.clone();
        async move {
            let order = order
                .text()
                .ok_or_else(|| Failure::reject("an order is text"))?
                .to_owned();
            shipped.send(order)?;
            Ok::<_, Failure>(())
        }
    };
    let source = SqsSource::builder(client, queue_url)
        .wait_time(POLL)
        .instrumentation(instrumentation.clone())
        .build()?;
    Worker::new(source, ship)
        .instrumentation(instrumentation)
        .run_until(shutdown)
        .await?;
    Ok(())
}

/// Sends an order, has it shipped, and answers what was shipped and what was traced.
async fn an_order_is_shipped() -> Result<(String, SpanTree)> {
    let sqs = SqsEndpoint::start().await;
    let orders = sqs.queue("orders").create();
    let recorder = Recorder::new();

    let traced = TraceInterceptor::with(recorder.instrumentation());
    let shop = Client::from_conf(sqs.config().interceptor(traced).build());
    shop.send_message()
        .queue_url(&orders)
        .message_body("order 7")
        .send()
        .await?;

    let (report, mut reports) = mpsc::unbounded_channel();
    let mut shipped = None;
    let shutdown = async { shipped = reports.recv().await };
    ship_orders(
        sqs.client(),
        &orders,
        recorder.instrumentation(),
        report,
        shutdown,
    )
    .await?;

    let left = sqs.depth("orders").map(|depth| depth.in_flight);
    assert_eq!(left, Some(0), "a shipped order leaves the queue");
    let spans = SpanTree::new(recorder.spans()).attributes(["tracehop.link.type"]);
    Ok((shipped.unwrap_or_default(), spans))
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<()> {
    let (shipped, spans) = an_order_is_shipped().await?;
    println!("{shipped} was shipped:\n{spans}");
    Ok(())
}

#[cfg(test)]
#[tokio::test]
async fn a_shipped_order_is_traced_from_the_shop_to_the_worker() -> Result<()> {
    let (shipped, spans) = an_order_is_shipped().await?;
    assert_eq!(shipped, "order 7");
    spans.assert_is(
        "
        delete orders CLIENT -> send orders {tracehop.link.type=creation}
        send orders PRODUCER
          process orders CONSUMER -> send orders (parent) {tracehop.link.type=creation}
        ",
    );
    Ok(())
}
