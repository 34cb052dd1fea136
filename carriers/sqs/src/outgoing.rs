use opentelemetry::propagation::TextMapPropagator;

#[cfg(any(feature = "sqs", feature = "sns"))]
use crate::attributes::Map;
use crate::{Budget, HeaderExtractor, HeaderInjector};

/// A message on its way out: a request for one, or an entry of a batch. Sealed.
pub trait Outgoing: sealed::Sealed {
    /// An injector into this message's attributes.
    fn injector<'a>(
        &'a mut self,
        propagator: &'a dyn TextMapPropagator,
        budget: Budget,
    ) -> HeaderInjector<'a>;

    /// What the user put on the message.
    fn extractor(&self) -> HeaderExtractor<'_>;

    /// The size of the message as it is: body, and names, types and values of its attributes.
    fn bytes(&self) -> usize;

    /// Takes off the `AWSTraceHeader` that the user set, so that an injector writes its own. The
    /// requests of a service that has none are left as they are.
    fn remove_aws_trace_header(&mut self) {}
}

mod sealed {
    pub trait Sealed {}
}

#[cfg(any(feature = "sqs", feature = "sns"))]
fn bytes(body: usize, attributes: &dyn Map) -> usize {
    body + attributes.measure().1
}

#[cfg(feature = "sqs")]
mod sqs {
    use std::collections::HashMap;

    use aws_sdk_sqs::{
        operation::send_message::SendMessageInput,
        types::{
            MessageSystemAttributeNameForSends as SystemName, MessageSystemAttributeValue,
            SendMessageBatchRequestEntry,
        },
    };

    use super::{
        Budget, HeaderExtractor, HeaderInjector, Outgoing, TextMapPropagator, bytes, sealed,
    };

    impl sealed::Sealed for SendMessageInput {}
    impl Outgoing for SendMessageInput {
        fn injector<'a>(
            &'a mut self,
            propagator: &'a dyn TextMapPropagator,
            budget: Budget,
        ) -> HeaderInjector<'a> {
            let body = self.message_body().map_or(0, str::len);
            HeaderInjector::new(propagator, &mut self.message_attributes, body, budget)
                .system_attributes(&mut self.message_system_attributes)
        }

        fn extractor(&self) -> HeaderExtractor<'_> {
            let header = self
                .message_system_attributes
                .as_ref()
                .and_then(trace_header);
            HeaderExtractor::new(&self.message_attributes, header)
        }

        fn bytes(&self) -> usize {
            bytes(
                self.message_body().map_or(0, str::len),
                &self.message_attributes,
            )
        }

        fn remove_aws_trace_header(&mut self) {
            if let Some(attributes) = &mut self.message_system_attributes {
                attributes.remove(&SystemName::AwsTraceHeader);
            }
        }
    }

    impl sealed::Sealed for SendMessageBatchRequestEntry {}
    impl Outgoing for SendMessageBatchRequestEntry {
        fn injector<'a>(
            &'a mut self,
            propagator: &'a dyn TextMapPropagator,
            budget: Budget,
        ) -> HeaderInjector<'a> {
            let body = self.message_body.len();
            HeaderInjector::new(propagator, &mut self.message_attributes, body, budget)
                .system_attributes(&mut self.message_system_attributes)
        }

        fn extractor(&self) -> HeaderExtractor<'_> {
            let header = self
                .message_system_attributes
                .as_ref()
                .and_then(trace_header);
            HeaderExtractor::new(&self.message_attributes, header)
        }

        fn bytes(&self) -> usize {
            bytes(self.message_body.len(), &self.message_attributes)
        }

        fn remove_aws_trace_header(&mut self) {
            if let Some(attributes) = &mut self.message_system_attributes {
                attributes.remove(&SystemName::AwsTraceHeader);
            }
        }
    }

    fn trace_header(attributes: &HashMap<SystemName, MessageSystemAttributeValue>) -> Option<&str> {
        attributes.get(&SystemName::AwsTraceHeader)?.string_value()
    }
}

#[cfg(feature = "sns")]
mod sns {
    use aws_sdk_sns::{operation::publish::PublishInput, types::PublishBatchRequestEntry};

    use super::{
        Budget, HeaderExtractor, HeaderInjector, Outgoing, TextMapPropagator, bytes, sealed,
    };

    impl sealed::Sealed for PublishInput {}
    impl Outgoing for PublishInput {
        fn injector<'a>(
            &'a mut self,
            propagator: &'a dyn TextMapPropagator,
            budget: Budget,
        ) -> HeaderInjector<'a> {
            let body = body(self.message(), self.subject());
            let refuses = self.phone_number.is_some() || is_json(self.message_structure());
            let injector =
                HeaderInjector::new(propagator, &mut self.message_attributes, body, budget);
            refusing_if(refuses, injector)
        }

        fn extractor(&self) -> HeaderExtractor<'_> {
            HeaderExtractor::new(&self.message_attributes, None)
        }

        fn bytes(&self) -> usize {
            bytes(
                body(self.message(), self.subject()),
                &self.message_attributes,
            )
        }
    }

    impl sealed::Sealed for PublishBatchRequestEntry {}
    impl Outgoing for PublishBatchRequestEntry {
        fn injector<'a>(
            &'a mut self,
            propagator: &'a dyn TextMapPropagator,
            budget: Budget,
        ) -> HeaderInjector<'a> {
            let body = body(Some(&self.message), self.subject());
            let refuses = is_json(self.message_structure());
            let injector =
                HeaderInjector::new(propagator, &mut self.message_attributes, body, budget);
            refusing_if(refuses, injector)
        }

        fn extractor(&self) -> HeaderExtractor<'_> {
            HeaderExtractor::new(&self.message_attributes, None)
        }

        fn bytes(&self) -> usize {
            bytes(
                body(Some(&self.message), self.subject()),
                &self.message_attributes,
            )
        }
    }

    fn body(message: Option<&str>, subject: Option<&str>) -> usize {
        message.map_or(0, str::len) + subject.map_or(0, str::len)
    }

    fn refusing_if(refuses: bool, injector: HeaderInjector<'_>) -> HeaderInjector<'_> {
        if refuses {
            injector.refusing()
        } else {
            injector
        }
    }

    /// A message with one body a protocol has no place for attributes that all of them share.
    fn is_json(structure: Option<&str>) -> bool {
        structure == Some("json")
    }
}
