use std::sync::Arc;

use opentelemetry::Context;

use super::facts::{MessageFacts, MessageLink, saturating};
use super::instrumentation::Instrumentation;
use super::links::creation_links;
use super::names::{self, ClientOperation, Op};
use super::process::InHand;
use super::send::Outcome;
use super::span::Live;
use super::start::Start;
use super::started::Started;
use crate::contract::Destination;

/// Who pulls.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Puller {
    /// The application, through a wrapped client: the receive has a span unless switched off.
    Client,
    /// A source of this library, or the broker, which pushes: the receive has a span only if
    /// switched on.
    Source,
}

/// What a receive brought.
#[derive(Clone, Debug)]
pub struct Receive<'a> {
    /// Where from.
    pub destination: &'a Arc<Destination>,
    /// Who pulled.
    pub puller: Puller,
    /// The parent: what is current where the caller receives; an empty context for a source.
    pub parent: &'a Context,
    /// When it began.
    pub started: Started,
    /// The messages, linked at the start, because samplers see no later links.
    pub messages: &'a [MessageLink<'a>],
    /// Whether the call can bring several messages: what is known of each is then on its link, and
    /// else on the span.
    pub batch: bool,
}

/// What a settle span starts with.
#[derive(Clone, Copy, Debug)]
pub struct SettleStart<'a> {
    /// Where the messages came from.
    pub destination: &'a Arc<Destination>,
    /// What is asked of the broker.
    pub operation: ClientOperation,
    /// The parent: what is current where the caller settles; an empty context for the gathered
    /// settles of a worker.
    pub parent: &'a Context,
    /// The messages, where they are known; of a batch of many the first 128 will do, and those left
    /// out are counted. Empty: the message of the process context that `parent` is.
    pub messages: &'a [MessageLink<'a>],
    /// How many messages a batch call settles; `None` for a call that can settle only one.
    pub batch_count: Option<usize>,
    /// The message of a single settle.
    pub facts: MessageFacts<'a>,
}

impl Instrumentation {
    /// Whether a receive has a span, and so its messages links.
    pub fn receive_spans(&self, puller: Puller) -> bool {
        let wanted = self.options().receive_spans;
        self.tracer().is_some() && wanted.unwrap_or(puller == Puller::Client)
    }

    /// Records a receive that is over: its metrics, and its span with its true start. A receive
    /// that was cancelled is not recorded.
    pub fn received(&self, receive: &Receive<'_>, outcome: &Outcome<'_>) {
        let options = self.options();
        let empty = receive.messages.is_empty() && outcome.error.is_none();
        let single = receive.messages.first().filter(|_| !receive.batch);
        let bare = single.map(|message| MessageLink::new(message.creation));
        let linked = bare.as_ref().map_or(receive.messages, std::slice::from_ref);
        let mut live = Live::begin(
            self,
            Start {
                destination: receive.destination,
                op: Op::Receive,
                kind: Op::Receive.kind(),
                parent: receive.parent,
                onto: receive.parent,
                links: creation_links(self, receive.destination.system, linked),
                facts: single.map_or(&MessageFacts::NONE, |message| &message.facts),
                batch_count: receive.batch.then_some(receive.messages.len()),
                started: receive.started.at(),
                clock: receive.started.clock(),
                span: self.receive_spans(receive.puller) && (!empty || options.empty_polls),
            },
        );
        live.is_about(receive.messages.len());
        outcome.end(live);
    }

    /// Starts the span of a settlement, or of a heartbeat.
    pub fn settle(&self, start: &SettleStart<'_>) -> SettleSpan {
        let op = Op::Client(start.operation);
        let mut links = creation_links(self, start.destination.system, start.messages);
        if start.messages.is_empty() {
            links.extend(InHand::links(start.parent));
        }
        let mut live = Live::begin(
            self,
            Start {
                destination: start.destination,
                op,
                kind: op.kind(),
                parent: start.parent,
                onto: start.parent,
                links,
                facts: &start.facts,
                batch_count: start.batch_count,
                started: None,
                clock: None,
                span: self.options().settle_spans,
            },
        );
        let all = start.batch_count.unwrap_or_default();
        let omitted = all.saturating_sub(start.messages.len());
        if omitted > 0 && !start.messages.is_empty() {
            live.set(names::LINKS_OMITTED, saturating(omitted));
        }
        SettleSpan(live)
    }
}

/// The span of a settlement. Dropping it ends it as `cancelled`.
#[derive(Debug)]
#[must_use = "dropping it ends the span as cancelled"]
pub struct SettleSpan(Live);

impl SettleSpan {
    /// Ends the span and records its metrics.
    pub fn end(self, outcome: &Outcome<'_>) {
        outcome.end(self.0);
    }
}
