//! The second worker: it ships the parcels of the first, by Kafka.

use std::time::Duration;

use tokio_util::sync::CancellationToken;
use tracehop::contract::{Message, Sink};
use tracehop::kafka::KafkaSink;
use tracehop::testing::sqs::SqsEndpoint;
use tracehop::worker::{Failure, Handler, Incoming, Worker};

use super::service::Service;
use super::{Queues, Result};

/// How long it takes to ship a parcel.
const SHIPPING: Duration = Duration::from_millis(40);

/// Ships parcels until `closing`.
pub(super) async fn run(
    service: &Service,
    sqs: &SqsEndpoint,
    queues: &Queues,
    shipments: KafkaSink,
    closing: CancellationToken,
) -> Result<()> {
    let shipping = Shipping {
        service: service.clone(),
        shipments,
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
    shipments: KafkaSink,
}

impl Handler for Shipping {
    async fn handle(&self, parcel: Incoming) -> Result<(), Failure> {
        self.service.step("ship", ship()).await?;
        let parcel = parcel.text().unwrap_or_default().to_owned();
        self.shipments.send(Message::new(parcel)).await?;
        Ok(())
    }
}

async fn ship() -> Result<(), Failure> {
    tokio::time::sleep(SHIPPING).await;
    Ok(())
}
