//! Every name that telemetry writes: OpenTelemetry semantic conventions v1.44.0 (docs/messaging),
//! then this crate's own.
//!
//! The conventions' names stand here and not in a dependency, because the crate that has them may
//! rename them in a minor version. A test compares the two.

use std::sync::LazyLock;

use opentelemetry::trace::SpanKind;
use opentelemetry::{InstrumentationScope, KeyValue};

use crate::contract::System;

pub(super) const SCOPE: &str = "tracehop";
const SCHEMA_URL: &str = "https://opentelemetry.io/schemas/1.44.0";

/// The instrumentation scope of everything here.
pub(super) fn scope() -> InstrumentationScope {
    InstrumentationScope::builder(SCOPE)
        .with_version(env!("CARGO_PKG_VERSION"))
        .with_schema_url(SCHEMA_URL)
        .build()
}

pub(super) const SYSTEM: &str = "messaging.system";
pub(super) const OPERATION_NAME: &str = "messaging.operation.name";
pub(super) const OPERATION_TYPE: &str = "messaging.operation.type";
pub(super) const DESTINATION_NAME: &str = "messaging.destination.name";
pub(super) const DESTINATION_TEMPLATE: &str = "messaging.destination.template";
pub(super) const DESTINATION_ANONYMOUS: &str = "messaging.destination.anonymous";
pub(super) const DESTINATION_TEMPORARY: &str = "messaging.destination.temporary";
pub(super) const PARTITION_ID: &str = "messaging.destination.partition.id";
pub(super) const MESSAGE_ID: &str = "messaging.message.id";
pub(super) const CONVERSATION_ID: &str = "messaging.message.conversation_id";
pub(super) const BODY_SIZE: &str = "messaging.message.body.size";
pub(super) const BATCH_MESSAGE_COUNT: &str = "messaging.batch.message_count";
pub(super) const CONSUMER_GROUP: &str = "messaging.consumer.group.name";
pub(super) const KAFKA_KEY: &str = "messaging.kafka.message.key";
pub(super) const KAFKA_TOMBSTONE: &str = "messaging.kafka.message.tombstone";
pub(super) const KAFKA_OFFSET: &str = "messaging.kafka.offset";
pub(super) const RABBITMQ_ROUTING_KEY: &str = "messaging.rabbitmq.destination.routing_key";
pub(super) const RABBITMQ_DELIVERY_TAG: &str = "messaging.rabbitmq.message.delivery_tag";
pub(super) const SERVER_ADDRESS: &str = "server.address";
pub(super) const SERVER_PORT: &str = "server.port";
pub(super) const ERROR_TYPE: &str = "error.type";
pub(super) const AWS_REQUEST_ID: &str = "aws.request_id";
/// On spans of function invocations (docs/faas/aws-lambda.md).
pub(super) const FAAS_TRIGGER: &str = "faas.trigger";
pub(super) const SQS_QUEUE_URL: &str = "aws.sqs.queue.url";
pub(super) const SNS_TOPIC_ARN: &str = "aws.sns.topic.arn";

pub(super) const OPERATION_DURATION: &str = "messaging.client.operation.duration";
pub(super) const PROCESS_DURATION: &str = "messaging.process.duration";
pub(super) const SENT_MESSAGES: &str = "messaging.client.sent.messages";
pub(super) const CONSUMED_MESSAGES: &str = "messaging.client.consumed.messages";

pub(super) const ATTEMPT: &str = "tracehop.message.attempt";
pub(super) const HEADER_PREFIX: &str = "tracehop.message.header.";
pub(super) const SETTLEMENT: &str = "tracehop.settlement";
pub(super) const LEASE_LOST: &str = "tracehop.lease.lost";
pub(super) const LINKS_OMITTED: &str = "tracehop.links.omitted";
pub(super) const BATCH_FAILED_COUNT: &str = "tracehop.batch.failed_count";
pub(super) const RELAY_ROUTE: &str = "tracehop.relay.route";
pub(super) const RELAY_HOP: &str = "tracehop.relay.hop";
pub(super) const LINK_TYPE: &str = "tracehop.link.type";
pub(super) const FORMAT: &str = "tracehop.format";
pub(super) const FIELD: &str = "tracehop.field";
pub(super) const REASON: &str = "tracehop.reason";

pub(super) const QUEUE_TIME: &str = "tracehop.message.queue_time";
pub(super) const INJECTED: &str = "tracehop.propagation.injected";
pub(super) const EXTRACTED: &str = "tracehop.propagation.extracted";
pub(super) const MISSING: &str = "tracehop.propagation.missing";
pub(super) const MALFORMED: &str = "tracehop.propagation.malformed";
pub(super) const DROPPED: &str = "tracehop.propagation.dropped";
pub(super) const BAGGAGE_DROPPED: &str = "tracehop.baggage.dropped";
pub(super) const SETTLED: &str = "tracehop.worker.settled";
pub(super) const LEASES_LOST: &str = "tracehop.worker.leases_lost";
pub(super) const IN_FLIGHT: &str = "tracehop.worker.in_flight";

/// Stands for a format where it is the key of a header that is malformed.
pub(super) const HEADER_KEY: &str = "header_key";

