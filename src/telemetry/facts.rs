use std::any::Any;
use std::borrow::Cow;
use std::fmt;
use std::time::SystemTime;

use opentelemetry::propagation::Extractor;
use opentelemetry::{Context, KeyValue};

use super::names;
use crate::contract::{Attributes, Error, Message, System};

/// What is known of one message. Borrowed: nothing is built from it for a span that is not
/// recorded, beyond what samplers see.
#[derive(Clone, Copy, Default)]
#[non_exhaustive]
pub struct MessageFacts<'a> {
    /// The broker's id of the message.
    pub id: Option<&'a str>,
    /// The conversation or correlation id.
    pub conversation_id: Option<&'a str>,
    /// Bytes of the body; recorded only with
    /// [`InstrumentationBuilder::body_size`](super::InstrumentationBuilder::body_size).
    pub body_size: Option<usize>,
    /// When the broker took the message in, by its own clock; queue time counts from here.
    pub enqueued_at: Option<SystemTime>,
    /// Kafka partition.
    pub partition: Option<i32>,
    /// Kafka offset.
    pub offset: Option<i64>,
    /// Kafka key; recorded where it is UTF-8.
    pub key: Option<&'a [u8]>,
    /// A Kafka message with a key and no value.
    pub tombstone: bool,
    /// AMQP delivery tag.
    pub delivery_tag: Option<u64>,
    /// The headers, for
    /// [`capture_headers`](super::InstrumentationBuilder::capture_headers).
    pub headers: Option<&'a dyn Extractor>,
}

impl<'a> MessageFacts<'a> {
    /// Nothing known.
    pub const NONE: Self = Self {
        id: None,
        conversation_id: None,
        body_size: None,
        enqueued_at: None,
        partition: None,
        offset: None,
        key: None,
        tombstone: false,
        delivery_tag: None,
        headers: None,
    };

    /// What a message of the broker contract tells.
    pub fn of(message: &'a Message, attributes: &Attributes) -> Self {
        Self {
            id: message.properties.message_id.as_deref(),
            conversation_id: message.properties.correlation_id.as_deref(),
            body_size: Some(message.body().len()),
            enqueued_at: attributes.enqueued_at,
            partition: attributes.partition,
            offset: attributes.offset,
            key: message.key.as_deref(),
            tombstone: message.payload.is_none(),
            delivery_tag: attributes.delivery_tag,
            headers: Some(&message.headers),
        }
    }

    /// Sets the broker's id.
    #[must_use]
    pub fn with_id(mut self, id: Option<&'a str>) -> Self {
        self.id = id;
        self
    }

    /// Sets the size of the body in bytes.
    #[must_use]
    pub fn with_body_size(mut self, bytes: usize) -> Self {
        self.body_size = Some(bytes);
        self
    }

    /// Sets when the broker took the message in.
    #[must_use]
    pub fn with_enqueued_at(mut self, at: Option<SystemTime>) -> Self {
        self.enqueued_at = at;
        self
    }

    /// Sets the headers.
    #[must_use]
    pub fn with_headers(mut self, headers: &'a dyn Extractor) -> Self {
        self.headers = Some(headers);
        self
    }

    /// Hands out the attributes that differ from message to message, but for the headers. Those
    /// of one system are told of that system alone.
    pub(super) fn describe(
        &self,
        system: System,
        body_size: bool,
        mut attribute: impl FnMut(KeyValue),
    ) {
        if let Some(id) = self.id {
            attribute(KeyValue::new(names::MESSAGE_ID, id.to_owned()));
        }
        if let Some(id) = self.conversation_id {
            attribute(KeyValue::new(names::CONVERSATION_ID, id.to_owned()));
        }
        if let (true, Some(bytes)) = (body_size, self.body_size) {
            attribute(KeyValue::new(names::BODY_SIZE, saturating(bytes)));
        }
        if system == System::Kafka {
            if let Some(offset) = self.offset {
                attribute(KeyValue::new(names::KAFKA_OFFSET, offset));
            }
            // A key without a canonical string form is left out (kafka.md, v1.44.0).
            if let Some(key) = self.key.and_then(|key| std::str::from_utf8(key).ok()) {
                attribute(KeyValue::new(names::KAFKA_KEY, key.to_owned()));
            }
            if self.tombstone {
                attribute(KeyValue::new(names::KAFKA_TOMBSTONE, true));
            }
        }
        if let (System::RabbitMq, Some(tag)) = (system, self.delivery_tag) {
            let tag = i64::try_from(tag).unwrap_or(i64::MAX);
            attribute(KeyValue::new(names::RABBITMQ_DELIVERY_TAG, tag));
        }
    }

