use std::ops::Deref;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use opentelemetry::Context;

use crate::contract::{Attributes, Delivery, Destination, Lane, Lease, Message};
use crate::telemetry::{self, Trace};

/// A message as a handler gets it, with what is known of this delivery. It derefs to the
/// [`Message`].
///
/// Clones share one message, so they cost next to nothing.
#[derive(Clone, Debug)]
pub struct Incoming(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    delivery: Delivery<()>,
    /// `None` where there is no span.
    trace: Option<Arc<Trace>>,
}

impl Incoming {
    pub(crate) fn new(delivery: Delivery<()>, trace: Option<Arc<Trace>>) -> Self {
        Self(Arc::new(Inner { delivery, trace }))
    }

    /// The id of the message: the broker's where it gives one, else the sender's.
    pub fn id(&self) -> Option<&str> {
        self.properties.message_id.as_deref()
    }

    /// Which attempt this is, from 1.
    pub fn attempt(&self) -> u32 {
        self.0.delivery.attempt
    }

    /// How long the message waited, from the broker's timestamp until it came here; `None` where
    /// the broker gives no timestamp, zero where the clocks disagree.
    pub fn queue_time(&self) -> Option<Duration> {
        let enqueued_at = self.attributes().enqueued_at?;
        Some(telemetry::queue_time(enqueued_at, self.received_at()))
    }

    /// When it came.
    pub fn received_at(&self) -> SystemTime {
        self.0.delivery.received_at
    }

    /// As long as the broker counts the delivery as ours.
    pub fn lease(&self) -> &Lease {
        &self.0.delivery.lease
    }

    /// The lane within which order is kept.
    pub fn lane(&self) -> Option<&Lane> {
        self.0.delivery.lane.as_ref()
    }

    /// What it was read from.
    pub fn destination(&self) -> &Arc<Destination> {
        &self.0.delivery.destination
    }

    /// What the broker says of it beside the message.
    pub fn attributes(&self) -> &Attributes {
        &self.0.delivery.attributes
    }

    /// Parent and links of the process span, which the OpenTelemetry API cannot read back.
    pub fn trace(&self) -> &Trace {
        Trace::of(self.0.trace.as_ref())
    }

    /// The creation context and the baggage, as extracted from the message. In a handler the
    /// context of the process span is the current one.
    pub fn creation_context(&self) -> &Context {
        &self.0.delivery.context
    }

    /// The message itself, copied if a clone of this is still around.
    pub fn into_message(self) -> Message {
        Arc::try_unwrap(self.0).map_or_else(
            |shared| shared.delivery.message.clone(),
            |inner| inner.delivery.into_message(),
        )
    }
}

impl Deref for Incoming {
    type Target = Message;

    fn deref(&self) -> &Message {
        &self.0.delivery.message
    }
}
