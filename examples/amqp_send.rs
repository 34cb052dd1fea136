//! Sends `COUNT` messages (1 by default) to the RabbitMQ queue `QUEUE` at `AMQP_URL`, with the
//! baggage of `BAGGAGE` (a W3C baggage header, none by default), and prints the trace id of each.
//!
//! The queue must be there. Where spans go is told by the usual OpenTelemetry variables.
//!
//! ```sh
//! AMQP_URL=amqp://guest:guest@127.0.0.1:5672/%2f QUEUE=orders COUNT=3 \
//! BAGGAGE='tenant=acme,note=50%25%20off' \
//!     cargo run --example amqp_send --features amqp,setup
//! ```

#![expect(clippy::print_stdout, reason = "an example shows what it does")]

use std::collections::HashMap;
use std::env;
use std::error::Error;

use opentelemetry::trace::{FutureExt, TraceContextExt, Tracer};
use opentelemetry::{Context, global};
use tracehop::amqp::AmqpSink;
use tracehop::contract::{Message, Sink};

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error + Send + Sync>> {
    let url = env::var("AMQP_URL").map_err(|_| "AMQP_URL is not set")?;
    let queue = env::var("QUEUE").map_err(|_| "QUEUE is not set")?;
    let count: usize = match env::var("COUNT") {
        Ok(count) => count.parse().map_err(|error| format!("COUNT: {error}"))?,
        Err(_) => 1,
    };
    let telemetry = tracehop::setup::init()?;
    let baggage = baggage();
    let sink = AmqpSink::to_queue(url, queue)?;

    for n in 1..=count {
        let span = global::tracer("amqp_send").start_with_context("send a message", &baggage);
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
