use std::sync::Arc;

use opentelemetry::Context;
use opentelemetry::baggage::BaggageExt;
use opentelemetry::propagation::Extractor;
use opentelemetry::trace::{Link, SpanContext, TraceContextExt};
use tracehop_propagation::RemoteLink;

use super::facts::{MessageFacts, MessageLink, OperationError, saturating};
use super::instrumentation::Instrumentation;
use super::links::{MOST_LINKS, creation_links, creations, link};
use super::names::{self, LinkType, Op};
use super::place::{Place, Scope, parent_of_batch};
use super::span::Live;
use super::start::Start;
use crate::contract::{Destination, Settlement};

/// What a process span starts with.
#[derive(Clone, Debug)]
pub struct ProcessStart<'a> {
    /// Where the message came from.
    pub destination: &'a Arc<Destination>,
    /// The message's creation context, as extracted.
    pub creation: &'a Context,
    /// Which attempt this is, from 1.
    pub attempt: u32,
    /// The process span of the attempt before, where it is known.
    pub previous: Option<SpanContext>,
    /// The message.
    pub facts: MessageFacts<'a>,
    /// What surrounds it.
    pub scope: Scope<'a>,
}

/// How processing ended.
#[derive(Clone, Debug, Default)]
pub struct Processed<'a> {
    /// What becomes of the message, where that is decided.
    pub settlement: Option<&'a Settlement>,
    /// Why it failed.
    pub error: Option<OperationError<'a>>,
    /// Whether the lease was lost meanwhile.
    pub lease_lost: bool,
    /// How many messages of a batch failed.
    pub failed_count: usize,
}

/// The place of a process span, which the OpenTelemetry API cannot read back.
#[derive(Clone, Debug, Default, PartialEq)]
#[non_exhaustive]
pub struct Trace {
    /// The parent; `None` for a root, and where there is no span.
    pub parent: Option<SpanContext>,
    /// The links, in order.
    pub links: Vec<(SpanContext, LinkType)>,
}

impl Trace {
    /// The place of a span, or that of none.
    pub(crate) fn of(shared: Option<&Arc<Self>>) -> &Self {
        static NONE: Trace = Trace {
            parent: None,
            links: Vec::new(),
        };
        shared.map_or(&NONE, |trace| trace)
    }
}

impl Instrumentation {
    /// Reads the context of a message that the user's own loop handles where `current` is current,
    /// for its process span: straight onto `current` where nothing there could be taken for the
    /// message's, since that is then the handler's context but for the span. Nothing is counted.
    pub fn creation_within<'a>(
        &self,
        destination: &Arc<Destination>,
        carrier: &dyn Extractor,
        current: &'a Context,
    ) -> (Context, Scope<'a>) {
        let propagator = self.propagator_for(destination);
        let free = !current.has_active_span()
            && current.baggage().is_empty()
            && RemoteLink::of(current).is_none();
        if free {
            (propagator.extract_onto(current, carrier), Scope::Worker)
        } else {
            (propagator.extract(carrier).context, Scope::Caller(current))
        }
    }

    /// Starts the process span of one message, and records its time in the queue. With no SDK, and
    /// for destinations that are filtered out, the handler's context is the message's own.
    pub fn process(&self, start: &ProcessStart<'_>) -> ProcessSpan {
        let place = Place::of(self.correlation(), start.creation, start.scope);
        let (mut links, mut placed) = (Vec::new(), Vec::new());
        let mut onto = place.onto;
        if self.tracer().is_some() {
            let message = MessageLink {
                creation: start.creation,
                facts: start.facts,
            };
            links = creation_links(self, start.destination.system, &[message]);
            let created = links
                .iter()
                .map(|link| (link.span_context.clone(), LinkType::Creation));
            placed.extend(created);
            let previous = start
                .previous
                .clone()
                .map(|to| (to, LinkType::PreviousAttempt));
            let ambient = place.ambient.map(|to| (to, LinkType::Ambient));
            for (to, link_type) in previous.into_iter().chain(ambient) {
                if to.is_valid() {
                    links.push(link(to.clone(), link_type));
                    placed.push((to, link_type));
                }
            }
            onto = onto.with_value(InHand::new(start.creation));
        }
        let mut live = Live::begin(
            self,
            Start {
                destination: start.destination,
                op: Op::Process,
                kind: Op::Process.kind(),
                parent: &place.parent,
                onto: &onto,
                links,
                facts: &start.facts,
                batch_count: None,
                started: None,
                clock: None,
                span: true,
            },
        );
        live.set(names::ATTEMPT, i64::from(start.attempt));
        if !matches!(start.scope, Scope::Batch(_)) {
            live.queue_time(&start.facts);
        }
        ProcessSpan::new(live, &place.parent, placed)
    }

    /// Starts the process span of a batch: a root, or the child of a local span of a caller's,
    /// that links to each message, up to the SDK's limit of 128, and counts the others in
    /// `tracehop.links.omitted`. Records the messages' time in the queue.
    pub fn process_batch(
        &self,
        destination: &Arc<Destination>,
        scope: Scope<'_>,
        messages: &[MessageLink<'_>],
    ) -> ProcessSpan {
        let parent = parent_of_batch(scope);
        let links = creation_links(self, destination.system, messages);
        let placed = links
            .iter()
            .map(|link| (link.span_context.clone(), LinkType::Creation));
        let placed = placed.collect();
        let live = Live::begin(
            self,
            Start {
                destination,
                op: Op::Process,
                kind: Op::Process.kind(),
                parent: &parent,
                onto: &parent,
                links,
                facts: &MessageFacts::NONE,
                batch_count: Some(messages.len()),
                started: None,
                clock: None,
                span: true,
            },
        );
        for message in messages {
            live.queue_time(&message.facts);
        }
        ProcessSpan::new(live, &parent, placed)
    }
}

