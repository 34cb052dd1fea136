//! What a worker and its source and sinks count.

use std::sync::Arc;

use opentelemetry::KeyValue;

use super::instrumentation::{Instrumentation, with};
use super::names;
use super::prepared::Prepared;
use crate::contract::{Destination, Settlement};

impl Instrumentation {
    /// Counts a delivery that a worker settled.
    pub fn settled(&self, destination: &Arc<Destination>, how: &Settlement) {
        if let Some((metrics, prepared)) = self.counters(destination) {
            let how = KeyValue::new(names::SETTLEMENT, how.as_str());
            metrics.settled.add(1, &with(&prepared.metric, [how]));
        }
    }

    /// Counts a delivery whose lease was lost before it was settled.
    pub fn lease_lost(&self, destination: &Arc<Destination>) {
        if let Some((metrics, prepared)) = self.counters(destination) {
            metrics.leases_lost.add(1, &prepared.metric);
        }
    }

    /// Counts a delivery as in hand until the answer is dropped; `None` where that is not counted.
    #[must_use = "the delivery is in hand as long as this lives"]
    pub fn in_flight(&self, destination: &Arc<Destination>) -> Option<InFlight> {
        let (metrics, prepared) = self.counters(destination)?;
        metrics.in_flight.add(1, &prepared.metric);
        let instrumentation = self.clone();
        Some(InFlight {
            instrumentation,
            prepared,
        })
    }

    /// Starts the counters of a consumer at 0, so that the first one counted is seen as a rise.
    pub fn start_consumer(&self, destination: &Arc<Destination>) {
        let Some((metrics, prepared)) = self.counters(destination) else {
            return;
        };
        let zero = [&metrics.extracted, &metrics.missing, &metrics.leases_lost];
        for counter in zero {
            counter.add(0, &prepared.metric);
        }
        metrics.in_flight.add(0, &prepared.metric);
        let receive = prepared.operation(names::Op::Receive);
        metrics.consumed_messages.add(0, &receive.metric);
        for how in ["ack", "nack", "release", "reject"] {
            let how = KeyValue::new(names::SETTLEMENT, how);
            metrics.settled.add(0, &with(&prepared.metric, [how]));
        }
    }

    /// Starts the counters of a producer at 0, so that the first one counted is seen as a rise.
    pub fn start_producer(&self, destination: &Arc<Destination>) {
        if let Some((metrics, prepared)) = self.counters(destination) {
            metrics.injected.add(0, &prepared.metric);
            let send = prepared.operation(names::Op::Send);
            metrics.sent_messages.add(0, &send.metric);
        }
    }
}

/// A delivery in hand; dropping it takes it off the count again.
#[derive(Debug)]
pub struct InFlight {
    instrumentation: Instrumentation,
    prepared: Arc<Prepared>,
}

impl Drop for InFlight {
    fn drop(&mut self) {
        if let Some(metrics) = self.instrumentation.metrics() {
            metrics.in_flight.add(-1, &self.prepared.metric);
        }
    }
}
