//! An AWS Lambda function on a queue, invoked here with an event of three orders. It needs no AWS.
//!
//! The first order was sent by a traced service, the second through an SNS topic, in an envelope; the
//! third is none, and the response asks for it to come again. With `lambda_runtime`, `main` ends in
//! `lambda_runtime::run(service_fn(…))` and `invoked` gets its event from there. Where spans go comes
//! from the usual OpenTelemetry variables.
//!
//! ```sh
//! cargo run --example lambda --features lambda,setup
//! ```

#![expect(clippy::print_stdout, reason = "an example shows what it does")]

use std::error::Error;

use aws_lambda_events::sqs::{SqsBatchResponse, SqsEvent, SqsMessage};
use opentelemetry::Context;
use opentelemetry::baggage::BaggageExt;
use tracehop::lambda::TracedFunction;
use tracehop::setup::Pipeline;
use tracehop::telemetry::Instrumentation;

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    // Once, before the first event.
    let telemetry = tracehop::setup::init()?;
    let instrumentation = Instrumentation::builder().envelopes(true).build();
    let function = TracedFunction::with(instrumentation);

    let event = serde_json::from_str(include_str!("lambda.json"))?;
    let response = invoked(&function, &telemetry, event).await;
    println!("{}", serde_json::to_string(&response)?);

    let again = response.batch_item_failures.iter();
    let again: Vec<_> = again.map(|failure| &*failure.item_identifier).collect();
    if again != ["c80e8021-a70a-42c7-a470-796e1186f753"] {
        return Err("only the third order was to come again".into());
    }
    Ok(())
}

/// Handles one event.
async fn invoked(
    function: &TracedFunction,
    telemetry: &Pipeline,
    event: SqsEvent,
) -> SqsBatchResponse {
    let response = function.handle_sqs(event, ship).await;
    // Lambda freezes the process as soon as it has the response.
    telemetry.flush();
    response
}

/// Ships an order. The span of its record is current, and its baggage is the sender's.
async fn ship(message: SqsMessage) -> Result<(), Box<dyn Error>> {
    let body: serde_json::Value =
        serde_json::from_str(message.body.as_deref().unwrap_or_default())?;
    // Of an order in an envelope the handler sees the envelope.
    let order = match body["Message"].as_str() {
        Some(order) => serde_json::from_str(order)?,
        None => body,
    };
    let order = order["order"].as_u64().ok_or("no order")?;
    let cx = Context::current();
    let tenant = cx.baggage().get("tenant");
    let tenant = tenant.map_or("nobody", |tenant| tenant.as_str());
    println!("order {order} for {tenant}");
    Ok(())
}
