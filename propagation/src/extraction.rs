use opentelemetry::{
    Context,
    baggage::{Baggage, BaggageExt},
    trace::{SpanContext, TraceContextExt},
};

use crate::{
    BaggageDropped, Deferred, ReceivedBaggage, RemoteLink, W3cBaggage, XRay, XRayLineage, xray,
};

/// What the formats have found in one carrier so far.
///
/// Formats report in the order of the list, and the rules are here, once: the first valid parent
/// wins, an invalid one never overrides it, and of baggage members with the same key the first
/// format's is kept.
#[derive(Debug, Default)]
pub struct Extraction {
    parent: Option<Parent>,
    lineage: Option<XRayLineage>,
    baggage: Option<Baggage>,
    received: Option<ReceivedBaggage>,
    malformed: Vec<&'static str>,
    baggage_dropped: BaggageDropped,
}

#[derive(Debug)]
struct Parent {
    format: &'static str,
    span_context: SpanContext,
    deferred: bool,
}

impl Extraction {
    /// Offers a parent whose sampling decision is made. Ignored if an earlier format had a valid
    /// one, or if `span_context` is not valid.
    pub fn parent(&mut self, format: &'static str, span_context: SpanContext) {
        self.offer(Parent {
            format,
            span_context,
            deferred: false,
        });
    }

    /// Offers a parent that leaves the sampling decision to the receiver; `span_context` carries
    /// the flags for those who do not know [`Deferred`], that is, unsampled.
    pub fn deferred_parent(&mut self, format: &'static str, span_context: SpanContext) {
        self.offer(Parent {
            format,
            span_context,
            deferred: true,
        });
    }

    /// Says that the fields of `format` were there and unusable.
    pub fn malformed(&mut self, format: &'static str) {
        self.malformed.push(format);
    }

    /// Adds the members whose keys no earlier format had.
    pub fn baggage(&mut self, members: Baggage) {
        let Some(baggage) = &mut self.baggage else {
            self.baggage = Some(members);
            return;
        };
        for (key, (value, metadata)) in &members {
            if baggage.get(key.as_str()).is_none() {
                baggage.insert_with_metadata(key.clone(), value.clone(), metadata.as_str());
            }
        }
    }

    /// Counts baggage members that were not kept.
    pub fn baggage_dropped(&mut self, dropped: BaggageDropped) {
        self.baggage_dropped += dropped;
    }

    pub(crate) fn received_baggage(&mut self, header: ReceivedBaggage) {
        self.received = Some(header);
    }

    pub(crate) fn lineage(&mut self, lineage: XRayLineage) {
        self.lineage = Some(lineage);
    }

    /// Puts what was found into a copy of `cx`. What was not found leaves `cx` as it is; in
    /// particular a span stays current unless a valid remote parent replaces it.
    pub(crate) fn into_extracted(self, cx: &Context) -> Extracted {
        let mut context = cx.clone();
        if let Some(baggage) = self.baggage.filter(|baggage| !baggage.is_empty()) {
            context = context.with_baggage(baggage);
        }
        if let Some(received) = self.received {
            context = context.with_value(received);
        }
        if let Some(lineage) = self.lineage {
            context = context.with_value(lineage);
        }
        let mut format = None;
        if let Some(parent) = self.parent {
            format = Some(parent.format);
            if parent.deferred {
                context = context.with_value(Deferred::new(&parent.span_context));
            }
            context = context.with_remote_span_context(parent.span_context);
        }
        Extracted {
            context,
            format,
            link: None,
            malformed: self.malformed,
            baggage_dropped: self.baggage_dropped,
        }
    }

    fn offer(&mut self, parent: Parent) {
        if self.parent.is_none() && parent.span_context.is_valid() {
            self.parent = Some(parent);
        }
    }
}

/// The result of reading one carrier: the context, and what became of each field.
#[derive(Clone, Debug)]
pub struct Extracted {
    /// The context given to the extraction, with the remote parent, baggage and hints found.
    pub context: Context,
    /// The format that yielded the parent; `None` if no format did.
    pub format: Option<&'static str>,
    /// A span context that may be linked to and must not be the parent; see
    /// [`or_aws_trace_header`](Self::or_aws_trace_header). Also in the context, as [`RemoteLink`].
    pub link: Option<SpanContext>,
    /// The formats whose fields were present and unusable, in list order.
    pub malformed: Vec<&'static str>,
    /// Baggage members that were present and not kept.
    pub baggage_dropped: BaggageDropped,
}

impl Extracted {
    /// The [`format`](Self::format) of a parent found by a propagator that does not report.
    pub const UNREPORTED: &'static str = "other";

    /// Whether the sender wrote no trace context: no parent, no link, and nothing malformed that
    /// was meant to be one. Baggage is no part of it.
    pub fn is_missing(&self) -> bool {
        let is_baggage = |format: &&str| *format == W3cBaggage::NAME;
        self.format.is_none() && self.link.is_none() && self.malformed.iter().all(is_baggage)
    }

    /// Reads the SQS system attribute `AWSTraceHeader` as the last format, for carriers whose
    /// formats do not list X-Ray.
    ///
    /// It is looked at only if no format yielded a parent. It is then the parent if it says
    /// `Sampled=1`, otherwise a [`link`](Self::link): an AWS service that records nothing
    /// (`Sampled=0`) must not switch the consumer's own traces off. A `Lineage` is kept in any
    /// case.
    #[must_use]
    pub fn or_aws_trace_header(mut self, header: &str) -> Self {
        let header = xray::Header::parse(header);
        if let Some(lineage) = header.lineage {
            self.context = self.context.with_value(lineage);
        }
        if self.format.is_some() {
            return self;
        }
        match header.parent {
            xray::Parent::None => {}
            xray::Parent::Malformed => self.malformed.push(XRay::NAME),
            xray::Parent::Decided(span_context) if span_context.is_sampled() => {
                self.format = Some(XRay::NAME);
                self.context = self.context.with_remote_span_context(span_context);
            }
            xray::Parent::Decided(span_context) | xray::Parent::Deferred(span_context) => {
                self = self.with_link(span_context);
            }
        }
        self
    }

    fn with_link(mut self, span_context: SpanContext) -> Self {
        self.context = self
            .context
            .with_value(RemoteLink::new(span_context.clone()));
        self.link = Some(span_context);
        self
    }
}

/// The outcome of a propagator that does not report, such as one from another crate: a remote
/// parent in `context` counts as found, by a format of no name here.
impl From<Context> for Extracted {
    fn from(context: Context) -> Self {
        let parent = context.span().span_context().clone();
        Self {
            format: (parent.is_valid() && parent.is_remote()).then_some(Self::UNREPORTED),
            context,
            link: None,
            malformed: Vec::new(),
            baggage_dropped: BaggageDropped::default(),
        }
    }
}
