use opentelemetry::{
    Context,
    propagation::{Extractor, TextMapPropagator},
};
use tracehop_propagation::{Carrier, Composite, Extracted, XRay, is_baggage_field};

use crate::{Attributes, attributes::Texts, envelope::Envelope};

/// Reads headers from message attributes, String and Binary, in any case of their names.
///
/// `AWSTraceHeader` is shown as `x-amzn-trace-id`, behind an attribute of that name. Empty values
/// and binary ones that are not UTF-8 are not there.
#[derive(Clone, Copy, Debug)]
pub struct HeaderExtractor<'a> {
    attributes: &'a dyn Texts,
    aws_trace_header: Option<&'a str>,
    body: Option<&'a str>,
}

impl<'a> HeaderExtractor<'a> {
    /// Stands among the malformed formats of an [`Extracted`] for a body that begins like an
    /// envelope and cannot be read, or is longer than
    /// [`MAX_ENVELOPE_BYTES`](crate::MAX_ENVELOPE_BYTES).
    pub const ENVELOPE: &'static str = "envelope";

    /// Reads these attributes, and this `AWSTraceHeader`.
    pub fn new<A: Attributes>(attributes: &'a A, aws_trace_header: Option<&'a str>) -> Self {
        Self::of(attributes, aws_trace_header)
    }

    pub(crate) fn of(attributes: &'a dyn Texts, aws_trace_header: Option<&'a str>) -> Self {
        Self {
            attributes,
            aws_trace_header,
            body: None,
        }
    }

    /// Looks for context in this body too, where it is the envelope of an SNS notification (no raw
    /// delivery) or of an EventBridge event, or one in the other. Default: `None`, for no body.
    ///
    /// Found are the `MessageAttributes` of a notification, whatever the format, and the
    /// `detail._datadog` of an event. They are read only where the message's own attributes yield
    /// no parent, and go before `AWSTraceHeader`, but for the order of the formats. Baggage of the
    /// message's own goes before that of the envelope. As fields of the extractor itself they do
    /// not show.
    ///
    /// Of a body that does not begin as the services write it, or is longer than
    /// [`MAX_ENVELOPE_BYTES`](crate::MAX_ENVELOPE_BYTES), no more than the beginning is looked at.
    /// The body of the message stays as it is.
    #[must_use]
    pub fn envelope(mut self, body: Option<&'a str>) -> Self {
        self.body = body;
        self
    }

    /// The system attribute `AWSTraceHeader`.
    pub fn aws_trace_header(&self) -> Option<&'a str> {
        self.aws_trace_header
    }

    /// What the message brings, on an empty context, and what was found.
    ///
    /// `AWSTraceHeader` is read last, also where X-Ray is not among the formats; see
    /// [`Extracted::or_aws_trace_header`] for what it then may and may not be. A span context that
    /// may only be linked to is in the context as a [`RemoteLink`](tracehop_propagation::RemoteLink).
    pub fn extract(&self, composite: &Composite) -> Extracted {
        self.extract_with(composite, |carrier| {
            composite.extract_reported(&Context::new(), Carrier::once(carrier))
        })
    }

    /// Extracts like [`extract`](Self::extract) with a propagator of somebody else's: `read` is
    /// what it makes of a carrier, on an empty context.
    pub fn extract_with(
        &self,
        propagator: &dyn TextMapPropagator,
        read: impl Fn(&dyn Extractor) -> Extracted,
    ) -> Extracted {
        if propagator.fields().next().is_none() {
            return read(self);
        }
        let extracted = self.extract_envelope(&read);
        let extracted = extracted.unwrap_or_else(|| read(self));
        let is_listed = propagator
            .fields()
            .any(|field| field.eq_ignore_ascii_case(XRay::FIELD));
        match self.aws_trace_header {
            Some(header) if !is_listed => extracted.or_aws_trace_header(header),
            _ => extracted,
        }
    }

    /// `None` where the body is no envelope, and where the attributes go before it.
    fn extract_envelope(&self, read: impl Fn(&dyn Extractor) -> Extracted) -> Option<Extracted> {
        let body = self.body?;
        let envelope = Envelope::of(body)?;
        let attributes = Self::of(self.attributes, None);
        let before = read(&attributes);
        if before.format.is_some() {
            return None;
        }
        let Ok(fields) = envelope.read(body) else {
            let mut extracted = read(self);
            extracted.malformed.push(Self::ENVELOPE);
            return Some(extracted);
        };
        let mut extracted = read(&Enveloped {
            attributes,
            fields: HeaderExtractor::of(&fields, self.aws_trace_header),
        });
        for format in before.malformed {
            if !extracted.malformed.contains(&format) {
                extracted.malformed.push(format);
            }
        }
        Some(extracted)
    }
}

/// Reads a received message; `AWSTraceHeader` is on it only if the receive asked for it.
#[cfg(feature = "sqs")]
impl<'a> From<&'a aws_sdk_sqs::types::Message> for HeaderExtractor<'a> {
    fn from(message: &'a aws_sdk_sqs::types::Message) -> Self {
        use aws_sdk_sqs::types::MessageSystemAttributeName::AwsTraceHeader;

        let header = message
            .attributes
            .as_ref()
            .and_then(|attributes| attributes.get(&AwsTraceHeader));
        Self::new(&message.message_attributes, header.map(String::as_str))
    }
}

impl Extractor for HeaderExtractor<'_> {
    fn get(&self, key: &str) -> Option<&str> {
        let header = || {
            self.aws_trace_header
                .filter(|_| key.eq_ignore_ascii_case(XRay::FIELD))
        };
        self.attributes.text(key).or_else(header)
    }

    fn keys(&self) -> Vec<&str> {
        let mut names = self.attributes.names();
        if self.aws_trace_header.is_some() && self.attributes.text(XRay::FIELD).is_none() {
            names.push(XRay::FIELD);
        }
        names
    }
}

/// What an envelope holds, in the place of attributes that yield no parent: of those only the
/// baggage is left, so that no two contexts are mixed.
#[derive(Debug)]
struct Enveloped<'a> {
    attributes: HeaderExtractor<'a>,
    fields: HeaderExtractor<'a>,
}

impl Extractor for Enveloped<'_> {
    fn get(&self, key: &str) -> Option<&str> {
        let own = is_baggage_field(key).then(|| self.attributes.get(key));
        own.flatten().or_else(|| self.fields.get(key))
    }

    fn keys(&self) -> Vec<&str> {
        let own = self.attributes.keys().into_iter();
        let own = own.filter(|name| is_baggage_field(name));
        own.chain(self.fields.keys()).collect()
    }
}
