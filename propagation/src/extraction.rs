use opentelemetry::{
    Context,
    baggage::Baggage,
    trace::{SpanContext, TraceContextExt},
};

use crate::{
    BaggageDropped, BaggagePolicy, Carrier, RemoteLink, Sampling, W3cBaggage, XRay, XRayLineage,
    baggage::{Intake, Scope},
    remote::{Malformed, Reading, Remote},
    trace_context::W3cRemainder,
    xray,
};

/// What the formats have found in one carrier so far.
///
/// Formats report in the order of the list, and the rules are here, once: the first valid parent
/// wins, an invalid one never overrides it, and of baggage members with the same key the first
/// format's is kept.
#[derive(Debug)]
pub struct Extraction<'a> {
    parent: Option<(&'static str, Remote)>,
    lineage: Option<XRayLineage>,
    w3c: Option<W3cRemainder>,
    baggage: Intake<'a>,
    malformed: Vec<&'static str>,
}

impl<'a> Extraction<'a> {
    pub(crate) fn new(policy: &'a BaggagePolicy) -> Self {
        Self {
            parent: None,
            lineage: None,
            w3c: None,
            baggage: Intake::new(policy),
            malformed: Vec::new(),
        }
    }

    /// Offers a parent. Ignored if an earlier format had a valid one, or if `span_context` is not
    /// valid; its flags are those of `sampling`, or say more (W3C's random flag).
    pub fn parent(&mut self, format: &'static str, span_context: SpanContext, sampling: Sampling) {
        if self.parent.is_none() && span_context.is_valid() {
            let remote = Remote {
                span_context,
                sampling,
            };
            self.parent = Some((format, remote));
        }
    }

    /// Says that the fields of `format` were there and unusable, or some of them.
    pub fn malformed(&mut self, format: &'static str) {
        if self.malformed.last() != Some(&format) {
            self.malformed.push(format);
        }
    }

    /// Adds the members whose keys no earlier format had.
    pub fn baggage(&mut self, members: &Baggage) {
        self.baggage.members(members);
    }

    /// Reads the `baggage` header for `format`, unless an earlier one did: its members, and the
    /// header itself, from which unchanged members are written again.
    pub fn baggage_header(&mut self, format: &'static str, carrier: Carrier<'_>) {
        if self.baggage.header(carrier, Scope::All) == Err(Malformed) {
            self.malformed(format);
        }
    }

    /// Counts baggage members that were not kept.
    pub fn baggage_dropped(&mut self, dropped: BaggageDropped) {
        self.baggage.dropped += dropped;
    }

    /// What the fields of `format` say.
    pub(crate) fn reading(&mut self, format: &'static str, reading: Reading) {
        match reading {
            Err(Malformed) => self.malformed(format),
            Ok(None) => {}
            Ok(Some(Remote {
                span_context,
                sampling,
            })) => self.parent(format, span_context, sampling),
        }
    }

    /// The baggage, for the formats that have their own ways to carry it.
    pub(crate) fn intake(&mut self) -> &mut Intake<'a> {
        &mut self.baggage
    }

    pub(crate) fn has_parent(&self) -> bool {
        self.parent.is_some()
    }

    pub(crate) fn lineage(&mut self, lineage: XRayLineage) {
        self.lineage = Some(lineage);
    }

    pub(crate) fn w3c_remainder(&mut self, remainder: Option<W3cRemainder>) {
        self.w3c = remainder;
    }

    /// Puts what was found into a copy of `cx`. What was not found leaves `cx` as it is; in
    /// particular a span stays current unless a valid remote parent replaces it.
    pub(crate) fn into_extracted(self, cx: &Context) -> Extracted {
        let baggage_dropped = self.baggage.dropped;
        let mut context = self.baggage.put(cx.clone());
        if let Some(lineage) = self.lineage {
            context = context.with_value(lineage);
        }
        if let Some(remainder) = self.w3c {
            context = context.with_value(remainder);
        }
        let mut format = None;
        if let Some((name, remote)) = self.parent {
            format = Some(name);
            context = remote.sampling.put(&context, remote.span_context);
        }
        Extracted {
            context,
            format,
            link: None,
            malformed: self.malformed,
            baggage_dropped,
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
            Ok(None) => {}
            Err(Malformed) => self.malformed.push(XRay::NAME),
            Ok(Some(remote)) if remote.sampling == Sampling::Sampled => {
                self.format = Some(XRay::NAME);
                self.context = self.context.with_remote_span_context(remote.span_context);
            }
            Ok(Some(remote)) => self = self.with_link(remote.span_context),
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
