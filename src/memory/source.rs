use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::time::Duration;

use opentelemetry::Context;
use tokio::time::{Instant, sleep_until};
use tokio_util::sync::CancellationToken;

use super::parts::{Fate, Handed};
use super::queue::Queue;
use crate::contract::{
    Capacity, Delivery, Destination, Error, ErrorKind, Operation, Result, Settled, Settlement,
    Source,
};
use crate::telemetry::{
    Instrumentation, MessageFacts, MessageLink, Outcome, Puller, Receive, Started,
};

/// A consumer of one queue of a [`MemoryBroker`](super::MemoryBroker).
///
/// It prefetches nothing: what it yields comes straight out of the queue. Its leases last until
/// it is dropped, and for the queue's visibility time after that.
#[derive(Debug)]
pub struct MemorySource {
    queue: Arc<Queue>,
    instrumentation: Instrumentation,
    consumer: u64,
    per_lane: AtomicUsize,
    closed: CancellationToken,
}

impl MemorySource {
    pub(super) fn new(queue: Arc<Queue>, instrumentation: Instrumentation) -> Self {
        static CONSUMERS: AtomicU64 = AtomicU64::new(0);
        Self {
            queue,
            instrumentation,
            consumer: CONSUMERS.fetch_add(1, Ordering::Relaxed),
            per_lane: AtomicUsize::new(1),
            closed: CancellationToken::new(),
        }
    }

    /// Makes deliveries of what was handed over, and records that they came.
    fn deliver(&self, handed: Vec<Handed>) -> Vec<Delivery<MemoryReceipt>> {
        let started = Started::now();
        let deliveries: Vec<_> = handed.into_iter().map(|one| self.delivery(one)).collect();
        let messages: Vec<_> = deliveries
            .iter()
            .map(|delivery| MessageLink {
                creation: &delivery.context,
                facts: MessageFacts::of(&delivery.message, &delivery.attributes),
            })
            .collect();
        let receive = Receive {
            destination: &self.queue.destination,
            puller: Puller::Source,
            parent: &Context::new(),
            started,
            messages: &messages,
            batch: true,
        };
        self.instrumentation.received(&receive, &Outcome::success());
        deliveries
    }

    fn delivery(&self, handed: Handed) -> Delivery<MemoryReceipt> {
        let receipt = MemoryReceipt {
            queue: Arc::clone(&self.queue),
            tag: Some(handed.tag),
        };
        let destination = Arc::clone(&self.queue.destination);
        let mut delivery = Delivery::new(handed.message, destination, handed.lease, receipt);
        delivery.context = self
            .instrumentation
            .extract(&delivery.destination, &delivery.message.headers);
        delivery.lane = handed.lane;
        delivery.attempt = handed.attempt;
        delivery.received_at = self.queue.clock.now();
        delivery.attributes.enqueued_at = Some(handed.enqueued_at);
        delivery
    }
}

impl Source for MemorySource {
    type Receipt = MemoryReceipt;

    fn destination(&self) -> &Destination {
        &self.queue.destination
    }

    async fn open(&self, capacity: Capacity) -> Result<()> {
        self.queue.check(Operation::Open)?;
        self.per_lane.store(capacity.per_lane, Ordering::Relaxed);
        self.instrumentation.start_consumer(&self.queue.destination);
        Ok(())
    }

    async fn receive(&self, max: usize) -> Result<Vec<Delivery<MemoryReceipt>>> {
        let per_lane = self.per_lane.load(Ordering::Relaxed);
        loop {
            if self.closed.is_cancelled() || max == 0 {
                return Ok(Vec::new());
            }
            let mut changed = std::pin::pin!(self.queue.changed());
            changed.as_mut().enable();
            let (deleted, handed, next) = self.queue.quietly(|state, now| {
                let handed = state.take(max, per_lane, self.consumer, now);
                (state.faults.deleted, handed, state.next_event())
            });
            if !handed.is_empty() {
                return Ok(self.deliver(handed));
            }
            if deleted {
                self.queue.check(Operation::Receive)?;
            }
            tokio::select! {
                biased;
                () = self.closed.cancelled() => {}
                () = changed => {}
                () = until(next) => {}
            }
        }
    }

    async fn settle(&self, mut receipt: MemoryReceipt, how: Settlement) -> Result<Settled> {
        self.queue.check(Operation::Settle)?;
        let fate = match how {
            Settlement::Ack => Fate::Gone,
            Settlement::Nack { delay } => Fate::Again(delay.unwrap_or(Duration::ZERO)),
            Settlement::Release => Fate::AsItWas,
            Settlement::Reject { .. } => Fate::Rejected,
        };
        let settled = self.queue.change(|state, now| {
            if state.faults.settles > 0 {
                state.faults.settles -= 1;
                return None;
            }
            let tag = receipt.tag.take()?;
            Some(state.settle(tag, fate, now))
        });
        match settled {
            Some(true) => Ok(Settled::Done),
            Some(false) => Ok(Settled::LeaseLost),
            None => Err(self.queue.error(
                Operation::Settle,
                ErrorKind::Unavailable,
                "settling was made to fail",
            )),
        }
    }

    async fn close(&self, _deadline: Instant) -> Result<()> {
        self.closed.cancel();
        Ok(())
    }

    async fn backlog(&self) -> Result<Option<u64>, Error> {
        self.queue.check(Operation::Backlog)?;
        Ok(Some(self.queue.read(|state| state.waiting() as u64)))
    }

    fn unready(&self) -> Option<String> {
        self.queue.read(|state| state.faults.outage.clone())
    }
}

impl Drop for MemorySource {
    fn drop(&mut self) {
        self.queue
            .change(|state, now| state.abandon(self.consumer, now));
    }
}

/// What settles a delivery of a [`MemorySource`]. Dropped, it lets the message come again once
/// its lease has ended.
#[derive(Debug)]
pub struct MemoryReceipt {
    queue: Arc<Queue>,
    /// Until it is settled.
    tag: Option<u64>,
}

impl Drop for MemoryReceipt {
    fn drop(&mut self) {
        if let Some(tag) = self.tag {
            self.queue.change(|state, now| state.let_go(tag, now));
        }
    }
}

async fn until(next: Option<Instant>) {
    match next {
        Some(next) => sleep_until(next).await,
        None => std::future::pending().await,
    }
}
