use std::sync::Arc;
use std::time::SystemTime;

use opentelemetry::Context;
use opentelemetry::trace::{SpanContext, SpanKind, TraceContextExt};

use super::facts::{MessageFacts, MessageLink, OperationError, saturating};
use super::instrumentation::Instrumentation;
use super::links::creation_links;
use super::names::{self, Op};
use super::process::InHand;
use super::span::Live;
use super::start::Start;
use crate::contract::Destination;

/// What the context that already stands on an outgoing message is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outgoing {
    /// There is none, or an invalid one: the message gets ours.
    Unmarked,
    /// The one of the message in hand, which is being forwarded: it is replaced.
    Stale,
    /// The user's: its fields stay, formats that are missing are filled from it, baggage is added
    /// only if absent, and the send span is a client's and links to it.
    Users(SpanContext),
}

/// What a send span starts with.
#[derive(Clone, Copy, Debug)]
pub struct SendStart<'a> {
    /// Where the messages go.
    pub destination: &'a Arc<Destination>,
    /// The parent: what is current where the caller sends, or an empty context for a root.
    pub parent: &'a Context,
    /// How many messages a batch call sends; `None` for a call that can send only one.
    pub batch_count: Option<usize>,
    /// Whether the span's own context goes onto messages as their creation context: a producer
    /// span then, else a client's.
    pub creation: bool,
    /// The creation contexts that stand on the messages by themselves: those of create spans, and
    /// those of the user.
    pub messages: &'a [MessageLink<'a>],
    /// The message of a single send.
    pub facts: MessageFacts<'a>,
}

/// How a create, send, receive or settle ended.
#[derive(Clone, Debug, Default)]
pub struct Outcome<'a> {
    /// Why it failed. For a batch of which some entries failed,
    /// [`OperationError::shared`].
    pub error: Option<OperationError<'a>>,
    /// How many entries of a batch failed; with an error and 0, all did.
    pub failed_count: usize,
    /// The AWS request id.
    pub request_id: Option<&'a str>,
    /// What the broker said of a single message.
    pub facts: MessageFacts<'a>,
}

impl<'a> Outcome<'a> {
    /// Success, with nothing else known.
    pub fn success() -> Self {
        Self::default()
    }

    /// Failure as a whole.
    pub fn failure(error: OperationError<'a>) -> Self {
        Self {
            error: Some(error),
            ..Self::default()
        }
    }

    /// Success or failure, as a result says.
    pub fn of<T>(result: Result<T, OperationError<'a>>) -> Self {
        result.map_or_else(Self::failure, |_| Self::success())
    }

    pub(super) fn end(&self, mut live: Live) {
        if let Some(id) = self.request_id {
            live.set(names::AWS_REQUEST_ID, id.to_owned());
        }
        if self.failed_count > 0 {
            live.set(names::BATCH_FAILED_COUNT, saturating(self.failed_count));
        }
        live.describe(&self.facts);
        live.end(self.error.as_ref(), self.failed_count);
    }
}

impl Instrumentation {
    /// Starts the create span of one message of a batch. Its context goes onto the message. Ask
    /// [`create_spans`](Self::create_spans) first.
    pub fn create(
        &self,
        destination: &Arc<Destination>,
        parent: &Context,
        facts: &MessageFacts<'_>,
    ) -> CreateSpan {
        CreateSpan(Live::begin(
            self,
            Start {
                destination,
                op: Op::Create,
                kind: Op::Create.kind(),
                parent,
                onto: parent,
                links: Vec::new(),
                facts,
                batch_count: None,
                started: None,
                clock: None,
                span: true,
            },
        ))
    }

    /// Starts the span of a send.
    pub fn send(&self, start: &SendStart<'_>) -> SendSpan {
        let kind = if start.creation {
            SpanKind::Producer
        } else {
            Op::Send.kind()
        };
        let started = start.batch_count.map(|_| SystemTime::now());
        let live = Live::begin(
            self,
            Start {
                destination: start.destination,
                op: Op::Send,
                kind,
                parent: start.parent,
                onto: start.parent,
                links: creation_links(self, start.destination.system, start.messages),
                facts: &start.facts,
                batch_count: start.batch_count,
                started,
                clock: None,
                span: true,
            },
        );
        SendSpan { live, started }
    }

    /// Decides what the context on an outgoing message is, by what is current where it is sent.
    pub fn outgoing(existing: &Context, current: &Context) -> Outgoing {
        let existing = existing.span().span_context().clone();
        if !existing.is_valid() {
            return Outgoing::Unmarked;
        }
        // Without an SDK the message's own context is what is current.
        let passing = *current.span().span_context() == existing;
        if passing || InHand::is(current, &existing) {
            return Outgoing::Stale;
        }
        Outgoing::Users(existing)
    }
}

/// The create span of one message. Dropping it ends it as `cancelled`.
#[derive(Debug)]
#[must_use = "dropping it ends the span as cancelled"]
pub struct CreateSpan(Live);

impl CreateSpan {
    /// What goes onto the message: the span's context, else the parent's.
    pub fn context(&self) -> &Context {
        self.0.context()
    }

    /// Says when its send began, which is when it ends, by whichever way. Default, and for `None`:
    /// when it is ended.
    pub fn sending(&mut self, at: Option<SystemTime>) {
        self.0.ends_at(at);
    }

    /// Ends the span with what became of its message.
    pub fn end(self, outcome: &Outcome<'_>) {
        outcome.end(self.0);
    }
}

/// The span of a send. Dropping it ends it as `cancelled`.
#[derive(Debug)]
#[must_use = "dropping it ends the span as cancelled"]
pub struct SendSpan {
    live: Live,
    started: Option<SystemTime>,
}

impl SendSpan {
    /// What goes onto messages that have no create span: the span's context, else the parent's.
    pub fn context(&self) -> &Context {
        self.live.context()
    }

    /// What there is to end once its context has been written: nothing where nobody hears of it.
    /// Boxed, since many sends wait for their answers at a time, and most may not be recorded.
    pub fn pending(self) -> Option<Box<Self>> {
        let Self { live, started } = self;
        let live = live.pending()?;
        Some(Box::new(Self { live, started }))
    }

    /// When it began, for [`CreateSpan::sending`]; `None` for a single send, whose message has no
    /// create span.
    pub fn started(&self) -> Option<SystemTime> {
        self.started
    }

    /// Ends the span and records its metrics.
    pub fn end(self, outcome: &Outcome<'_>) {
        outcome.end(self.live);
    }
}
