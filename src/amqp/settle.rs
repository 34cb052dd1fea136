use std::collections::BTreeMap;
use std::future::Future;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use lapin::Acker;
use lapin::message::Delivery;
use lapin::types::DeliveryTag;
use opentelemetry::Context;

use super::error::operation_error;
use crate::contract::{Destination, Server, System};
use crate::telemetry::{
    ClientOperation, Instrumentation, MessageFacts, MessageLink, OperationError, Outcome,
    SettleSpan, SettleStart,
};

/// One call that settles.
#[derive(Clone, Copy, Debug)]
pub(super) struct Settlement {
    pub(super) operation: ClientOperation,
    pub(super) tag: DeliveryTag,
    pub(super) multiple: bool,
}

impl Settlement {
    /// Makes the call in a span that links to what it settles.
    pub(super) async fn trace<T: WasSent>(
        self,
        unsettled: &Unsettled,
        call: impl Future<Output = lapin::Result<T>>,
    ) -> lapin::Result<T> {
        let span = self.start(unsettled);
        let settled = call.await;
        if let Some(span) = span {
            span.end(&match &settled {
                Ok(answer) if answer.was_sent() => Outcome::success(),
                Ok(_) => Outcome::failure(OperationError::other(
                    "the delivery was settled already, or its channel is gone",
                )),
                Err(error) => Outcome::failure(operation_error(error)),
            });
        }
        settled
    }

    /// `None` where nothing records.
    fn start(self, unsettled: &Unsettled) -> Option<SettleSpan> {
        let current = Context::current();
        let instrumentation = &unsettled.instrumentation;
        if !instrumentation.records() || current.is_telemetry_suppressed() {
            return None;
        }
        let settled = unsettled.take(self.tag, self.multiple);
        let messages = settled.iter().map(|(tag, open)| MessageLink {
            creation: &open.creation,
            facts: if self.multiple {
                tagged(*tag)
            } else {
                MessageFacts::NONE
            },
        });
        let messages: Vec<MessageLink<'_>> = messages.collect();
        let last = settled.last().map(|(_, open)| &open.destination);
        Some(instrumentation.settle(&SettleStart {
            destination: last.unwrap_or(&unsettled.unknown),
            operation: self.operation,
            parent: &current,
            messages: &messages,
            batch_count: self.multiple.then_some(messages.len()),
            facts: if self.multiple {
                MessageFacts::NONE
            } else {
                tagged(self.tag)
            },
        }))
    }
}

/// What lapin answers to a settlement.
pub(super) trait WasSent {
    /// Whether anything went to the broker.
    fn was_sent(&self) -> bool;
}

/// Of a settlement by tag.
impl WasSent for () {
    fn was_sent(&self) -> bool {
        true
    }
}

/// Of a delivery's own acker.
impl WasSent for bool {
    fn was_sent(&self) -> bool {
        *self
    }
}

/// The deliveries of one channel that are not settled yet: what a settlement links to, by tag or by
/// all tags up to one.
#[derive(Debug)]
pub(super) struct Unsettled {
    instrumentation: Instrumentation,
    /// Of tags that are not known.
    unknown: Arc<Destination>,
    open: Mutex<BTreeMap<DeliveryTag, Open>>,
}

#[derive(Debug)]
struct Open {
    creation: Context,
    destination: Arc<Destination>,
    /// Poisoned once its channel is gone: tags start at 1 again on the one that recovered.
    acker: Acker,
}

impl Unsettled {
    /// Beyond this many the oldest are forgotten: they were settled past us.
    const MOST: usize = 65_536;

    pub(super) fn new(instrumentation: Instrumentation, server: Option<Server>) -> Self {
        Self {
            instrumentation,
            unknown: Arc::new(Destination {
                server,
                ..Destination::new(System::RabbitMq, "")
            }),
            open: Mutex::default(),
        }
    }

    pub(super) fn insert(
        &self,
        delivery: &Delivery,
        creation: &Context,
        destination: &Arc<Destination>,
    ) {
        let mut open = self.open();
        if open.len() >= Self::MOST {
            open.pop_first();
        }
        let known = Open {
            creation: creation.clone(),
            destination: Arc::clone(destination),
            acker: delivery.acker.clone(),
        };
        open.insert(delivery.delivery_tag, known);
    }

    /// What a settlement of `tag` settles: with `multiple` all up to it, and all there are for 0
    /// (AMQP 0-9-1, `basic.ack`).
    fn take(&self, tag: DeliveryTag, multiple: bool) -> Vec<(DeliveryTag, Open)> {
        let mut open = self.open();
        let settled = match (multiple, tag) {
            (false, _) => open.remove_entry(&tag).into_iter().collect(),
            (true, 0) => std::mem::take(&mut *open),
            (true, _) => {
                let later = open.split_off(&tag.saturating_add(1));
                std::mem::replace(&mut *open, later)
            }
        };
        let settled = settled.into_iter();
        settled.filter(|(_, open)| !open.acker.poisoned()).collect()
    }

    fn open(&self) -> MutexGuard<'_, BTreeMap<DeliveryTag, Open>> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn tagged(tag: DeliveryTag) -> MessageFacts<'static> {
    MessageFacts {
        delivery_tag: Some(tag),
        ..MessageFacts::NONE
    }
}
