use std::sync::Arc;

use aws_sdk_sqs::types::SendMessageBatchRequestEntry;
use opentelemetry::baggage::BaggageExt;
use opentelemetry::propagation::TextMapPropagator;
use opentelemetry::trace::TraceContextExt;
use opentelemetry::{Context, trace::SpanContext};
use tokio::sync::oneshot;
use tracehop_sqs::{Budget, Outgoing as _};

use super::Answer;
use crate::contract::{Destination, Lane, Message, Result};
use crate::sqs::context;
use crate::sqs::entry::{self, MOST_HEADERS, Rules};
use crate::telemetry::{CreateSpan, Instrumentation, MessageFacts, Outgoing};

/// Turns messages into entries, with their spans and their context.
#[derive(Clone, Debug)]
pub(super) struct Encoder {
    pub(super) destination: Arc<Destination>,
    pub(super) instrumentation: Instrumentation,
    pub(super) rules: Rules,
    pub(super) gather: bool,
    pub(super) budget: Budget,
}

/// A message that SQS can carry, before it has a context of ours.
#[derive(Debug)]
pub(super) struct Encoded {
    entry: SendMessageBatchRequestEntry,
    /// The creation context that the user put on it, baggage and all.
    users: Option<Context>,
}

/// A message on its way.
#[derive(Debug)]
pub(super) struct Pending {
    pub(super) entry: SendMessageBatchRequestEntry,
    pub(super) lane: Option<Lane>,
    pub(super) create: Option<CreateSpan>,
    /// What stands on it, for the link of the send span; in a call of its own, where that span
    /// creates it, nothing yet.
    pub(super) creation: Option<Context>,
    /// The caller's context.
    pub(super) parent: Context,
    pub(super) budget: Budget,
    pub(super) answer: oneshot::Sender<Answer>,
    pub(super) tries: u32,
}

impl Pending {
    /// Bytes of the body and of the attributes.
    pub(super) fn bytes(&self) -> usize {
        self.entry.bytes()
    }
}

impl Encoder {
    /// Encodes a message for the caller whose context is `parent`.
    pub(super) fn encode(&self, mut message: Message, parent: &Context) -> Result<Encoded> {
        let propagator = self.instrumentation.propagator();
        let existing = propagator.extract(&message.headers).context;
        let outgoing = Instrumentation::outgoing(&existing, parent);
        // Fields that are written anew take no place from the user's headers.
        if outgoing == Outgoing::Stale || message.headers.len() > MOST_HEADERS {
            for field in propagator.fields() {
                message.headers.remove(field);
            }
        }
        let users = match outgoing {
            Outgoing::Users(creation) => Some(users_context(existing, creation, parent)),
            Outgoing::Unmarked | Outgoing::Stale => None,
        };
        let entry = entry::entry(message, self.rules, &self.destination)?;
        Ok(Encoded { entry, users })
    }

    /// Starts the create span of a message that is gathered, and writes its context.
    pub(super) fn pending(
        &self,
        encoded: Encoded,
        parent: &Context,
        answer: oneshot::Sender<Answer>,
    ) -> Pending {
        let Encoded { mut entry, users } = encoded;
        let lane = self.rules.fifo.then(|| entry.message_group_id.clone());
        let create =
            (self.gather && users.is_none() && self.instrumentation.create_spans()).then(|| {
                let facts = MessageFacts::default().with_body_size(entry.message_body.len());
                self.instrumentation
                    .create(&self.destination, parent, &facts)
            });
        let (creation, keep) = match (&create, users) {
            (Some(create), _) => (Some(create.context().clone()), false),
            (None, Some(users)) => (Some(users), true),
            // A gathered send has no one caller whose context could go onto all.
            (None, None) if self.gather => (Some(parent.clone()), false),
            (None, None) => (None, false),
        };
        if let Some(creation) = &creation {
            let inst = &self.instrumentation;
            context::inject(
                inst,
                &self.destination,
                creation,
                &mut entry,
                self.budget,
                keep,
            );
        }
        Pending {
            entry,
            lane: lane.flatten().map(Lane::new),
            create,
            creation,
            parent: parent.clone(),
            budget: self.budget,
            answer,
            tries: 0,
        }
    }
}

/// The user's creation context, with the caller's baggage where it has none.
fn users_context(existing: Context, creation: SpanContext, parent: &Context) -> Context {
    if existing.baggage().is_empty() {
        parent.with_remote_span_context(creation)
    } else {
        existing
    }
}
