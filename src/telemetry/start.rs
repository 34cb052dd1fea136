use std::sync::Arc;
use std::time::{Instant, SystemTime};

use opentelemetry::baggage::BaggageExt;
use opentelemetry::global::BoxedSpan;
use opentelemetry::trace::{Link, Span as _, SpanBuilder, SpanKind, Tracer as _};
use opentelemetry::{Context, KeyValue};

use super::facts::{MessageFacts, saturating};
use super::guarded;
use super::instrumentation::Instrumentation;
use super::links::MOST_LINKS;
use super::names::{self, Op};
use super::options::Options;
use super::prepared::Prepared;
use crate::contract::Destination;

/// Room for the attributes that a recorded span gets after its start.
const ROOM: usize = 4;

/// What a span starts with.
pub(super) struct Start<'a> {
    pub(super) destination: &'a Arc<Destination>,
    pub(super) op: Op,
    pub(super) kind: SpanKind,
    /// The span's parent.
    pub(super) parent: &'a Context,
    /// The context that the span is put on, or that stands alone where there is none.
    pub(super) onto: &'a Context,
    pub(super) links: Vec<Link>,
    pub(super) facts: &'a MessageFacts<'a>,
    /// How many messages a batch call is about; `None` for single calls.
    pub(super) batch_count: Option<usize>,
    /// When it began, where that is not now: by the wall clock, and by the one that does not jump.
    pub(super) started: Option<SystemTime>,
    pub(super) clock: Option<Instant>,
    /// Whether there is a span, metrics aside.
    pub(super) span: bool,
}

impl Start<'_> {
    /// Starts the span; none without an SDK, and where what is plugged into one panics.
    pub(super) fn build(
        &mut self,
        instrumentation: &Instrumentation,
        prepared: &Prepared,
    ) -> Option<BoxedSpan> {
        let tracer = instrumentation.tracer()?;
        let operation = prepared.operation(self.op);
        let mut attributes = Vec::with_capacity(operation.start.len() + ROOM);
        attributes.extend(operation.start.iter().map(KeyValue::from));
        attributes.extend(self.facts.partition());
        let mut links = std::mem::take(&mut self.links);
        let omitted = links.len().saturating_sub(MOST_LINKS);
        links.truncate(MOST_LINKS);
        let mut builder = SpanBuilder::from_name(operation.span_name.name());
        builder.span_kind = Some(self.kind.clone());
        builder.attributes = Some(attributes);
        builder.start_time = self.started;
        builder.links = (!links.is_empty()).then_some(links);
        let mut span = guarded(|| tracer.build_with_context(builder, self.parent))?;
        if !span.span_context().is_valid() {
            return None;
        }
        if span.is_recording() {
            self.complete(&mut span, instrumentation.options(), prepared);
            if omitted > 0 {
                span.set_attribute(KeyValue::new(names::LINKS_OMITTED, saturating(omitted)));
            }
        }
        Some(span)
    }

    /// Adds what samplers need not see.
    fn complete(&self, span: &mut BoxedSpan, options: &Options, prepared: &Prepared) {
        let operation = prepared.operation(self.op);
        span.set_attributes(operation.recorded.iter().map(KeyValue::from));
        if let Some(count) = self.batch_count {
            span.set_attribute(KeyValue::new(names::BATCH_MESSAGE_COUNT, saturating(count)));
        }
        self.facts
            .describe(prepared.system(), options.body_size, |attribute| {
                span.set_attribute(attribute);
            });
        if matches!(self.op, Op::Create | Op::Send | Op::Process) {
            if let (Some(captured), Some(headers)) = (&options.headers, self.facts.headers) {
                captured.describe(headers, |attribute| span.set_attribute(attribute));
            }
            for key in &options.baggage {
                if let Some(value) = self.onto.baggage().get(key.as_str()) {
                    span.set_attribute(KeyValue::new(key.clone(), value.clone()));
                }
            }
        }
    }
}
