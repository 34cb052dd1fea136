use std::sync::Arc;

use opentelemetry::Context;
use rdkafka::message::BorrowedMessage;

use super::builder::LaneBy;
use super::place::{Assignment, Held, Place, Ticket, Topic};
use super::retries;
use super::state::Finished;
use crate::contract::{Delivery, Destination, Lane, LeaseKeeper, Message};
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
        let name = || format!("{topic}/{}", place.partition);
        Arc::new(Assignment {
            place,
            epoch,
            keeper: LeaseKeeper::new(),
            lane: (self.lanes == LaneBy::Partition).then(|| Lane::new(name())),
        })
    }

    /// A first delivery of a record that was just fetched.
    pub(super) fn read(&self, message: &BorrowedMessage<'_>, assignment: &Arc<Assignment>) -> Held {
        let destination = self.destination(assignment.place.topic);
        let record = Record::copy(message);
        let message = record.message(&destination.name);
        let context = self.instrumentation.extract(destination, &message.headers);
        self.instrumentation.malformed_keys(destination, || {
            let mut names = message.headers.iter().map(|(name, _)| name);
            names.any(|name| std::str::from_utf8(name).is_err())
        });
        let attempt = match assignment.place.topic {
            Topic::Main => 1,
            Topic::Retries => retries::attempt(&message.headers),
        };
        let ticket = Ticket {
            lane: assignment.lane.clone().or_else(|| self.key(&message)),
            assignment: Arc::clone(assignment),
            record,
            context,
            attempt,
        };
        held(ticket, message, destination)
    }

    /// Another delivery of a record.
    pub(super) fn again(&self, ticket: &Ticket, attempt: u32) -> Held {
        let destination = self.destination(ticket.assignment.place.topic);
        let message = ticket.record.message(&destination.name);
        let ticket = Ticket {
            assignment: Arc::clone(&ticket.assignment),
            record: ticket.record.clone(),
            context: ticket.context.clone(),
            lane: ticket.lane.clone(),
            attempt,
        };
        held(ticket, message, destination)
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
    pub(super) fn record(&self, started: Started, topic: Topic, fetched: &[Held]) {
        if !self.instrumentation.records() {
            return;
        }
        let links: Vec<MessageLink<'_>> = fetched
            .iter()
            .map(|held| MessageLink {
                creation: &held.delivery.context,
                facts: MessageFacts::of(&held.delivery.message, &held.delivery.attributes),
            })
            .collect();
        let receive = Receive {
            destination: self.destination(topic),
            puller: Puller::Source,
            parent: &Context::new(),
            started,
            messages: &links,
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

    /// Why the lane of a record that was rejected goes no further.
    pub(super) fn stopped(&self, ticket: &Ticket, reason: &str) -> String {
        let topic = &self.destination(ticket.assignment.place.topic).name;
        let (partition, offset) = (ticket.record.partition, ticket.record.offset);
        format!(
            "{topic}/{partition}/{offset} was rejected, and there is nowhere to put it, so that its \
             lane is stopped: {reason}"
        )
    }

    /// The lane of a message where keys are lanes; one without a key runs freely.
    fn key(&self, message: &Message) -> Option<Lane> {
        let key = message.key.clone().filter(|_| self.lanes == LaneBy::Key);
        key.map(Lane::new)
    }
}

fn held(ticket: Ticket, message: Message, destination: &Arc<Destination>) -> Held {
    let lease = ticket.assignment.keeper.lease();
    let mut delivery = Delivery::new(message, Arc::clone(destination), lease, ());
    delivery.context = ticket.context.clone();
    delivery.lane.clone_from(&ticket.lane);
    delivery.attempt = ticket.attempt;
    delivery.attributes = ticket.record.attributes();
    Held { ticket, delivery }
}
