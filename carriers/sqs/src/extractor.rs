use opentelemetry::propagation::Extractor;
use tracehop_propagation::XRay;

use crate::{Attributes, attributes::Map};

/// Reads headers from message attributes, String and Binary, in any case of their names.
///
/// `AWSTraceHeader` is shown as `x-amzn-trace-id`, behind an attribute of that name. Empty values
/// and binary ones that are not UTF-8 are not there.
#[derive(Clone, Copy, Debug)]
pub struct HeaderExtractor<'a> {
    attributes: &'a dyn Map,
    aws_trace_header: Option<&'a str>,
}

impl<'a> HeaderExtractor<'a> {
    /// Reads these attributes, and this `AWSTraceHeader`.
    pub fn new<A: Attributes>(attributes: &'a A, aws_trace_header: Option<&'a str>) -> Self {
        Self {
            attributes,
            aws_trace_header,
        }
    }

    /// The system attribute `AWSTraceHeader`.
    pub fn aws_trace_header(&self) -> Option<&'a str> {
        self.aws_trace_header
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
