//! One service with an edge of every kind, REST (axum), gRPC (tonic) and a worker on a queue, and
//! with the same ways out of it. An order passes through all of them in one trace: what the first
//! edge puts into its baggage is read at the last.
//!
//! A request is a list of stops in JSON, `[{"url": …, "arguments": […]}]`: whoever gets it calls
//! each `url` in turn with its `arguments` as the request, over REST (`http://host:port/path`),
//! gRPC (`grpc://host:port`) or a queue (`queue:sqs`, `queue:kafka`, `queue:amqp`). So each way in
//! can be tried with each way out; and it is what the W3C's test suite of Trace Context asks of a
//! service under test.
//!
//! The queues are those that the environment names: `QUEUE_URL` on SQS, `TOPIC` on `KAFKA_BROKERS`
//! for the group `GROUP` (`tracehop` by default), `QUEUE` on `AMQP_URL`; where it names none, one
//! on an SQS endpoint in this process. The formats are those of `OTEL_PROPAGATORS`, and where spans
//! go is told by the usual OpenTelemetry variables.
//!
//! ```sh
//! OTEL_PROPAGATORS=xray,baggage cargo run --example edges --all-features
//! # Until Ctrl-C, with POST /test for anybody:
//! cargo run --example edges --all-features -- --serve 127.0.0.1:7777 --path /test
//! ```
//!
//! The first line of JSON names the edges, and there is one more for each visit: the `edge`, the
//! `trace_id` and `span_id` that are current there, and the `baggage`.

#![expect(clippy::print_stdout, reason = "an example shows what it does")]

mod arguments;
mod grpc;
mod queues;
mod rest;
mod service;

use std::error::Error;

use opentelemetry::global;
use serde_json::json;
use tokio::net::TcpListener;
use tokio::signal;
use tokio::sync::mpsc::{self, UnboundedReceiver};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;
use tracing::Level;
use tracing_subscriber::filter::Targets;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;
use tracing_subscriber::{Layer, registry};

use self::arguments::Arguments;
use self::queues::Queues;
use self::service::{Service, Visit};

type Result<T, E = Box<dyn Error + Send + Sync>> = std::result::Result<T, E>;

#[tokio::main]
async fn main() -> Result<()> {
    let arguments = Arguments::parse()?;
    let telemetry = tracehop::setup::init()?;
    let bridge = tracing_opentelemetry::layer().with_tracer(global::tracer("edges"));
    // The middleware of gRPC opens spans of `tracing`. Those of other crates are not wanted here.
    let grpc_spans = Targets::new().with_target("otel::tracing", Level::TRACE);
    registry().with(bridge.with_filter(grpc_spans)).init();

    let (visits, mut visited) = mpsc::unbounded_channel();
    let queues = Queues::from_env().await?;
    let service = Service::new(queues.sinks()?, visits);
    let rest = TcpListener::bind(arguments.address).await?;
    let grpc = TcpListener::bind("127.0.0.1:0").await?;
    let host = format!("http://{}", rest.local_addr()?);
    let (shop, last) = (host.clone() + rest::SHOP, host + &arguments.path);
    let mut edges = vec![format!("grpc://{}", grpc.local_addr()?)];
    edges.extend(queues.names().map(|name| format!("queue:{name}")));
    edges.push(last);
    println!("{}", json!({ "edges": edges }));

    let stop = CancellationToken::new();
    let mut serving = JoinSet::new();
    let path = arguments.path.clone();
    serving.spawn(rest::serve(rest, path, service.clone(), stop.clone()));
    serving.spawn(grpc::serve(grpc, service.clone(), stop.clone()));
    queues.work(&service, &stop, &mut serving)?;

    let work = async {
        if arguments.serve {
            show(&mut visited).await
        } else {
            place_order(&shop, edges, &mut visited).await
        }
    };
    let done = tokio::select! {
        done = work => done,
        // An edge that cannot serve, such as a worker on a queue that is not there.
        Some(ended) = serving.join_next() => ended?,
    };
    stop.cancel();
    while let Some(served) = serving.join_next().await {
        served??;
    }
    telemetry.shutdown();
    done
}

/// Prints the visits, until Ctrl-C.
async fn show(visited: &mut UnboundedReceiver<Visit>) -> Result<()> {
    loop {
        tokio::select! {
            Some(visit) = visited.recv() => println!("{}", json!(visit)),
            pressed = signal::ctrl_c() => return Ok(pressed?),
        }
    }
}

/// Sends an order to the shop, and from there through all `edges`, one after the other. Fails where
/// the last of them is in another trace than the shop, or does not know what the shop knew.
async fn place_order(
    shop: &str,
    edges: Vec<String>,
    visited: &mut UnboundedReceiver<Visit>,
) -> Result<()> {
    let count = edges.len() + 1;
    let journey = edges.into_iter().rfold(
        json!([]),
        |then, url| json!([{ "url": url, "arguments": then }]),
    );
    rest::Client::default()
        .post(shop, journey.to_string())
        .await?;

    let mut visits = Vec::new();
    for _ in 0..count {
        let visit = visited.recv().await.ok_or("nobody serves")?;
        println!("{}", json!(visit));
        visits.push(visit);
    }
    let (first, last) = (&visits[0], &visits[count - 1]);
    if last.trace_id != first.trace_id || last.baggage != first.baggage || last.baggage.is_empty() {
        return Err(
            "the last stop is in another trace, or does not know the customer: do the formats of \
                    OTEL_PROPAGATORS carry both trace and baggage?"
                .into(),
        );
    }
    Ok(())
}
