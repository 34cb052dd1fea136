//! `tracehop demo`: a shop whose orders cross three queues, and the picture of it.

mod desk;
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

use service::Service;

/// What `tracehop demo` can be told.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Print the finished spans instead, one JSON object a line.
    #[arg(long)]
    json: bool,
}

pub(crate) type Result<T, E = Box<dyn Error + Send + Sync>> = std::result::Result<T, E>;

/// How long the orders may take; it is a matter of 5 s.
const LIMIT: Duration = Duration::from_secs(12);

/// Runs the demo, and prints what came of it.
///
/// # Errors
/// Whatever failed, which is nothing of the network: all of it happens in this process.
pub(crate) fn run(args: &Args) -> Result<()> {
    let mut out = io::stdout().lock();
    if !args.json {
        writeln!(out, "{}", show::INTRODUCTION)?;
        out.flush()?;
    }
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    let spans = runtime.block_on(take_orders())?;
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

/// The queues, by URL.
#[derive(Clone, Debug)]
struct Queues {
    orders: String,
    express: String,
    parcels: String,
    dead: String,
}

/// Takes the orders and sees them through. The answer is every span that was finished, by start.
async fn take_orders() -> Result<Vec<Span>> {
    let sqs = SqsEndpoint::start().await;
    let queues = Queues {
        orders: sqs.queue("orders").create(),
        express: sqs.queue("express.fifo").create(),
        parcels: sqs.queue("parcels").create(),
        dead: sqs.queue("dead-letters").create(),
    };
    let [shop, packing, shipping, desk] = ["shop", "packing", "shipping", "desk"].map(Service::new);
    let (report, mut shipped) = mpsc::unbounded_channel();
    let closing = CancellationToken::new();

    let script = async {
        let _close = closing.clone().drop_guard();
        shop::open(&shop, &sqs, &queues).await?;
        for _ in 0..shop::SHIPPED {
            shipped.recv().await.ok_or("the workers stopped early")?;
        }
        desk::look_at_a_dead_letter(&desk, &sqs, &queues).await
    };
    let work = async {
        tokio::try_join!(
            script,
            packing::run(&packing, &sqs, &queues, closing.clone()),
            shipping::run(&shipping, &sqs, &queues, report, closing.clone()),
        )
    };
    timeout(LIMIT, Box::pin(work))
        .await
        .map_err(|_| format!("the orders took longer than {LIMIT:?}"))??;

    let mut spans = Vec::new();
    for service in [shop, packing, shipping, desk] {
        spans.extend(service.finish()?);
    }
    spans.sort_by_key(|span| span.start_unix_nano);
    Ok(spans)
}
