use std::sync::Arc;

use bytes::Bytes;
use lapin::BasicProperties;
use lapin::types::ShortString;
use opentelemetry::Context;
use tokio::sync::oneshot;
use tracehop_amqp::{Budget, HeaderInjector};

use crate::amqp::destination::Destinations;
use crate::amqp::mapping::to_amqp;
use crate::amqp::send::Sender;
use crate::contract::{Destination, Error, ErrorKind, Message, Operation, Result, Sent};
use crate::telemetry::{Instrumentation, SendSpan};

/// Turns messages into what is published, with their spans and their context.
#[derive(Debug)]
pub(super) struct Encoder {
    pub(super) exchange: ShortString,
    /// Of every message, where it is fixed.
    pub(super) routing_key: Option<String>,
    pub(super) persistent: bool,
    pub(super) destinations: Destinations,
    pub(super) instrumentation: Instrumentation,
}

/// A message on its way.
#[derive(Debug)]
pub(super) struct Pending {
    pub(super) envelope: Envelope,
    /// Of the header frame.
    pub(super) frame_bytes: usize,
    pub(super) letter: Letter,
}

/// What is published.
#[derive(Debug)]
pub(super) struct Envelope {
    pub(super) routing_key: ShortString,
    pub(super) properties: BasicProperties,
    pub(super) payload: Bytes,
}

/// What is left to do for a message once the broker has spoken.
#[derive(Debug)]
pub(super) struct Letter {
    pub(super) destination: Arc<Destination>,
    pub(super) message_id: String,
    pub(super) payload_bytes: usize,
    pub(super) span: SendSpan,
    pub(super) answer: oneshot::Sender<Result<Sent>>,
}

impl Encoder {
    /// Encodes a message for the caller whose context is `parent`, and starts its span.
    pub(super) fn encode(
        &self,
        mut message: Message,
        parent: &Context,
        sink: &Destination,
        answer: oneshot::Sender<Result<Sent>>,
    ) -> Result<Pending> {
        // What a return is known by, and the next attempt.
        let fresh = || format!("{:032x}", fastrand::u128(..));
        let message_id = message
            .properties
            .message_id
            .get_or_insert_with(fresh)
            .clone();
        let (routing_key, mut properties, payload) = to_amqp(message, self.routing_key.as_deref())
            .map_err(|refused| Error::new(Operation::Send, sink, ErrorKind::Payload, refused.0))?;
        if !self.persistent {
            properties = properties.with_delivery_mode(TRANSIENT);
        }
        let destination = self.destinations.get(&self.exchange, &routing_key);
        let sender = Sender {
            instrumentation: &self.instrumentation,
            destination: &destination,
            budget: Budget::default(),
            current: parent,
        };
        let span = sender.send(&mut properties, payload.len());
        let propagator = self.instrumentation.propagator_for(&destination);
        let measure = HeaderInjector::new(&*propagator, &mut properties, Budget::default());
        Ok(Pending {
            frame_bytes: measure.finish().frame_bytes,
            letter: Letter {
                destination,
                message_id,
                payload_bytes: payload.len(),
                span,
                answer,
            },
            envelope: Envelope {
                routing_key,
                properties,
                payload,
            },
        })
    }
}

/// `delivery-mode` of messages that a restart of the broker may lose.
const TRANSIENT: u8 = 1;
