use std::time::{Duration, SystemTime};

use bytes::Bytes;

use crate::contract::{Message, System, Value};

/// What a message has beside payload and headers, and not every broker has a place for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Field {
    Key,
    Group,
    ContentType,
    MessageId,
    CorrelationId,
    ReplyTo,
    Timestamp,
    Priority,
    Expiration,
}

impl Field {
    pub(super) const ALL: [Self; 9] = [
        Self::Key,
        Self::Group,
        Self::ContentType,
        Self::MessageId,
        Self::CorrelationId,
        Self::ReplyTo,
        Self::Timestamp,
        Self::Priority,
        Self::Expiration,
    ];

    /// The header that it goes as where there is no place for it.
    pub(super) const fn header(self) -> &'static str {
        match self {
            Self::Key => "tracehop-key",
            Self::Group => "tracehop-group",
            Self::ContentType => "content-type",
            Self::MessageId => "message-id",
            Self::CorrelationId => "correlation-id",
            Self::ReplyTo => "reply-to",
            Self::Timestamp => "tracehop-timestamp",
            Self::Priority => "amqp-priority",
            Self::Expiration => "amqp-expiration",
        }
    }

    /// Whether messages at that broker have a place for it. Of a broker of somebody else's its
    /// source and sink decide.
    pub(super) const fn has_place(self, at: System) -> bool {
        match at {
            System::AwsSqs | System::AwsSns => matches!(self, Self::Group),
            System::Kafka => matches!(self, Self::Key | Self::Timestamp),
            System::RabbitMq => !matches!(self, Self::Group),
            System::Memory | System::Other(_) => true,
        }
    }

    /// Takes it off the message.
    pub(super) fn take(self, message: &mut Message) -> Option<Value> {
        let properties = &mut message.properties;
        match self {
            Self::Key => message.key.take().map(text_or_bytes),
            Self::Group => message.group.take().map(text_or_bytes),
            Self::ContentType => properties.content_type.take().map(Value::Text),
            Self::MessageId => properties.message_id.take().map(Value::Text),
            Self::CorrelationId => properties.correlation_id.take().map(Value::Text),
            Self::ReplyTo => properties.reply_to.take().map(Value::Text),
            Self::Timestamp => properties.timestamp.take().map(Value::Timestamp),
            Self::Priority => properties.priority.take().map(|p| Value::Int(p.into())),
            Self::Expiration => {
                let expiration = properties.expiration.take()?;
                let millis = i64::try_from(expiration.as_millis()).unwrap_or(i64::MAX);
                Some(Value::Int(millis))
            }
        }
    }

    /// Puts it onto the message, as [`take`](Self::take) gave it or as text; says whether it is one.
    pub(super) fn put(self, message: &mut Message, value: &Value) -> bool {
        let properties = &mut message.properties;
        let text = || value.as_str().map(ToOwned::to_owned);
        match self {
            Self::Key => set(&mut message.key, bytes(value)),
            Self::Group => set(&mut message.group, bytes(value)),
            Self::ContentType => set(&mut properties.content_type, text()),
            Self::MessageId => set(&mut properties.message_id, text()),
            Self::CorrelationId => set(&mut properties.correlation_id, text()),
            Self::ReplyTo => set(&mut properties.reply_to, text()),
            Self::Timestamp => set(&mut properties.timestamp, time(value)),
            Self::Priority => set(
                &mut properties.priority,
                number(value).and_then(|number| u8::try_from(number).ok()),
            ),
            Self::Expiration => set(
                &mut properties.expiration,
                number(value).map(Duration::from_millis),
            ),
        }
    }
}

fn set<T>(place: &mut Option<T>, value: Option<T>) -> bool {
    let is_one = value.is_some();
    if is_one {
        *place = value;
    }
    is_one
}

fn text_or_bytes(bytes: Bytes) -> Value {
    match String::from_utf8(Vec::from(bytes)) {
        Ok(text) => Value::Text(text),
        Err(error) => Value::Bytes(error.into_bytes().into()),
    }
}

fn bytes(value: &Value) -> Option<Bytes> {
    match value {
        Value::Text(text) => Some(text.clone().into()),
        Value::Bytes(bytes) => Some(bytes.clone()),
        _ => None,
    }
}

fn number(value: &Value) -> Option<u64> {
    match value {
        Value::Int(number) => u64::try_from(*number).ok(),
        value => value.as_str()?.parse().ok(),
    }
}

fn time(value: &Value) -> Option<SystemTime> {
    match value {
        Value::Timestamp(at) => Some(*at),
        _ => None,
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a failed unwrap fails the test")]
mod tests {
    use std::time::UNIX_EPOCH;

    use super::*;

    fn full() -> Message {
        let mut message = Message::new("x").with_key("k").with_group(&b"\xff"[..]);
        message.properties.content_type = Some("text/plain".to_owned());
        message.properties.message_id = Some("7".to_owned());
        message.properties.correlation_id = Some("c".to_owned());
        message.properties.reply_to = Some("answers".to_owned());
        message.properties.timestamp = Some(UNIX_EPOCH + Duration::new(1_700_000_000, 120_000_000));
        message.properties.priority = Some(9);
        message.properties.expiration = Some(Duration::from_millis(1500));
        message
    }

    #[test]
    fn what_is_taken_off_can_be_put_back() {
        let (mut from, mut to) = (full(), Message::new("x"));
        for field in Field::ALL {
            let value = field.take(&mut from).unwrap();
            assert!(field.put(&mut to, &value), "{field:?}");
            assert_eq!(field.take(&mut from), None, "{field:?}");
        }
        assert_eq!(to, full());
    }

    #[test]
    fn numbers_are_read_from_text_too() {
        let mut to = Message::new("x");
        assert!(Field::Priority.put(&mut to, &"9".into()));
        assert!(Field::Expiration.put(&mut to, &"1500".into()));
        assert_eq!(to.properties.priority, full().properties.priority);
        assert_eq!(to.properties.expiration, full().properties.expiration);
    }

    #[test]
    fn what_is_none_is_left_where_it_is() {
        let mut message = full();
        for (field, text) in [
            (Field::Priority, "256"),
            (Field::Expiration, "soon"),
            (Field::Timestamp, "now"),
        ] {
            assert!(!field.put(&mut message, &text.into()), "{field:?}");
        }
        assert_eq!(message, full());
    }
}