    /// How many attributes there are to tell of it, but for headers.
    pub(super) fn count(&self) -> usize {
        let known = [
            self.id.is_some(),
            self.conversation_id.is_some(),
            self.body_size.is_some(),
            self.partition.is_some(),
            self.offset.is_some(),
            self.key.is_some(),
            self.tombstone,
            self.delivery_tag.is_some(),
        ];
        known.into_iter().filter(|known| *known).count()
    }

    /// The partition, which samplers see too.
    pub(super) fn partition(&self) -> Option<KeyValue> {
        self.partition.map(names::partition)
    }
}

impl fmt::Debug for MessageFacts<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Keys and headers are the user's data.
        f.debug_struct("MessageFacts")
            .field("id", &self.id)
            .field("partition", &self.partition)
            .field("offset", &self.offset)
            .field("delivery_tag", &self.delivery_tag)
            .finish_non_exhaustive()
    }
}

/// One message that a span is about and links to.
#[derive(Clone, Copy, Debug)]
pub struct MessageLink<'a> {
    /// The message's creation context, as extracted, or the context of its create span.
    pub creation: &'a Context,
    /// What goes on the link.
    pub facts: MessageFacts<'a>,
}

impl<'a> MessageLink<'a> {
    /// A link with nothing said of the message.
    pub const fn new(creation: &'a Context) -> Self {
        Self {
            creation,
            facts: MessageFacts::NONE,
        }
    }
}

/// Why an operation failed, as spans and metrics say it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OperationError<'a> {
    error_type: Cow<'a, str>,
    description: Cow<'a, str>,
}

impl<'a> OperationError<'a> {
    /// `error_type` is of low cardinality: the broker's or service's code, or one of the words
    /// that the constructors below use; empty becomes `_OTHER`. `description` is for people, and
    /// holds no credential.
    pub fn new(error_type: impl Into<Cow<'a, str>>, description: impl Into<Cow<'a, str>>) -> Self {
        let error_type = error_type.into();
        Self {
            error_type: if error_type.is_empty() {
                Cow::Borrowed(names::OTHER)
            } else {
                error_type
            },
            description: description.into(),
        }
    }

    /// A failure with no code: `_OTHER`.
    pub fn other(description: impl Into<Cow<'a, str>>) -> Self {
        Self::new(names::OTHER, description)
    }

    /// The future of a send, settle or handler was dropped: `cancelled`.
    pub fn cancelled() -> Self {
        Self::new("cancelled", "dropped before it was done")
    }

    /// A handler ran out of its time: `timeout`.
    pub fn timeout() -> Self {
        Self::new("timeout", "the handler ran out of its time")
    }

    /// A handler panicked, with what `catch_unwind` caught of it: `panic`, in the panic's words
    /// where it has any.
    pub fn panicked(payload: &'a (dyn Any + Send)) -> Self {
        let text = payload.downcast_ref::<&str>().copied();
        let text = text.or_else(|| payload.downcast_ref::<String>().map(String::as_str));
        Self::new("panic", text.unwrap_or("the handler panicked"))
    }

    /// The lease of the delivery was lost under its handler: `lease_lost`.
    pub fn lease_lost() -> Self {
        Self::new("lease_lost", "the lease was lost while the handler ran")
    }

    /// The error of a batch call whose failed entries have these codes: the code they share, else
    /// `_OTHER`; `None` where none failed.
    pub fn shared(codes: impl IntoIterator<Item = &'a str>) -> Option<Self> {
        let mut codes = codes.into_iter();
        let first = codes.next()?;
        let mut count = 1;
        let mut same = true;
        for code in codes {
            count += 1;
            same &= code == first;
        }
        let error_type = if same { first } else { names::OTHER };
        Some(Self::new(error_type, format!("failed entries: {count}")))
    }

    /// The value of `error.type`.
    pub fn error_type(&self) -> &str {
        &self.error_type
    }

    /// What the span's status says.
    pub fn description(&self) -> &str {
        &self.description
    }
}

impl From<&Error> for OperationError<'static> {
    fn from(error: &Error) -> Self {
        Self::new(error.code().to_owned(), error.to_string())
    }
}

pub(super) fn saturating(count: usize) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}
