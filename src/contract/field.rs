use std::time::{Duration, SystemTime};

use bytes::Bytes;

use super::{Message, Value};

/// What a message has beside payload and headers, and not every broker has a place for. Where there
/// is none, it goes as a header.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Field {
    Key,
    Group,
    ContentType,
    ContentEncoding,
    MessageType,
    AppId,
    MessageId,
    CorrelationId,
    ReplyTo,
    Timestamp,
    Priority,
    Expiration,
}

impl Field {
    pub(crate) const ALL: [Self; 12] = [
        Self::Key,
        Self::Group,
        Self::ContentType,
        Self::ContentEncoding,
        Self::MessageType,
        Self::AppId,
        Self::MessageId,
        Self::CorrelationId,
        Self::ReplyTo,
        Self::Timestamp,
        Self::Priority,
        Self::Expiration,
    ];

    /// The header that stands for it. What only one broker knows goes by that one's name, so that
    /// no header of the user's is taken for it.
    pub(crate) const fn header(self) -> &'static str {
        match self {
            Self::Key => "tracehop-key",
            Self::Group => "tracehop-group",
            Self::ContentType => "content-type",
            Self::ContentEncoding => "content-encoding",
            Self::MessageType => "amqp-type",
            Self::AppId => "amqp-app-id",
            Self::MessageId => "message-id",
            Self::CorrelationId => "correlation-id",
            Self::ReplyTo => "reply-to",
            Self::Timestamp => "tracehop-timestamp",
            Self::Priority => "amqp-priority",
            Self::Expiration => "amqp-expiration",
        }
    }

    /// What a header of that name stands for.
    #[cfg(feature = "kafka")]
    pub(crate) fn named(header: &[u8]) -> Option<Self> {
        // Nearly all headers are the user's, and most of those begin otherwise.
        if !matches!(header.first(), Some(b'a' | b'c' | b'm' | b'r' | b't')) {
            return None;
        }
        let mut fields = Self::ALL.into_iter();
        fields.find(|field| field.header().as_bytes() == header)
    }

    /// The value that the message has for it: numbers and milliseconds as integers.
    pub(crate) fn get(self, message: &Message) -> Option<Value> {
        let properties = &message.properties;
        let text = |text: &Option<String>| text.clone().map(Value::Text);
        match self {
            Self::Key => message.key.clone().map(text_or_bytes),
            Self::Group => message.group.clone().map(text_or_bytes),
            Self::ContentType => text(&properties.content_type),
            Self::ContentEncoding => text(&properties.content_encoding),
            Self::MessageType => text(&properties.message_type),
            Self::AppId => text(&properties.app_id),
            Self::MessageId => text(&properties.message_id),
            Self::CorrelationId => text(&properties.correlation_id),
            Self::ReplyTo => text(&properties.reply_to),
            Self::Timestamp => properties.timestamp.map(Value::Timestamp),
            Self::Priority => properties.priority.map(|number| Value::Int(number.into())),
            Self::Expiration => properties.expiration.map(|time| {
                let millis = i64::try_from(time.as_millis()).unwrap_or(i64::MAX);
                Value::Int(millis)
            }),
        }
    }

    /// Takes it off the message.
    #[cfg(feature = "worker")]
    pub(crate) fn clear(self, message: &mut Message) {
        let properties = &mut message.properties;
        match self {
            Self::Key => message.key = None,
            Self::Group => message.group = None,
            Self::ContentType => properties.content_type = None,
            Self::ContentEncoding => properties.content_encoding = None,
            Self::MessageType => properties.message_type = None,
            Self::AppId => properties.app_id = None,
            Self::MessageId => properties.message_id = None,
            Self::CorrelationId => properties.correlation_id = None,
            Self::ReplyTo => properties.reply_to = None,
            Self::Timestamp => properties.timestamp = None,
            Self::Priority => properties.priority = None,
            Self::Expiration => properties.expiration = None,
        }
    }

    /// Puts it onto the message, as [`get`](Self::get) gave it or as text; says whether it is one.
    pub(crate) fn put(self, message: &mut Message, value: &Value) -> bool {
        let properties = &mut message.properties;
        let text = || value.as_str().map(ToOwned::to_owned);
        match self {
            Self::Key => set(&mut message.key, bytes(value)),
            Self::Group => set(&mut message.group, bytes(value)),
            Self::ContentType => set(&mut properties.content_type, text()),
            Self::ContentEncoding => set(&mut properties.content_encoding, text()),
            Self::MessageType => set(&mut properties.message_type, text()),
            Self::AppId => set(&mut properties.app_id, text()),
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

#[cfg(all(test, feature = "kafka", feature = "worker"))]
#[expect(clippy::unwrap_used, reason = "a failed unwrap fails the test")]
mod tests {
    use std::time::UNIX_EPOCH;

    use super::*;

    fn full() -> Message {
        let mut message = Message::new("x").with_key("k").with_group(&b"\xff"[..]);
        message.properties.content_type = Some("text/plain".to_owned());
        message.properties.content_encoding = Some("gzip".to_owned());
        message.properties.message_type = Some("order".to_owned());
        message.properties.app_id = Some("shop".to_owned());
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
            let value = field.get(&from).unwrap();
            assert!(field.put(&mut to, &value), "{field:?}");
            field.clear(&mut from);
            assert_eq!(field.get(&from), None, "{field:?}");
            assert_eq!(Field::named(field.header().as_bytes()), Some(field));
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
