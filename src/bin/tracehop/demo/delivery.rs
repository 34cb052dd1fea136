//! The last two services: a relay takes shipments from Kafka to the last broker, where the courier's
//! worker delivers them.

use std::time::Duration;

use tokio::sync::mpsc::UnboundedSender;
use tokio_util::sync::CancellationToken;
use tracehop::contract::{Sink, Source};
use tracehop::relay::Relay;
use tracehop::worker::{Failure, Handler, Incoming, Worker};

use super::Result;
use super::doorstep::{self, Doorstep};
use super::highway::Highway;
use super::service::Service;

/// How long it takes to deliver a parcel.
const DELIVERING: Duration = Duration::from_millis(30);

/// How often a worker is asked whether it takes messages yet.
const GLANCE: Duration = Duration::from_millis(20);

/// When to begin and to end, and who hears of deliveries.
pub(super) struct Signals {
    /// Given when the relay takes shipments: a consumer group needs a while to gather.
    pub(super) ready: CancellationToken,
    pub(super) closing: CancellationToken,
    pub(super) report: UnboundedSender<()>,
}

/// Relays and delivers until `closing`, and reports each delivery.
pub(super) async fn run(
    relay: &Service,
    courier: &Service,
    highway: &Highway,
    doorstep: &Doorstep,
    signals: Signals,
) -> Result<()> {
    let Signals {
        ready,
        closing,
        report,
    } = signals;
    let shipments = highway.source(relay)?;
    let handler = Courier {
        service: courier.clone(),
        report,
    };
    match doorstep {
        Doorstep::Rabbit { url, queue } => {
            let sink = doorstep::sink(relay, url, queue)?;
            let source = doorstep::source(courier, url, queue)?;
            let relaying = forward(relay, shipments, sink, &ready, closing.clone());
            let delivering = deliver(courier, source, handler, closing);
            tokio::try_join!(relaying, delivering)?;
        }
        Doorstep::Memory { broker, .. } => {
            let of = |service: &Service| {
                broker
                    .clone()
                    .with_instrumentation(service.instrumentation())
            };
            let sink = of(relay).sink(doorstep.queue());
            let source = of(courier).source(doorstep.queue());
            let relaying = forward(relay, shipments, sink, &ready, closing.clone());
            let delivering = deliver(courier, source, handler, closing);
            tokio::try_join!(relaying, delivering)?;
        }
    }
    Ok(())
}

async fn forward(
    service: &Service,
    from: impl Source,
    to: impl Sink,
    ready: &CancellationToken,
    closing: CancellationToken,
) -> Result<()> {
    let worker = Worker::new(from, Relay::to(to)).instrumentation(service.instrumentation());
    let handle = worker.handle();
    let opened = async {
        while !handle.health().is_ready() {
            tokio::time::sleep(GLANCE).await;
        }
        ready.cancel();
        Ok(())
    };
    tokio::try_join!(worker.run_until(closing.cancelled()), opened)?;
    Ok(())
}

async fn deliver(
    service: &Service,
    from: impl Source,
    courier: Courier,
    closing: CancellationToken,
) -> Result<()> {
    Worker::new(from, courier)
        .concurrency(4)
        .instrumentation(service.instrumentation())
        .run_until(closing.cancelled())
        .await?;
    Ok(())
}

#[derive(Debug)]
struct Courier {
    service: Service,
    report: UnboundedSender<()>,
}

impl Handler for Courier {
    async fn handle(&self, _parcel: Incoming) -> Result<(), Failure> {
        let deliver = async {
            tokio::time::sleep(DELIVERING).await;
            Ok::<_, Failure>(())
        };
        self.service.step("deliver", deliver).await?;
        self.report.send(())?;
        Ok(())
    }
}