/// A process span, of one message or of a batch. Dropping it ends it as `cancelled`.
#[derive(Debug)]
#[must_use = "dropping it ends the span as cancelled"]
pub struct ProcessSpan {
    live: Live,
    /// `None` where there is no span.
    trace: Option<Arc<Trace>>,
}

impl ProcessSpan {
    fn new(live: Live, parent: &Context, mut links: Vec<(SpanContext, LinkType)>) -> Self {
        links.truncate(MOST_LINKS);
        let trace = live.has_span().then(|| {
            let parent = parent.span().span_context().clone();
            let parent = parent.is_valid().then_some(parent);
            Arc::new(Trace { parent, links })
        });
        Self { live, trace }
    }

    /// What the handler runs in: the span, and the message's baggage, whole.
    pub fn context(&self) -> &Context {
        self.live.context()
    }

    /// The span's parent and links.
    pub fn trace(&self) -> &Trace {
        Trace::of(self.trace.as_ref())
    }

    /// The same, for those who outlive the span; `None` where there is none.
    pub fn shared_trace(&self) -> Option<Arc<Trace>> {
        self.trace.clone()
    }

    /// The span itself; `None` where there is none.
    pub fn span_context(&self) -> Option<SpanContext> {
        let span_context = || self.context().span().span_context().clone();
        self.live.has_span().then(span_context)
    }

    /// Says that the message is relayed, on which route, and the how manieth hop that is. Nothing
    /// is made of the route where the span is not recorded.
    pub fn relayed(&mut self, route: impl Into<opentelemetry::StringValue>, hop: u32) {
        self.live.set(names::RELAY_ROUTE, route.into());
        self.live.set(names::RELAY_HOP, i64::from(hop));
    }

    /// Says that a function was invoked with the message or the batch, as AWS Lambda does it.
    pub fn triggers_function(&mut self) {
        self.live.set(names::FAAS_TRIGGER, "pubsub");
    }

    /// Ends the span and records its duration.
    pub fn end(mut self, processed: &Processed<'_>) {
        if let Some(settlement) = processed.settlement {
            self.live.set(names::SETTLEMENT, settlement.as_str());
        }
        if processed.lease_lost {
            self.live.set(names::LEASE_LOST, true);
        }
        if processed.failed_count > 0 {
            let failed = saturating(processed.failed_count);
            self.live.set(names::BATCH_FAILED_COUNT, failed);
        }
        self.live.end(processed.error.as_ref(), 0);
    }
}

/// The creation context of the message that a process span is about, kept in the span's context.
#[derive(Debug)]
pub(super) struct InHand(Context);

impl InHand {
    fn new(creation: &Context) -> Self {
        Self(creation.clone())
    }

    /// Whether the message in hand was created in `span_context`.
    pub(super) fn is(cx: &Context, span_context: &SpanContext) -> bool {
        let in_hand = cx.get::<Self>().into_iter();
        let mut known = in_hand.flat_map(|in_hand| creations(&in_hand.0));
        known.any(|known| {
            known.trace_id() == span_context.trace_id() && known.span_id() == span_context.span_id()
        })
    }

    /// Links to the message in hand.
    pub(super) fn links(cx: &Context) -> impl Iterator<Item = Link> {
        let known = cx.get::<Self>().into_iter();
        let known = known.flat_map(|in_hand| creations(&in_hand.0));
        known.map(|known| link(known, LinkType::Creation))
    }
}
