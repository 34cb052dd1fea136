use std::fmt::{self, Display};
use std::future::Future;
use std::ops::Deref;
use std::sync::{Arc, OnceLock};

use lapin::message::Delivery;
use lapin::options::{BasicAckOptions, BasicNackOptions, BasicRejectOptions};
use lapin::types::MessageCount;
use opentelemetry::Context;
use opentelemetry::propagation::Extractor as _;
use tracehop_amqp::HeaderExtractor;

use super::attempt::attempt;
use super::facts;
use super::receiver::Receiver;
use super::settle::Settlement;
use crate::contract::Destination;
use crate::telemetry::{self, ClientOperation, PREVIOUS, ProcessSpan, ProcessStart, Scope};

/// A [`Delivery`] whose handling and settlement are traced. All else is reached through [`Deref`].
pub struct TracedDelivery {
    delivery: Delivery,
    destination: Arc<Destination>,
    /// The context that the message brings, once it has been read.
    creation: OnceLock<Context>,
    receiver: Arc<Receiver>,
}

impl TracedDelivery {
    pub(super) fn new(
        delivery: Delivery,
        destination: Arc<Destination>,
        creation: OnceLock<Context>,
        receiver: Arc<Receiver>,
    ) -> Self {
        Self {
            delivery,
            destination,
            creation,
            receiver,
        }
    }

    /// Runs `handler` in a `process {destination}` span around exactly the handling of this message.
    ///
    /// The span links to the message's creation context. If a local span is current where the
    /// future is first polled, that is its parent; else
    /// [`Correlation`](crate::telemetry::Correlation) decides. The process context is current in
    /// the handler, with the message's baggage as its own; spans and publishes in it belong to the
    /// message. A dead letter also links to the last attempt, where it carries that.
    ///
    /// An error stands on the span and is handed on; so is a panic. Dropping the future ends the
    /// span as `cancelled`. Nothing is settled.
    ///
    /// # Errors
    /// The handler's own.
    pub async fn process<F, T, E>(&self, handler: F) -> Result<T, E>
    where
        F: Future<Output = Result<T, E>>,
        E: Display,
    {
        self.processing().run(handler).await
    }

    /// The context that the message brings: the remote span context and the baggage, and nothing of
    /// what is current.
    pub fn extract_context(&self) -> Context {
        self.creation().clone()
    }

    /// Where the message came from.
    pub fn destination(&self) -> &Arc<Destination> {
        &self.destination
    }

    /// Acknowledges as [`Acker::ack`](lapin::Acker::ack) does.
    ///
    /// # Errors
    /// lapin's own.
    pub async fn ack(&self, options: BasicAckOptions) -> lapin::Result<bool> {
        let settlement = self.settlement(ClientOperation::Ack, options.multiple);
        let call = self.delivery.ack(options);
        settlement.trace(&self.receiver.unsettled, call).await
    }

    /// Refuses as [`Acker::nack`](lapin::Acker::nack) does.
    ///
    /// # Errors
    /// lapin's own.
    pub async fn nack(&self, options: BasicNackOptions) -> lapin::Result<bool> {
        let settlement = self.settlement(ClientOperation::Nack, options.multiple);
        let call = self.delivery.nack(options);
        settlement.trace(&self.receiver.unsettled, call).await
    }

    /// Rejects as [`Acker::reject`](lapin::Acker::reject) does.
    ///
    /// # Errors
    /// lapin's own.
    pub async fn reject(&self, options: BasicRejectOptions) -> lapin::Result<bool> {
        let settlement = self.settlement(ClientOperation::Reject, false);
        let call = self.delivery.reject(options);
        settlement.trace(&self.receiver.unsettled, call).await
    }

    /// lapin's delivery, whose settlement is not traced.
    pub fn into_inner(self) -> Delivery {
        self.delivery
    }

    /// What the message carried was counted when it was handed over, and is not counted again.
    fn creation(&self) -> &Context {
        self.creation.get_or_init(|| {
            let carrier = HeaderExtractor::from(&self.delivery.properties);
            self.receiver
                .instrumentation
                .propagator_for(&self.destination)
                .extract(&carrier)
                .context
        })
    }

    fn processing(&self) -> ProcessSpan {
        let carrier = HeaderExtractor::from(&self.delivery.properties);
        self.receiver.instrumentation.process(&ProcessStart {
            destination: &self.destination,
            creation: self.creation(),
            attempt: attempt(&self.delivery, self.receiver.queue.name.as_str()),
            previous: carrier.get(PREVIOUS).and_then(telemetry::previous),
            facts: facts::facts(&self.delivery, &carrier),
            scope: Scope::Caller(&Context::current()),
        })
    }

    fn settlement(&self, operation: ClientOperation, multiple: bool) -> Settlement {
        Settlement {
            operation,
            tag: self.delivery.delivery_tag,
            multiple,
        }
    }
}

impl Deref for TracedDelivery {
    type Target = Delivery;

    fn deref(&self) -> &Delivery {
        &self.delivery
    }
}

/// Neither payload nor headers, which are the user's data.
impl fmt::Debug for TracedDelivery {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TracedDelivery")
            .field("delivery_tag", &self.delivery.delivery_tag)
            .field("destination", &self.destination)
            .finish_non_exhaustive()
    }
}

/// What a `basic_get` brought: a [`BasicGetMessage`](lapin::message::BasicGetMessage) whose
/// delivery is traced.
#[derive(Debug)]
pub struct TracedGetMessage {
    /// The message.
    pub delivery: TracedDelivery,
    /// How many messages are left in the queue.
    pub message_count: MessageCount,
}

impl Deref for TracedGetMessage {
    type Target = TracedDelivery;

    fn deref(&self) -> &TracedDelivery {
        &self.delivery
    }
}
