use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use tokio::time::Instant;
use tracehop::contract::{
    Capacity, Delivery, Destination, Lease, Result, Settled, Settlement, Source,
};
use tracehop::memory::{MemoryReceipt, MemorySource};

use crate::plan::Reject;
use crate::world::{Answer, World};

/// The memory source, with an eye on what the worker does with it.
pub(crate) struct Watched {
    source: MemorySource,
    world: World,
    reject: Reject,
    max_attempts: Option<u32>,
    slots: usize,
    held: Arc<AtomicUsize>,
}

pub(crate) struct Receipt {
    inner: MemoryReceipt,
    id: String,
    attempt: u32,
    lease: Lease,
    _held: Held,
}

impl Watched {
    pub(crate) fn new(
        source: MemorySource,
        world: World,
        reject: Reject,
        max_attempts: Option<u32>,
        slots: usize,
    ) -> Self {
        Self {
            source,
            world,
            reject,
            max_attempts,
            slots,
            held: Arc::default(),
        }
    }

    fn watch(&self, delivery: Delivery<MemoryReceipt>) -> Delivery<Receipt> {
        let held = self.held.fetch_add(1, Ordering::Relaxed) + 1;
        self.world.check(held <= self.slots, || {
            format!("{held} deliveries held instead of {}", self.slots)
        });
        let (delivery, inner) = delivery.with_receipt(());
        let receipt = Receipt {
            inner,
            id: delivery.message.properties.message_id.clone().unwrap(),
            attempt: delivery.attempt,
            lease: delivery.lease.clone(),
            _held: Held(Arc::clone(&self.held)),
        };
        delivery.with_receipt(receipt).0
    }

    /// Whether the handler's answer allows the settlement.
    fn allowed(&self, receipt: &Receipt, how: &Settlement) -> bool {
        let answer = self.world.answered(&receipt.id, receipt.attempt);
        let last = self.max_attempts.is_some_and(|max| receipt.attempt >= max);
        let rejected = answer == Some(Answer::Reject) || (answer == Some(Answer::Failure) && last);
        match how {
            Settlement::Ack => {
                answer == Some(Answer::Success) || (rejected && self.reject != Reject::Broker)
            }
            Settlement::Reject { .. } => rejected && self.reject == Reject::Broker,
            _ => true,
        }
    }
}

impl Source for Watched {
    type Receipt = Receipt;

    fn destination(&self) -> &Destination {
        self.source.destination()
    }

    async fn open(&self, capacity: Capacity) -> Result<()> {
        self.source.open(capacity).await
    }

    async fn receive(&self, max: usize) -> Result<Vec<Delivery<Receipt>>> {
        let deliveries = self.source.receive(max).await?;
        Ok(deliveries.into_iter().map(|one| self.watch(one)).collect())
    }

    async fn settle(&self, receipt: Receipt, how: Settlement) -> Result<Settled> {
        let Receipt { id, attempt, .. } = &receipt;
        self.world
            .note(|| format!("settle {id} attempt {attempt}: {}", how.as_str()));
        self.world.check(!receipt.lease.is_lost(), || {
            format!("{id}: {} after its lease was lost", how.as_str())
        });
        self.world.check(self.allowed(&receipt, &how), || {
            format!("{id}: {} against its handler's answer", how.as_str())
        });
        let answer = self.world.answered(id, *attempt);
        let discarded = how == Settlement::Ack && answer != Some(Answer::Success);
        let gone = matches!(how, Settlement::Ack | Settlement::Reject { .. });
        let id = id.clone();
        let settled = self.source.settle(receipt.inner, how).await?;
        if settled == Settled::Done && gone {
            self.world.settled(&id);
            if discarded && self.reject == Reject::Discard {
                self.world.lock().discarded.insert(id);
            }
        }
        Ok(settled)
    }

    async fn close(&self, deadline: Instant) -> Result<()> {
        self.source.close(deadline).await
    }

    async fn backlog(&self) -> Result<Option<u64>> {
        self.source.backlog().await
    }

    fn unready(&self) -> Option<String> {
        self.source.unready()
    }
}

struct Held(Arc<AtomicUsize>);

impl Drop for Held {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}
