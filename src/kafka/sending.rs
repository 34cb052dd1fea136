use opentelemetry::Context;
use opentelemetry::propagation::Injector as _;
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::message::{OwnedHeaders, ToBytes};
use rdkafka::producer::{BaseRecord, FutureRecord};
use rdkafka::util::IntoOpaque;
use tracehop_kafka::{HeaderExtractor, HeaderInjector, Injected, RawHeaders};
use tracehop_propagation::BaggageDropped;

use super::KafkaCluster;
use super::failure::operation_error;
use crate::telemetry::{Marked, MessageFacts, Outcome, SendSpan, SendStart, fresh_lineage};

/// A record that is about to be sent.
pub(super) struct Record<'r> {
    pub(super) topic: &'r str,
    pub(super) partition: Option<i32>,
    pub(super) key: Option<&'r [u8]>,
    pub(super) payload: Option<&'r [u8]>,
    pub(super) headers: &'r mut Option<OwnedHeaders>,
}

impl<'r, K: ToBytes + ?Sized, P: ToBytes + ?Sized> From<&'r mut FutureRecord<'_, K, P>>
    for Record<'r>
{
    fn from(record: &'r mut FutureRecord<'_, K, P>) -> Self {
        Self {
            topic: record.topic,
            partition: record.partition,
            key: record.key.map(ToBytes::to_bytes),
            payload: record.payload.map(ToBytes::to_bytes),
            headers: &mut record.headers,
        }
    }
}

impl<'r, K, P, D> From<&'r mut BaseRecord<'_, K, P, D>> for Record<'r>
where
    K: ToBytes + ?Sized,
    P: ToBytes + ?Sized,
    D: IntoOpaque,
{
    fn from(record: &'r mut BaseRecord<'_, K, P, D>) -> Self {
        Self {
            topic: record.topic,
            partition: record.partition,
            key: record.key.map(ToBytes::to_bytes),
            payload: record.payload.map(ToBytes::to_bytes),
            headers: &mut record.headers,
        }
    }
}

impl KafkaCluster {
    /// Starts the span of a send where `current` is current, and puts its context onto the record,
    /// unless the user put one there. `None` where there is nothing to record and nothing to pass
    /// on.
    pub(super) fn send(&self, current: &Context, record: Record<'_>) -> Option<Sending> {
        let telemetry = self.telemetry();
        if !telemetry.concerns(current) {
            return None;
        }
        let Record {
            topic,
            partition,
            key,
            payload,
            headers,
        } = record;
        let destination = self.topic(topic);
        let carrier = HeaderExtractor::new(headers.as_ref().map(OwnedHeaders::as_borrowed));
        let (marked, lineage) = match headers {
            Some(_) => (
                telemetry.marked(&destination, &carrier, current),
                fresh_lineage(&carrier, current).collect(),
            ),
            None => (Marked::none(), Vec::new()),
        };
        let users = marked.users_link();
        let span = telemetry.records().then(|| {
            telemetry.send(&SendStart {
                destination: &destination,
                parent: current,
                batch_count: None,
                creation: users.is_none(),
                messages: users.as_slice(),
                facts: MessageFacts {
                    partition: known(partition),
                    key,
                    tombstone: payload.is_none(),
                    body_size: Some(payload.map_or(0, <[u8]>::len)),
                    headers: Some(&carrier),
                    ..MessageFacts::NONE
                },
            })
        });
        let context = span.as_ref().map_or(current, SendSpan::context);
        let carried = marked.carried(current, context);
        let propagator = telemetry.propagator_for(&destination);
        let mut injector = HeaderInjector::new(&*propagator, headers);
        for (name, value) in lineage {
            injector.set(name, value);
        }
        if marked.is_users() {
            injector = injector.keep_present();
        }
        let baggage = propagator.inject(&carried, &mut injector);
        let injected = injector.finish();
        let dropped = injected.dropped.iter();
        let dropped = dropped.map(|field| (field.as_str(), "invalid"));
        telemetry.injected(&destination, &carried, dropped, baggage);
        Some(Sending {
            span: span.and_then(SendSpan::pending),
            injected: Some(injected),
        })
    }

    /// Takes off what was written to a record for `topic`, and counts it as dropped.
    pub(super) fn withdraw(
        &self,
        sending: &mut Sending,
        topic: &str,
        headers: &mut Option<OwnedHeaders>,
    ) {
        let Some(injected) = sending.injected.take() else {
            return;
        };
        let raw = headers
            .as_ref()
            .map(|headers| RawHeaders::new(headers.as_borrowed()));
        let written = raw.into_iter().flatten().rev().take(injected.fields);
        let written: Vec<_> = written
            .map(|field| String::from_utf8_lossy(field.key).into_owned())
            .collect();
        let dropped = written.iter().map(|field| (field.as_str(), "bytes"));
        let (nothing, none) = (Context::new(), BaggageDropped::default());
        self.telemetry()
            .injected(&self.topic(topic), &nothing, dropped, none);
        injected.undo(headers);
    }
}

/// A send under way. Dropping it ends its span as `cancelled`.
#[derive(Debug)]
pub(super) struct Sending {
    span: Option<Box<SendSpan>>,
    /// `None` once it is taken off again.
    injected: Option<Injected>,
}

impl Sending {
    /// Whether the record is too large, and might not be without what was written to it.
    pub(super) fn is_in_the_way(&self, error: &KafkaError) -> bool {
        let wrote = self
            .injected
            .as_ref()
            .is_some_and(|injected| injected.fields > 0);
        wrote && error.rdkafka_error_code() == Some(RDKafkaErrorCode::MessageSizeTooLarge)
    }

    /// The broker has the record.
    pub(super) fn delivered(self, partition: i32, offset: i64) {
        let Some(span) = self.span else {
            return;
        };
        let facts = MessageFacts {
            partition: known(Some(partition)),
            // Negative without acknowledgements.
            offset: Some(offset).filter(|offset| *offset >= 0),
            ..MessageFacts::NONE
        };
        span.end(&Outcome {
            facts,
            ..Outcome::success()
        });
    }

    /// The record was not sent: its owner gets it back with the headers that it had.
    pub(super) fn failed(self, error: &KafkaError, headers: &mut Option<OwnedHeaders>) {
        if let Some(injected) = self.injected {
            injected.undo(headers);
        }
        if let Some(span) = self.span {
            span.end(&Outcome::failure(operation_error(error)));
        }
    }
}

/// librdkafka writes a partition that it has yet to choose as -1.
fn known(partition: Option<i32>) -> Option<i32> {
    partition.filter(|partition| *partition >= 0)
}
