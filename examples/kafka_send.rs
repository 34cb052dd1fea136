//! Sends `COUNT` messages (1 by default) to the Kafka topic `TOPIC` of `KAFKA_BROKERS`, with the
//! baggage of `BAGGAGE` (a W3C baggage header, none by default), and prints the trace id of each.
//!
//! Where spans go comes from the usual OpenTelemetry variables.
//!
//! ```sh
//! KAFKA_BROKERS=127.0.0.1:9092 TOPIC=orders COUNT=3 BAGGAGE='tenant=acme,note=50%25%20off' \
//!     cargo run --example kafka_send --features kafka,setup
//! ```

#![expect(clippy::print_stdout, reason = "an example shows what it does")]

use std::collections::HashMap;
use std::env;
use std::error::Error;

use opentelemetry::trace::{FutureExt, TraceContextExt, Tracer};
use opentelemetry::{Context, global};
use rdkafka::ClientConfig;
use tracehop::contract::{Message, Sink};
use tracehop::kafka::KafkaSink;

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error + Send + Sync>> {
    let brokers = env::var("KAFKA_BROKERS").map_err(|_| "KAFKA_BROKERS is not set")?;
    let topic = env::var("TOPIC").map_err(|_| "TOPIC is not set")?;
    let count: usize = match env::var("COUNT") {
        Ok(count) => count.parse().map_err(|error| format!("COUNT: {error}"))?,
        Err(_) => 1,
    };
    let telemetry = tracehop::setup::init()?;
    let baggage = baggage();

    let mut config = ClientConfig::new();
    config.set("bootstrap.servers", brokers);
    let sink = KafkaSink::new(config, topic)?;

    for n in 1..=count {
        let span = global::tracer("kafka_send").start_with_context("send a message", &baggage);
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
