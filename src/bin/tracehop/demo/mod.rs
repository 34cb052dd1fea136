//! `tracehop demo`: a shop whose orders cross SQS, Kafka and RabbitMQ, and the picture of it.

mod delivery;
mod desk;
mod doorstep;
mod highway;
mod packing;
mod service;
mod shipping;
mod shop;
mod show;

use std::error::Error;
use std::io::{self, IsTerminal, Write};
use std::time::Duration;

use tokio::sync::mpsc;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;
use tracehop::journey::Span;
use tracehop::testing::sqs::SqsEndpoint;

use doorstep::Doorstep;
use highway::Highway;
use service::Service;

/// What `tracehop demo` can be told.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Print the finished spans instead, one JSON object a line.
    #[arg(long)]
    json: bool,
}

pub(crate) type Result<T, E = Box<dyn Error + Send + Sync>> = std::result::Result<T, E>;

/// How long the orders may take; it is a matter of 7 s, on a machine that is not busy.
const LIMIT: Duration = Duration::from_mins(1);

/// Runs the demo, and prints what came of it.
///
/// # Errors
/// Whatever failed. Nothing of it is the network, unless the environment names brokers.
pub(crate) fn run(args: &Args) -> Result<()> {
    let mut out = io::stdout().lock();
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    let spans = runtime.block_on(async {
        let brokers = Brokers::start().await?;
        if !args.json {
            let names = [brokers.highway.name(), brokers.doorstep.name()];
            writeln!(out, "{}", show::introduction(&names))?;
            out.flush()?;
        }
        take_orders(brokers).await
    })?;
    if args.json {
        for span in &spans {
            writeln!(out, "{}", span.to_json())?;
        }
    } else {
        let colour = io::stdout().is_terminal() && !refuses_colour();
        write!(out, "{}", show::picture(&spans, colour))?;
    }
    out.flush()?;
    Ok(())
}

/// By <https://no-color.org>: set, and not to nothing.
fn refuses_colour() -> bool {
    std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty())
}

/// What the orders cross.
struct Brokers {
    sqs: SqsEndpoint,
    queues: Queues,
    highway: Highway,
    doorstep: Doorstep,
}

impl Brokers {
    async fn start() -> Result<Self> {
        let sqs = SqsEndpoint::start().await;
        let queues = Queues {
            orders: sqs.queue("orders").create(),
            express: sqs.queue("express.fifo").create(),
            parcels: sqs.queue("parcels").create(),
            dead: sqs.queue("dead-letters").create(),
        };
        Ok(Self {
            sqs,
            queues,
            highway: Highway::open().await?,
            doorstep: Doorstep::open().await,
        })
    }
}

/// The queues on SQS, by URL.
#[derive(Clone, Debug)]
struct Queues {
    orders: String,
    express: String,
    parcels: String,
    dead: String,
}

/// Takes the orders and sees them through. The answer is every span that was finished, by start.
async fn take_orders(brokers: Brokers) -> Result<Vec<Span>> {
    let Brokers {
        sqs,
        queues,
        highway,
        doorstep,
    } = &brokers;
    let [shop, packing, shipping, relay, courier, desk] =
        ["shop", "packing", "shipping", "relay", "courier", "desk"].map(Service::new);
    let (report, mut delivered) = mpsc::unbounded_channel();
    let (ready, closing) = (CancellationToken::new(), CancellationToken::new());
    let signals = delivery::Signals {
        ready: ready.clone(),
        closing: closing.clone(),
        report,
    };

    let script = async {
        let _close = closing.clone().drop_guard();
        ready.cancelled().await;
        shop::open(&shop, sqs, queues).await?;
        for _ in 0..shop::SHIPPED {
            delivered.recv().await.ok_or("the workers stopped early")?;
        }
        desk::look_at_a_dead_letter(&desk, sqs, queues).await
    };
    let work = async {
        let shipments = highway.sink(&shipping)?;
        tokio::try_join!(
            script,
            packing::run(&packing, sqs, queues, closing.clone()),
            shipping::run(&shipping, sqs, queues, shipments, closing.clone()),
            delivery::run(&relay, &courier, highway, doorstep, signals),
        )
    };
    timeout(LIMIT, Box::pin(work))
        .await
        .map_err(|_| format!("the orders took longer than {LIMIT:?}"))??;
    brokers.highway.close().await?;

    let mut spans = Vec::new();
    for service in [shop, packing, shipping, relay, courier, desk] {
        spans.extend(service.finish()?);
    }
    spans.sort_by_key(|span| span.start_unix_nano);
    Ok(spans)
}
