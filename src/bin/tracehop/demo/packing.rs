//! The first worker: it packs what was ordered, and feeds the second.

use std::sync::Arc;
use std::time::Duration;

use opentelemetry::trace::TraceContextExt;
use opentelemetry::{Context, KeyValue};
use tokio_util::sync::CancellationToken;
use tracehop::contract::{Message, Sink};
use tracehop::sqs::SqsSink;
use tracehop::testing::sqs::SqsEndpoint;
use tracehop::worker::{Backoff, DeadLetter, Failure, Handler, Incoming, Worker};

use super::service::Service;
use super::shop::{FRAGILE, UNKNOWN};
use super::{Queues, Result};

/// How long it takes to pack an order.
const PACKING: Duration = Duration::from_millis(60);

/// Packs the orders of both queues until `closing`.
pub(super) async fn run(
    service: &Service,
    sqs: &SqsEndpoint,
    queues: &Queues,
    closing: CancellationToken,
) -> Result<()> {
    let packing = Packing {
        service: service.clone(),
        parcels: Arc::new(service.sink(sqs, &queues.parcels)?),
    };
    let worker = |url: &str| -> Result<_> {
        Ok(Worker::new(service.source(sqs, url)?, packing.clone())
            .concurrency(4)
            .backoff(Backoff::new(Duration::from_secs(1), Duration::from_secs(2)))
            .on_reject(DeadLetter::to(service.sink(sqs, &queues.dead)?))
            .instrumentation(service.instrumentation()))
    };
    tokio::try_join!(
        worker(&queues.orders)?.run_until(closing.cancelled()),
        worker(&queues.express)?.run_until(closing.cancelled()),
    )?;
    Ok(())
}

#[derive(Clone, Debug)]
struct Packing {
    service: Service,
    parcels: Arc<SqsSink>,
}

impl Handler for Packing {
    async fn handle(&self, incoming: Incoming) -> Result<(), Failure> {
        let order: i64 = incoming.text().unwrap_or_default().parse()?;
        let process = Context::current();
        process
            .span()
            .set_attribute(KeyValue::new("order.id", order));
        let pack = pack(order, incoming.attempt());
        self.service.step("pack", pack).await?;
        self.parcels
            .send(Message::new(format!("parcel of order {order}")))
            .await?;
        Ok(())
    }
}

async fn pack(order: i64, attempt: u32) -> Result<(), Failure> {
    tokio::time::sleep(PACKING).await;
    match order {
        UNKNOWN => Err(Failure::reject("no such product").with_type("unknown_product")),
        FRAGILE if attempt < 3 => Err(Failure::new("it broke").with_type("broken")),
        _ => Ok(()),
    }
}
