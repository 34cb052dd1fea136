use std::time::SystemTime;

use aws_lambda_events::sns::SnsMessage;
use aws_lambda_events::sqs::SqsMessage;
use opentelemetry::propagation::Extractor as _;
use opentelemetry::trace::SpanContext;
use tracehop_sqs::{HeaderExtractor, NotificationAttributes};

use crate::aws::timestamp;
use crate::contract::{Destination, System};
use crate::telemetry::{MessageFacts, PREVIOUS, previous};

/// What telemetry knows of one record.
#[derive(Clone, Copy, Debug)]
pub(super) struct Record<'a> {
    system: System,
    /// The ARN of the queue or topic; empty where the record has none.
    pub(super) source: &'a str,
    id: Option<&'a str>,
    pub(super) body: &'a str,
    sent_at: Option<SystemTime>,
    /// Which delivery this is, from 1.
    pub(super) attempt: u32,
    pub(super) carrier: HeaderExtractor<'a>,
}

impl<'a> Record<'a> {
    pub(super) fn of_sns(message: &'a SnsMessage, attributes: &'a NotificationAttributes) -> Self {
        Self {
            system: System::AwsSns,
            source: &message.topic_arn,
            id: Some(&message.message_id),
            body: &message.message,
            sent_at: Some(message.timestamp.into()),
            attempt: 1,
            carrier: attributes.into(),
        }
    }

    /// The queue or topic; its name is what the ARN ends in.
    pub(super) fn destination(&self) -> Destination {
        let name = self.source.rsplit(':').next().unwrap_or_default();
        Destination {
            // The attribute for SQS is a URL, which a record does not have.
            resource: (self.system == System::AwsSns).then(|| self.source.to_owned()),
            ..Destination::new(self.system, name)
        }
    }

    /// Whether its queue is a FIFO queue: SQS lets only their names end in `.fifo`.
    #[expect(
        clippy::case_sensitive_file_extension_comparisons,
        reason = "queue names are case-sensitive, and no file names"
    )]
    pub(super) fn is_fifo(&self) -> bool {
        self.system == System::AwsSqs && self.source.ends_with(".fifo")
    }

    /// The process span of the attempt before, where a dead letter tells of it.
    pub(super) fn previous(&self) -> Option<SpanContext> {
        self.carrier.get(PREVIOUS).and_then(previous)
    }

    pub(super) fn facts(&self) -> MessageFacts<'_> {
        MessageFacts::NONE
            .with_id(self.id)
            .with_body_size(self.body.len())
            .with_enqueued_at(self.sent_at)
            .with_headers(&self.carrier)
    }
}

impl<'a> From<&'a SqsMessage> for Record<'a> {
    fn from(message: &'a SqsMessage) -> Self {
        let system_attribute = |name| message.attributes.get(name).map(String::as_str);
        let count = system_attribute("ApproximateReceiveCount");
        Self {
            system: System::AwsSqs,
            source: message.event_source_arn.as_deref().unwrap_or_default(),
            id: message.message_id.as_deref(),
            body: message.body.as_deref().unwrap_or_default(),
            sent_at: system_attribute("SentTimestamp").and_then(timestamp),
            attempt: count.and_then(|count| count.parse().ok()).unwrap_or(1),
            carrier: message.into(),
        }
    }
}
