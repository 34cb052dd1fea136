//! Sends `COUNT` messages (1 by default) to the SQS queue `QUEUE_URL`, with the baggage of
//! `BAGGAGE` (a W3C baggage header, none by default), and prints the trace id of each.
//!
//! The endpoint, the region and the credentials come from the usual AWS variables, where spans go
//! from the usual OpenTelemetry ones.
//!
//! ```sh
//! QUEUE_URL=http://127.0.0.1:4566/queue/us-east-1/000000000000/orders COUNT=3 \
//! BAGGAGE='tenant=acme,note=50%25%20off' \
//!     cargo run --example sqs_send --features setup
//! ```

#![expect(clippy::print_stdout, reason = "an example shows what it does")]

use std::collections::HashMap;
use std::env;
use std::error::Error;

use aws_config::BehaviorVersion;
use opentelemetry::trace::{FutureExt, TraceContextExt, Tracer};
use opentelemetry::{Context, global};
use tracehop::contract::{Message, Sink};
use tracehop::sqs::SqsSink;

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error + Send + Sync>> {
    let queue_url = env::var("QUEUE_URL").map_err(|_| "QUEUE_URL is not set")?;
    let count: usize = match env::var("COUNT") {
        Ok(count) => count.parse().map_err(|error| format!("COUNT: {error}"))?,
        Err(_) => 1,
    };
    let telemetry = tracehop::setup::init()?;
    let baggage = baggage();

    let config = aws_config::load_defaults(BehaviorVersion::v2026_01_12()).await;
    let client = aws_sdk_sqs::Client::new(&config);
    let sink = SqsSink::new(client, queue_url)?;

    for n in 1..=count {
        let span = global::tracer("sqs_send").start_with_context("send a message", &baggage);
        let cx = baggage.with_span(span);
        let message = Message::new(format!("message {n}"));
        sink.send(message).with_context(cx.clone()).await?;
        println!("{}", cx.span().span_context().trace_id());
    }
    telemetry.shutdown();
    Ok(())
}

/// What `BAGGAGE` says, read by the propagators of `OTEL_PROPAGATORS`.
fn baggage() -> Context {
    let header = env::var("BAGGAGE").unwrap_or_default();
    let carrier = HashMap::from([("baggage".to_owned(), header)]);
    global::get_text_map_propagator(|propagator| {
        propagator.extract_with_context(&Context::new(), &carrier)
    })
}
