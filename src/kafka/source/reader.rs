use std::sync::Arc;

use bytes::BytesMut;
use opentelemetry::Context;
use rdkafka::message::BorrowedMessage;

use super::builder::LaneBy;
use super::place::{Assignment, Place, Ticket, Topic};
use super::retries;
use super::state::Finished;
use crate::contract::{Delivery, Destination, Headers, Lane, LeaseKeeper};
use crate::kafka::record::Record;
use crate::telemetry::{
    ClientOperation, Instrumentation, MessageFacts, MessageLink, Outcome, Puller, Receive,
    SettleSpan, SettleStart, Started,
};

/// Makes deliveries of records.
#[derive(Debug)]
pub(super) struct Reader {
    pub(super) main: Arc<Destination>,
    /// Where failed messages wait, if that is a topic.
    pub(super) retries: Option<Arc<Destination>>,
    pub(super) lanes: LaneBy,
    pub(super) instrumentation: Instrumentation,
}

impl Reader {
    /// The time in which a partition is ours, from now on.
    pub(super) fn assignment(&self, place: Place, epoch: u64) -> Arc<Assignment> {
        let topic = &self.destination(place.topic).name;
        let name = format!("{topic}/{}", place.partition);
        Arc::new(Assignment {
            place,
            epoch,
            keeper: LeaseKeeper::new(),
            lane: (self.lanes == LaneBy::Partition).then(|| Lane::new(name.clone())),
            name,
        })
    }

    /// A record that was just fetched. Nothing is made of it before it is handed over: the thread
    /// that fetches is one, and those that handle are many.
    pub(super) fn read(
        &self,
        message: &BorrowedMessage<'_>,
        block: &mut BytesMut,
        assignment: &Arc<Assignment>,
    ) -> Ticket {
        let record = Record::copy(message, block);
        Ticket {
            key: self.key(&record),
            attempt: match assignment.place.topic {
                Topic::Main => 1,
                Topic::Retries => retries::attempt(&record.headers()),
            },
            assignment: Arc::clone(assignment),
            record,
            context: None,
        }
    }

    /// A delivery of a record; with the first one its context is extracted.
    pub(super) fn deliver(&self, ticket: &mut Ticket) -> Delivery<()> {
        let destination = self.destination(ticket.assignment.place.topic);
        let message = ticket.message();
        let extract = || self.extract(destination, &message.headers);
        let context = ticket.context.get_or_insert_with(extract).clone();
        let lease = ticket.assignment.keeper.lease();
        let mut delivery = Delivery::new(message, Arc::clone(destination), lease, ());
        delivery.context = context;
        delivery.lane = ticket.lane().cloned();
        delivery.attempt = ticket.attempt;
        delivery.attributes = ticket.record.attributes();
        delivery
    }

    /// The topic's own destination.
    pub(super) fn destination(&self, topic: Topic) -> &Arc<Destination> {
        match topic {
            Topic::Main => &self.main,
            Topic::Retries => self.retries.as_ref().unwrap_or(&self.main),
        }
    }

    /// Which topic a name is of.
    pub(super) fn topic(&self, name: &str) -> Topic {
        if name == self.main.name {
            Topic::Main
        } else {
            Topic::Retries
        }
    }

    /// Tells telemetry of records of one topic that were fetched together.
    pub(super) fn record(&self, started: Started, topic: Topic, fetched: &mut [Ticket]) {
        if !self.instrumentation.records() {
            return;
        }
        let unknown = Context::new();
        let deliveries: Vec<Delivery<()>>;
        let messages: Vec<MessageLink<'_>> = if self.instrumentation.receive_spans(Puller::Source) {
            deliveries = fetched.iter_mut().map(|one| self.deliver(one)).collect();
            let links = deliveries.iter().map(|delivery| MessageLink {
                creation: &delivery.context,
                facts: MessageFacts::of(&delivery.message, &delivery.attributes),
            });
            links.collect()
        } else {
            vec![MessageLink::new(&unknown); fetched.len()]
        };
        let receive = Receive {
            destination: self.destination(topic),
            puller: Puller::Source,
            parent: &unknown,
            started,
            messages: &messages,
            batch: true,
        };
        self.instrumentation.received(&receive, &Outcome::success());
    }

    /// Starts the span of a commit.
    pub(super) fn commit(&self, finished: &Finished) -> SettleSpan {
        let links: Vec<MessageLink<'_>> = finished
            .first
            .iter()
            .map(|(place, offset, creation)| MessageLink {
                creation,
                facts: MessageFacts {
                    partition: Some(place.partition),
                    offset: Some(*offset),
                    ..MessageFacts::NONE
                },
            })
            .collect();
        self.instrumentation.settle(&SettleStart {
            destination: &self.main,
            operation: ClientOperation::Commit,
            parent: &Context::new(),
            messages: &links,
            batch_count: (finished.count > 0).then_some(finished.count),
            facts: MessageFacts::NONE,
        })
    }

    fn extract(&self, destination: &Arc<Destination>, headers: &Headers) -> Context {
        self.instrumentation.malformed_keys(destination, || {
            let mut names = headers.iter().map(|(name, _)| name);
            names.any(|name| std::str::from_utf8(name).is_err())
        });
        self.instrumentation.extract(destination, headers)
    }

    /// The lane of a record where keys are lanes; one without a key runs freely.
    fn key(&self, record: &Record) -> Option<Lane> {
        let by_key = self.lanes == LaneBy::Key;
        by_key.then(|| record.key()).flatten().map(Lane::new)
    }
}
