//! `ReceiveMessage`: what it must ask for, and what it brought.

use std::sync::Arc;
use std::time::SystemTime;

use aws_sdk_sqs::operation::receive_message::{
    ReceiveMessageError, ReceiveMessageInput, ReceiveMessageOutput,
};
use aws_sdk_sqs::types::{Message, MessageSystemAttributeName as SystemName, QueueAttributeName};
use aws_smithy_runtime_api::client::interceptors::context::FinalizerInterceptorContextRef;
use opentelemetry::Context;
use opentelemetry::propagation::TextMapPropagator;
use tracehop_propagation::Extracted;
use tracehop_sqs::HeaderExtractor;

use crate::aws::{self, outcome, request_id, timestamp};
use crate::contract::Destination;
use crate::telemetry::{
    Instrumentation, MessageFacts, MessageLink, Outcome, PREVIOUS, Puller, Receive, Started,
};

/// What carries context beside the propagation fields.
const CONTEXT_NAMES: [SystemName; 1] = [SystemName::AwsTraceHeader];

/// What spans and metrics say, of a process too.
const RECORDED_NAMES: [SystemName; 2] = [
    SystemName::SentTimestamp,
    SystemName::ApproximateReceiveCount,
];

/// A receive under way. Dropping it records nothing: no message has come.
#[derive(Debug)]
pub(super) struct Receiving {
    destination: Arc<Destination>,
    parent: Context,
    started: Started,
}

impl Receiving {
    pub(super) fn start(destination: Arc<Destination>, parent: Context) -> Self {
        Self {
            destination,
            parent,
            started: Started::now(),
        }
    }

    pub(super) fn end(
        self,
        instrumentation: &Instrumentation,
        context: &FinalizerInterceptorContextRef<'_>,
    ) {
        let answer = outcome::<ReceiveMessageOutput, ReceiveMessageError>(context);
        let messages = answer.as_ref().map_or(&[][..], |output| output.messages());
        let creations: Vec<Context> = messages
            .iter()
            .map(|message| {
                let extracted = extract(instrumentation, &self.destination, message);
                instrumentation.extracted(&self.destination, extracted)
            })
            .collect();
        let carriers: Vec<HeaderExtractor<'_>> = messages.iter().map(Into::into).collect();
        let links: Vec<MessageLink<'_>> = (messages.iter().zip(&carriers).zip(&creations))
            .map(|((message, carrier), creation)| MessageLink {
                creation,
                facts: facts(message, carrier),
            })
            .collect();
        let receive = Receive {
            destination: &self.destination,
            puller: Puller::Client,
            parent: &self.parent,
            started: self.started,
            messages: &links,
            batch: true,
        };
        let outcome = Outcome {
            request_id: request_id(context),
            ..Outcome::of(answer)
        };
        instrumentation.received(&receive, &outcome);
    }
}

/// Asks for the attributes that carry context, and for those that are recorded if anything is.
pub(super) fn ask(
    instrumentation: &Instrumentation,
    destination: &Arc<Destination>,
    input: &mut ReceiveMessageInput,
) {
    let propagator = instrumentation.propagator_for(destination);
    let recorded = instrumentation.records().then_some(PREVIOUS);
    ask_for_message_attributes(input, propagator.fields().chain(recorded));
    ask_for_system_attributes(input, &CONTEXT_NAMES);
    if recorded.is_some() {
        ask_for_system_attributes(input, &RECORDED_NAMES);
    }
}

/// The context that a message brings.
pub(super) fn extract(
    instrumentation: &Instrumentation,
    destination: &Arc<Destination>,
    message: &Message,
) -> Extracted {
    aws::extract(instrumentation, destination, message.into(), message.body())
}

/// What telemetry says of a received message.
pub(super) fn facts<'a>(
    message: &'a Message,
    carrier: &'a HeaderExtractor<'_>,
) -> MessageFacts<'a> {
    MessageFacts::NONE
        .with_id(message.message_id())
        .with_body_size(message.body().map_or(0, str::len))
        .with_enqueued_at(sent_at(message))
        .with_headers(carrier)
}

/// Which delivery this is, from 1; 1 where the receive did not ask.
pub(super) fn attempt(message: &Message) -> u32 {
    let count = system_attribute(message, &SystemName::ApproximateReceiveCount);
    count.and_then(|count| count.parse().ok()).unwrap_or(1)
}

fn sent_at(message: &Message) -> Option<SystemTime> {
    timestamp(system_attribute(message, &SystemName::SentTimestamp)?)
}

fn system_attribute<'a>(message: &'a Message, name: &SystemName) -> Option<&'a str> {
    message.attributes()?.get(name).map(String::as_str)
}

/// Asks for the propagation fields, unless a name or pattern of the user's covers them: `All`,
/// `.*` and `prefix.*` (Amazon SQS API reference, `ReceiveMessage`, which sets no limit to how many
/// names are asked for).
fn ask_for_message_attributes<'a>(
    input: &mut ReceiveMessageInput,
    fields: impl Iterator<Item = &'a str>,
) {
    let mut names = input.message_attribute_names.take().unwrap_or_default();
    for field in fields {
        let covers = |name: &String| {
            let prefix = name.strip_suffix(".*");
            name == "All" || name == field || prefix.is_some_and(|prefix| field.starts_with(prefix))
        };
        if !names.iter().any(covers) {
            // SQS has a notation of its own for all that begin so.
            names.push(match field.strip_suffix('*') {
                Some(prefix) => format!("{prefix}.*"),
                None => field.to_owned(),
            });
        }
    }
    input.message_attribute_names = (!names.is_empty()).then_some(names);
}

/// Asks for the system attributes in whichever of the two parameters the user chose, because
/// servers look at one of them where both are given.
#[expect(
    deprecated,
    reason = "users of the discontinued parameter keep what they ask for"
)]
fn ask_for_system_attributes(input: &mut ReceiveMessageInput, wanted: &[SystemName]) {
    match &mut input.attribute_names {
        Some(names) if input.message_system_attribute_names.is_none() => {
            let wanted = wanted
                .iter()
                .map(|name| QueueAttributeName::from(name.as_str()));
            add_names(names, wanted, &QueueAttributeName::All);
        }
        _ => {
            let names = input.message_system_attribute_names.get_or_insert_default();
            add_names(names, wanted.iter().cloned(), &SystemName::All);
        }
    }
}

fn add_names<N: PartialEq>(names: &mut Vec<N>, wanted: impl IntoIterator<Item = N>, all: &N) {
    for name in wanted {
        if !names.contains(all) && !names.contains(&name) {
            names.push(name);
        }
    }
}
