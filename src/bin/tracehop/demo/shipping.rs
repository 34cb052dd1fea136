//! The second worker: it ships the parcels of the first.

use std::time::Duration;

use tokio::sync::mpsc::UnboundedSender;
use tokio_util::sync::CancellationToken;
use tracehop::testing::sqs::SqsEndpoint;
use tracehop::worker::{Failure, Handler, Incoming, Worker};

use super::service::Service;
use super::{Queues, Result};

/// How long it takes to ship a parcel.
const SHIPPING: Duration = Duration::from_millis(40);

/// Ships parcels until `closing`, and reports each.
pub(super) async fn run(
    service: &Service,
    sqs: &SqsEndpoint,
    queues: &Queues,
    report: UnboundedSender<()>,
    closing: CancellationToken,
) -> Result<()> {
    let shipping = Shipping {
        service: service.clone(),
        report,
    };
    Worker::new(service.source(sqs, &queues.parcels)?, shipping)
        .concurrency(4)
        .instrumentation(service.instrumentation())
        .run_until(closing.cancelled())
        .await?;
    Ok(())
}

#[derive(Debug)]
struct Shipping {
    service: Service,
    report: UnboundedSender<()>,
}

impl Handler for Shipping {
    async fn handle(&self, _parcel: Incoming) -> Result<(), Failure> {
        self.service.step("ship", ship()).await?;
        self.report.send(())?;
        Ok(())
    }
}

async fn ship() -> Result<(), Failure> {
    tokio::time::sleep(SHIPPING).await;
    Ok(())
}
