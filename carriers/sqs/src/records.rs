//! The records that AWS Lambda is invoked with by SQS and SNS.

use std::collections::HashMap;

use aws_lambda_events::{
    sns::SnsMessage,
    sqs::{SqsMessage, SqsMessageAttribute},
};

use crate::{
    HeaderExtractor,
    attributes::{Texts, find},
    fields::Fields,
};

impl Texts for HashMap<String, SqsMessageAttribute> {
    fn text(&self, name: &str) -> Option<&str> {
        let value = find(self, name)?;
        let binary = || {
            let bytes = value.binary_value.as_deref();
            bytes.and_then(|bytes| str::from_utf8(bytes).ok())
        };
        let text = value.string_value.as_deref().or_else(binary);
        text.filter(|text| !text.is_empty())
    }

    fn names(&self) -> Vec<&str> {
        self.keys().map(String::as_str).collect()
    }
}

/// Reads a record of an SQS event, on which Lambda puts all attributes, `AWSTraceHeader` included.
impl<'a> From<&'a SqsMessage> for HeaderExtractor<'a> {
    fn from(record: &'a SqsMessage) -> Self {
        let header = record.attributes.get("AWSTraceHeader");
        Self::of(&record.message_attributes, header.map(String::as_str))
    }
}

/// The message attributes of a record of an SNS event, where binary ones stand in base64.
#[derive(Clone, Debug)]
pub struct NotificationAttributes(Fields);

impl From<&SnsMessage> for NotificationAttributes {
    fn from(message: &SnsMessage) -> Self {
        let mut fields = Fields::default();
        for (name, attribute) in &message.message_attributes {
            fields.push_attribute(name.clone(), &attribute.data_type, attribute.value.clone());
        }
        Self(fields)
    }
}

/// Reads a record of an SNS event, which has no `AWSTraceHeader`.
impl<'a> From<&'a NotificationAttributes> for HeaderExtractor<'a> {
    fn from(attributes: &'a NotificationAttributes) -> Self {
        Self::of(&attributes.0, None)
    }
}
