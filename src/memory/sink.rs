use std::sync::Arc;

use opentelemetry::Context;
use opentelemetry::propagation::{Extractor, Injector};
use tracehop_propagation::owns;

use super::queue::Queue;
use crate::contract::{
    Attributes, Confirm, Destination, ErrorKind, Headers, Message, Operation, Result, Sent, Sink,
};
use crate::telemetry::{
    Instrumentation, MessageFacts, MessageLink, OperationError, Outcome, Outgoing, SendStart,
};

/// A producer to one queue of a [`MemoryBroker`](super::MemoryBroker). It always has room, and a
/// message is in the queue before its confirm is awaited.
#[derive(Clone, Debug)]
pub struct MemorySink {
    queue: Arc<Queue>,
    instrumentation: Instrumentation,
}

impl MemorySink {
    pub(super) fn new(queue: Arc<Queue>, instrumentation: Instrumentation) -> Self {
        Self {
            queue,
            instrumentation,
        }
    }

    fn publish(&self, message: Message) -> Result<Sent> {
        self.queue.check(Operation::Send)?;
        let failing = self.queue.quietly(|state, _| {
            let failing = state.faults.sends > 0;
            state.faults.sends -= usize::from(failing);
            failing
        });
        if failing {
            let why = "sending was made to fail";
            return Err(self
                .queue
                .error(Operation::Send, ErrorKind::Unavailable, why));
        }
        Ok(Sent {
            message_id: Some(self.queue.add(message)),
            ..Sent::default()
        })
    }

    /// Writes the context of the send onto the message: over what stands there, or around what
    /// the user put there.
    fn mark(&self, outgoing: &Outgoing, cx: &Context, headers: &mut Headers) {
        let destination = &self.queue.destination;
        match outgoing {
            Outgoing::Users(_) => {
                let mut around = Around(headers);
                self.instrumentation.inject(destination, cx, &mut around);
            }
            Outgoing::Stale | Outgoing::Unmarked => {
                if *outgoing == Outgoing::Stale {
                    let propagator = self.instrumentation.propagator_for(destination);
                    headers.retain(|name, _| !owns(&*propagator, name));
                }
                self.instrumentation.inject(destination, cx, headers);
            }
        }
    }
}

impl Sink for MemorySink {
    fn destination(&self) -> &Destination {
        &self.queue.destination
    }

    async fn enqueue(&self, mut message: Message, parent: &Context) -> Result<Confirm> {
        let propagator = self.instrumentation.propagator_for(&self.queue.destination);
        let existing = propagator.extract(&message.headers);
        let outgoing = Instrumentation::outgoing(&existing.context, parent);
        let users = matches!(outgoing, Outgoing::Users(_));
        let link = [MessageLink::new(&existing.context)];
        let span = self.instrumentation.send(&SendStart {
            destination: &self.queue.destination,
            parent,
            batch_count: None,
            creation: !users,
            messages: if users { &link } else { &[] },
            facts: MessageFacts::of(&message, &Attributes::default()),
        });
        if !parent.is_telemetry_suppressed() {
            let cx = if users {
                &existing.context
            } else {
                span.context()
            };
            self.mark(&outgoing, cx, &mut message.headers);
        }
        let published = self.publish(message);
        let facts = MessageFacts::NONE;
        span.end(&match &published {
            Ok(sent) => Outcome {
                facts: facts.with_id(sent.message_id.as_deref()),
                ..Outcome::success()
            },
            Err(error) => Outcome::failure(OperationError::from(error)),
        });
        Ok(Confirm::new(std::future::ready(published)))
    }
}

/// Adds fields and replaces none.
struct Around<'a>(&'a mut Headers);

impl Injector for Around<'_> {
    fn set(&mut self, key: &str, value: String) {
        if Extractor::get(self.0, key).is_none() {
            self.0.append(key.to_owned(), value);
        }
    }
}
