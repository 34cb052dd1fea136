use std::sync::Arc;

use opentelemetry::Context;
use opentelemetry::propagation::{Extractor, Injector, TextMapPropagator};
use opentelemetry::trace::TraceContextExt;
use tracehop_propagation::XRay;
use tracehop_sqs::{
    BatchBudget, Budget, DropReason, Injected, LINEAGE, Outgoing as OutgoingMessage,
};

use super::lambda::with_lineage;
#[cfg(feature = "sqs")]
use super::sending::Created;
use super::sending::{Sending, SendingBatch};
use crate::contract::Destination;
use crate::telemetry::{
    CreateSpan, FreshLineage, Instrumentation, MessageFacts, MessageLink, Outgoing, SendStart,
};

/// What messages go out with: spans that start and context that is written as one.
#[derive(Debug)]
pub(crate) struct Sender<'a> {
    pub(crate) instrumentation: &'a Instrumentation,
    pub(crate) destination: &'a Arc<Destination>,
    pub(crate) budget: Budget,
    /// What is current where the caller sends.
    pub(crate) current: &'a Context,
}

impl Sender<'_> {
    /// Starts the span of a single send and puts its context onto the message, unless the user put
    /// one there.
    pub(crate) fn send(&self, message: &mut impl OutgoingMessage, body_size: usize) -> Sending {
        let marked = self.marked(message);
        let users = marked.users_link();
        let headers = message.extractor();
        let span = self.instrumentation.send(&SendStart {
            destination: self.destination,
            parent: self.current,
            batch_count: None,
            creation: users.is_none(),
            messages: users.as_slice(),
            facts: MessageFacts::NONE
                .with_body_size(body_size)
                .with_headers(&headers),
        });
        let carried = self.carried(&marked, span.context());
        self.inject(&marked, &carried, message, self.budget);
        Sending { span, carried }
    }

    /// Starts the spans of a batch: one for each message whose creation context is not the user's,
    /// if they are switched on, and the send, which links to all. `describe` gives the id of an
    /// entry and the size of its body.
    pub(crate) fn send_batch<M: OutgoingMessage>(
        &self,
        entries: &mut [M],
        describe: impl Fn(&M) -> (&str, usize),
    ) -> SendingBatch {
        let marked: Vec<Marked> = entries.iter_mut().map(|entry| self.marked(entry)).collect();
        let mut creates: Vec<Option<CreateSpan>> = Vec::with_capacity(entries.len());
        for (entry, marked) in entries.iter().zip(&marked) {
            let wanted = self.instrumentation.create_spans() && !marked.is_users();
            creates.push(wanted.then(|| {
                let headers = entry.extractor();
                let facts = MessageFacts::NONE
                    .with_body_size(describe(entry).1)
                    .with_headers(&headers);
                self.instrumentation
                    .create(self.destination, self.current, &facts)
            }));
        }
        let messages: Vec<MessageLink<'_>> = marked
            .iter()
            .zip(&creates)
            .filter_map(|(marked, create)| {
                let ours = || create.as_ref().map(|span| MessageLink::new(span.context()));
                marked.users_link().or_else(ours)
            })
            .collect();
        let span = self.instrumentation.send(&SendStart {
            destination: self.destination,
            parent: self.current,
            batch_count: Some(entries.len()),
            creation: messages.len() < entries.len(),
            messages: &messages,
            facts: MessageFacts::NONE,
        });
        let mut budgets = BatchBudget::new(self.budget, entries);
        for ((entry, marked), create) in entries.iter_mut().zip(&marked).zip(&mut creates) {
            let budget = budgets.next(entry);
            let context = create.as_mut().map_or(span.context(), |create| {
                create.sending(span.started());
                create.context()
            });
            let carried = self.carried(marked, context);
            budgets.record(&self.inject(marked, &carried, entry, budget));
        }
        let ids = entries.iter().map(|entry| describe(entry).0.to_owned());
        SendingBatch {
            entries: ids.zip(creates).collect(),
            span,
        }
    }

    /// Gives a message that is to be gathered with those of other callers its creation context:
    /// that of a create span under its own caller, unless the user put one there.
    #[cfg(feature = "sqs")]
    pub(crate) fn create(&self, message: &mut impl OutgoingMessage, body_size: usize) -> Created {
        let marked = self.marked(message);
        let wanted = self.instrumentation.create_spans() && !marked.is_users();
        let span = wanted.then(|| {
            let headers = message.extractor();
            let facts = MessageFacts::NONE
                .with_body_size(body_size)
                .with_headers(&headers);
            self.instrumentation
                .create(self.destination, self.current, &facts)
        });
        let context = span.as_ref().map_or(self.current, CreateSpan::context);
        let creation = self.carried(&marked, context);
        self.inject(&marked, &creation, message, self.budget);
        Created { span, creation }
    }

    /// Looks at what stands on an outgoing message, and takes off a trace header that is stale.
    fn marked(&self, message: &mut impl OutgoingMessage) -> Marked {
        let carrier = message.extractor();
        let propagator = self.instrumentation.propagator_for(self.destination);
        let existing = propagator.extract(&carrier).context;
        // `AWSTraceHeader` is judged by itself, because most formats do not read it.
        let stale_header = carrier.aws_trace_header().is_some() && {
            let said = XRay.extract_with_context(&Context::new(), &carrier);
            Instrumentation::outgoing(&said, self.current) == Outgoing::Stale
        };
        if stale_header {
            message.remove_aws_trace_header();
        }
        Marked {
            outgoing: Instrumentation::outgoing(&existing, self.current),
            existing,
        }
    }

    /// What goes onto a message: the user's span context where there is one, else `context`.
    fn carried(&self, marked: &Marked, context: &Context) -> Context {
        match &marked.outgoing {
            Outgoing::Users(users) => {
                with_lineage(&self.current.with_remote_span_context(users.clone()))
            }
            Outgoing::Unmarked | Outgoing::Stale => with_lineage(context),
        }
    }

    fn inject(
        &self,
        marked: &Marked,
        carried: &Context,
        message: &mut impl OutgoingMessage,
        budget: Budget,
    ) -> Injected {
        let propagator = self.instrumentation.propagator_for(self.destination);
        let lineage = self.fresh_lineage(message);
        let mut injector = message.injector(&*propagator, budget);
        for (name, value) in lineage {
            injector.set(name, value);
        }
        if !self.instrumentation.aws_trace_header() {
            injector = injector.without_aws_trace_header();
        }
        if marked.is_users() {
            injector = injector.keep_present();
        }
        let baggage_dropped = propagator.inject(carried, &mut injector);
        injector.inject_aws_trace_header(carried);
        let injected = injector.finish();
        let dropped = injected.dropped.iter();
        let dropped = dropped.map(|dropped| (dropped.field.as_str(), dropped.reason.as_str()));
        let baggage_dropped = baggage_dropped.into_iter().chain([left_out(&injected)]);
        self.instrumentation
            .injected(self.destination, carried, dropped, baggage_dropped);
        injected
    }

    /// The lineage that was written for this very message.
    fn fresh_lineage(&self, message: &mut impl OutgoingMessage) -> Vec<(&'static str, String)> {
        if self.current.get::<FreshLineage>().is_none() {
            return Vec::new();
        }
        let carrier = message.extractor();
        let values = LINEAGE.map(|name| Some((name, carrier.get(name)?.to_owned())));
        values.into_iter().flatten().collect()
    }
}

/// The baggage members that found no room on the message, and why.
fn left_out(injected: &Injected) -> (&'static str, usize) {
    let whole = injected
        .dropped
        .iter()
        .find(|field| field.field == "baggage");
    // Baggage is cut short for bytes alone.
    let reason = whole.map_or(DropReason::Bytes, |field| field.reason);
    (reason.as_str(), injected.baggage_members_dropped)
}

/// What stood on an outgoing message.
struct Marked {
    existing: Context,
    outgoing: Outgoing,
}

impl Marked {
    fn is_users(&self) -> bool {
        matches!(self.outgoing, Outgoing::Users(_))
    }

    fn users_link(&self) -> Option<MessageLink<'_>> {
        self.is_users().then(|| MessageLink::new(&self.existing))
    }
}
