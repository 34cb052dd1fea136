use std::sync::Arc;

use aws_sdk_sqs::types::SendMessageBatchRequestEntry;
use opentelemetry::Context;
use tokio::sync::oneshot;
use tracehop_propagation::owns;
use tracehop_sqs::{Budget, DropReason, LINEAGE, Outgoing as _};

use super::Answer;
use crate::aws::{Created, Sender};
use crate::contract::{Destination, Lane, Message, Result};
use crate::sqs::entry::{self, MOST_HEADERS, Rules};
use crate::telemetry::{Instrumentation, Outgoing};

/// Turns messages into entries, with their spans and their context.
#[derive(Clone, Debug)]
pub(super) struct Encoder {
    pub(super) destination: Arc<Destination>,
    pub(super) instrumentation: Instrumentation,
    pub(super) rules: Rules,
    pub(super) gather: bool,
    pub(super) budget: Budget,
}

/// A message on its way.
#[derive(Debug)]
pub(super) struct Pending {
    pub(super) entry: SendMessageBatchRequestEntry,
    pub(super) lane: Option<Lane>,
    /// Its creation context, where it is gathered; else its send span creates it.
    pub(super) created: Option<Created>,
    /// The caller's context.
    pub(super) parent: Context,
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
    pub(super) fn encode(
        &self,
        mut message: Message,
        parent: &Context,
    ) -> Result<SendMessageBatchRequestEntry> {
        if message.headers.len() >= MOST_HEADERS {
            self.make_room(&mut message, parent);
        }
        entry::entry(message, self.rules, &self.destination)
    }

    /// Takes the message on, and gives it its creation context where it is gathered.
    pub(super) fn pending(
        &self,
        mut entry: SendMessageBatchRequestEntry,
        parent: &Context,
        answer: oneshot::Sender<Answer>,
    ) -> Pending {
        let group = entry.message_group_id.clone();
        let body_size = entry.message_body.len();
        let created = self
            .gather
            .then(|| self.sender(parent).create(&mut entry, body_size));
        Pending {
            entry,
            lane: group.filter(|_| self.rules.fifo).map(Lane::new),
            created,
            parent: parent.clone(),
            answer,
            tries: 0,
        }
    }

    /// What writes spans and context for the caller whose context is `current`.
    pub(super) fn sender<'a>(&'a self, current: &'a Context) -> Sender<'a> {
        Sender {
            instrumentation: &self.instrumentation,
            destination: &self.destination,
            budget: self.budget,
            current,
        }
    }

    /// Takes off propagation fields that will be written anew, as far as they fit, and then of the
    /// lineage headers what finds no room: they are none of the user's headers.
    fn make_room(&self, message: &mut Message, parent: &Context) {
        let propagator = self.instrumentation.propagator_for(&self.destination);
        let existing = propagator.extract(&message.headers).context;
        if !matches!(
            Instrumentation::outgoing(&existing, parent),
            Outgoing::Users(_)
        ) {
            message.headers.retain(|name, _| !owns(&*propagator, name));
        }
        let most = MOST_HEADERS - usize::from(entry::adds_header(message, self.rules));
        for name in LINEAGE.into_iter().rev() {
            if message.headers.len() > most && message.headers.remove(name) {
                let dropped = [(name, DropReason::Slots.as_str())];
                self.instrumentation.dropped(&self.destination, dropped);
            }
        }
    }
}
