//! A worker on the RabbitMQ queue `QUEUE` at `AMQP_URL`, until Ctrl-C or until it has handled
//! `MAX_MESSAGES`; what is in hand by then is finished.
//!
//! Each message is a line of JSON: `body`, the `trace_id`, `span_id`, `parent_span_id` and `links`
//! of the process span that the handler runs in, `baggage`, `attempt` and `queue_time_ms`. Where
//! spans go is told by the usual OpenTelemetry variables.
//!
//! ```sh
//! AMQP_URL=amqp://guest:guest@127.0.0.1:5672/%2f QUEUE=orders MAX_MESSAGES=10 \
//!     cargo run --example amqp_worker --features amqp,setup
//! ```

use std::env;
use std::error::Error;
use std::io::{self, Write};
use std::num::NonZeroUsize;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use opentelemetry::Context;
use opentelemetry::baggage::BaggageExt;
use opentelemetry::trace::TraceContextExt;
use serde_json::{Map, Value, json};
use tokio::signal;
use tokio_util::sync::CancellationToken;
use tracehop::amqp::AmqpSource;
use tracehop::worker::{Failure, Incoming, Worker};

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error + Send + Sync>> {
    let url = env::var("AMQP_URL").map_err(|_| "AMQP_URL is not set")?;
    let queue = env::var("QUEUE").map_err(|_| "QUEUE is not set")?;
    let limit = limit()?;
    let telemetry = tracehop::setup::init()?;
    let source = AmqpSource::new(url, queue)?;

    let enough = CancellationToken::new();
    let count = Arc::new(AtomicUsize::new(0));
    let handler = {
        let enough = enough.clone();
        move |incoming: Incoming| {
            let (enough, count) = (enough.clone(), Arc::clone(&count));
            async move {
                let turn = count.fetch_add(1, Ordering::Relaxed) + 1;
                writeln!(io::stdout(), "{}", line(&incoming))?;
                if limit.is_some_and(|limit| turn >= limit.get()) {
                    enough.cancel();
                }
                Ok::<_, Failure>(())
            }
        }
    };
    let shutdown = async move {
        tokio::select! {
            () = enough.cancelled() => {}
            _ = signal::ctrl_c() => {}
        }
    };
    Worker::new(source, handler).run_until(shutdown).await?;
    telemetry.shutdown();
    Ok(())
}

fn limit() -> Result<Option<NonZeroUsize>, String> {
    match env::var("MAX_MESSAGES") {
        Ok(limit) => limit
            .parse()
            .map(Some)
            .map_err(|error| format!("MAX_MESSAGES: {error}")),
        Err(_) => Ok(None),
    }
}

fn line(incoming: &Incoming) -> Value {
    let cx = Context::current();
    let span = cx.span().span_context().clone();
    let trace = incoming.trace();
    let links = trace.links.iter().map(|(link, _)| {
        json!({ "trace_id": link.trace_id().to_string(), "span_id": link.span_id().to_string() })
    });
    let baggage = cx.baggage().iter();
    let baggage = baggage.map(|(key, (value, _))| (key.to_string(), json!(value.as_str())));
    json!({
        "body": String::from_utf8_lossy(incoming.body()),
        "trace_id": span.trace_id().to_string(),
        "span_id": span.span_id().to_string(),
        "parent_span_id": trace.parent.as_ref().map_or(String::new(), |parent| parent.span_id().to_string()),
        "links": links.collect::<Vec<_>>(),
        "baggage": baggage.collect::<Map<_, _>>(),
        "attempt": incoming.attempt(),
        "queue_time_ms": incoming.queue_time().map(|time| time.as_secs_f64() * 1000.0),
    })
}