/// An instrument that never has a value.
pub(super) const PROBE: &str = "tracehop.probe";
#[cfg(feature = "setup")]
pub(super) const SPANS_DROPPED: &str = "tracehop.setup.spans_dropped";

/// Fallback of `error.type` (semantic conventions v1.44.0, general attributes).
pub(super) const OTHER: &str = "_OTHER";

/// The attribute that says a Kafka partition, which the conventions have as text.
pub(super) fn partition(partition: i32) -> KeyValue {
    /// Most topics have fewer partitions.
    static LOW: LazyLock<[Box<str>; 128]> =
        LazyLock::new(|| std::array::from_fn(|number| number.to_string().into()));
    let low = usize::try_from(partition).ok();
    match low.and_then(|number| LOW.get(number)) {
        Some(text) => KeyValue::new(PARTITION_ID, &**text),
        None => KeyValue::new(PARTITION_ID, partition.to_string()),
    }
}

/// What a client asks of the broker besides sending and receiving.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ClientOperation {
    /// SQS `DeleteMessage`, single or batch.
    Delete,
    /// SQS `ChangeMessageVisibility`, single or batch.
    ChangeVisibility {
        /// Whether it settles the message: a timeout of 0, or a worker's nack. Extending a lease
        /// settles nothing.
        settles: bool,
    },
    /// AMQP `basic.ack`.
    Ack,
    /// AMQP `basic.nack`.
    Nack,
    /// AMQP `basic.reject`.
    Reject,
    /// A Kafka offset commit.
    Commit,
}

/// The operations that spans are made of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Op {
    Create,
    Send,
    Receive,
    Process,
    Client(ClientOperation),
}

impl Op {
    /// How many [`index`](Self::index) tells apart.
    pub(super) const COUNT: usize = 11;

    pub(super) const fn index(self) -> usize {
        match self {
            Self::Create => 0,
            Self::Send => 1,
            Self::Receive => 2,
            Self::Process => 3,
            Self::Client(ClientOperation::Delete) => 4,
            Self::Client(ClientOperation::ChangeVisibility { settles: true }) => 5,
            Self::Client(ClientOperation::ChangeVisibility { settles: false }) => 6,
            Self::Client(ClientOperation::Ack) => 7,
            Self::Client(ClientOperation::Nack) => 8,
            Self::Client(ClientOperation::Reject) => 9,
            Self::Client(ClientOperation::Commit) => 10,
        }
    }

    /// `messaging.operation.name`: the system's own word for it.
    pub(super) const fn name(self, system: System) -> &'static str {
        match (self, system) {
            (Self::Create, _) => "create",
            (Self::Send, System::RabbitMq | System::AwsSns) => "publish",
            (Self::Send, _) => "send",
            (Self::Receive, System::RabbitMq) => "consume",
            (Self::Receive, System::Kafka) => "poll",
            (Self::Receive, _) => "receive",
            (Self::Process, _) => "process",
            (Self::Client(operation), _) => match operation {
                ClientOperation::Delete => "delete",
                ClientOperation::ChangeVisibility { .. } => "change_visibility",
                ClientOperation::Ack => "ack",
                ClientOperation::Nack => "nack",
                ClientOperation::Reject => "reject",
                ClientOperation::Commit => "commit",
            },
        }
    }

    /// `messaging.operation.type`, where the operation is of one of the conventions' types.
    pub(super) const fn operation_type(self) -> Option<&'static str> {
        match self {
            Self::Create => Some("create"),
            Self::Send => Some("send"),
            Self::Receive => Some("receive"),
            Self::Process => Some("process"),
            Self::Client(ClientOperation::ChangeVisibility { settles: false }) => None,
            Self::Client(_) => Some("settle"),
        }
    }

    /// The span kind. A send is [`SpanKind::Producer`] where its own context is the creation
    /// context, which only the sender knows.
    pub(super) const fn kind(self) -> SpanKind {
        match self {
            Self::Create => SpanKind::Producer,
            Self::Process => SpanKind::Consumer,
            Self::Send | Self::Receive | Self::Client(_) => SpanKind::Client,
        }
    }

    /// Whether its context goes anywhere: onto a message, or into a handler.
    pub(super) const fn has_context(self) -> bool {
        matches!(self, Self::Create | Self::Send | Self::Process)
    }

    /// Whether messages come rather than go, which is when a consumer group is told.
    pub(super) const fn consumes(self) -> bool {
        !matches!(self, Self::Create | Self::Send)
    }
}

/// Why a span links to another; the value of `tracehop.link.type`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum LinkType {
    /// The context in which the message was created.
    Creation,
    /// The process span of the attempt before this one.
    PreviousAttempt,
    /// The span that was current, where it is not the parent.
    Ambient,
}

impl LinkType {
    /// The value that telemetry uses.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Creation => "creation",
            Self::PreviousAttempt => "previous_attempt",
            Self::Ambient => "ambient",
        }
    }

    /// The attribute of a link that says so.
    pub(super) fn attribute(self) -> KeyValue {
        KeyValue::new(LINK_TYPE, self.as_str())
    }
}

#[cfg(test)]
mod tests;
