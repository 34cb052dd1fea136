use std::fmt::Write as _;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use bytes::{Buf as _, Bytes, BytesMut};
use rdkafka::Message as _;
use rdkafka::message::{BorrowedMessage, OwnedHeaders, Timestamp};
use tracehop_kafka::{RawHeader, RawHeaders, append};

use super::properties;
use crate::contract::{Attributes, Headers, Message, Value};

/// How many bytes a block of records has at least; it is kept as long as one of them is.
const BLOCK: usize = 32 * 1024;
/// How much room is made for headers at first.
const HEADERS: usize = 512;
/// Stands for the length of what is null.
const NULL: u32 = u32::MAX;

/// A record as it was consumed, in one piece of memory, from which its message can be made more
/// than once: a record that is tried again is not fetched again.
///
/// Key, payload and each header stand one behind the other, every part as its length and its bytes.
#[derive(Clone, Debug)]
pub(super) struct Record {
    bytes: Bytes,
    headers: usize,
    pub(super) partition: i32,
    pub(super) offset: i64,
    timestamp: Timestamp,
}

impl Record {
    /// A copy of what librdkafka will free. Records that are fetched together share blocks of
    /// memory: one thread takes them, and others give them back.
    pub(super) fn copy(message: &BorrowedMessage<'_>, block: &mut BytesMut) -> Self {
        let (key, payload) = (message.key(), message.payload());
        let body = key.map_or(0, <[u8]>::len) + payload.map_or(0, <[u8]>::len);
        if block.capacity() < body + HEADERS {
            *block = BytesMut::with_capacity(BLOCK.max(body + HEADERS));
        }
        put(block, key);
        put(block, payload);
        let mut headers = 0;
        for header in message.headers().map(RawHeaders::new).into_iter().flatten() {
            put(block, Some(header.key));
            put(block, header.value);
            headers += 1;
        }
        Self {
            bytes: block.split().freeze(),
            headers,
            partition: message.partition(),
            offset: message.offset(),
            timestamp: message.timestamp(),
        }
    }

    /// How much memory it takes, in bytes.
    pub(super) fn size(&self) -> usize {
        self.bytes.len()
    }

    /// The message that it is: its key stands as the group too, because Kafka keeps a key in order.
    /// `partition` is the name of its partition.
    pub(super) fn message(&self, partition: &str) -> Message {
        let mut rest = self.bytes.clone();
        let key = part(&mut rest);
        let payload = part(&mut rest);
        let headers = self.headers_in(rest);
        let mut message = Message {
            payload,
            group: key.clone(),
            key,
            ..Message::default()
        };
        properties::read(&headers, &mut message);
        message.headers = headers;
        let properties = &mut message.properties;
        properties
            .message_id
            .get_or_insert_with(|| self.id(partition));
        if let Timestamp::CreateTime(_) = self.timestamp {
            properties.timestamp = self.time();
        }
        message
    }

    fn id(&self, partition: &str) -> String {
        const LONGEST_OFFSET: usize = 20;
        let mut id = String::with_capacity(partition.len() + 1 + LONGEST_OFFSET);
        id.push_str(partition);
        // Text takes whatever is written.
        let _ = write!(id, "/{}", self.offset);
        id
    }

    /// The key alone.
    pub(super) fn key(&self) -> Option<Bytes> {
        part(&mut self.bytes.clone())
    }

    /// The headers alone.
    pub(super) fn headers(&self) -> Headers {
        let mut rest = self.bytes.clone();
        let _body = (part(&mut rest), part(&mut rest));
        self.headers_in(rest)
    }

    fn headers_in(&self, mut rest: Bytes) -> Headers {
        let mut header = || (part(&mut rest).unwrap_or_default(), value(&mut rest));
        (0..self.headers).map(|_| header()).collect()
    }

    pub(super) fn attributes(&self) -> Attributes {
        Attributes {
            enqueued_at: self.time(),
            partition: Some(self.partition),
            offset: Some(self.offset),
            ..Attributes::default()
        }
    }

    fn time(&self) -> Option<SystemTime> {
        let millis = u64::try_from(self.timestamp.to_millis()?).ok()?;
        UNIX_EPOCH.checked_add(Duration::from_millis(millis))
    }
}

/// The headers of a message as a record has them; `None` where there are none.
pub(super) fn headers(message: &Message) -> Option<OwnedHeaders> {
    let properties = properties::write(message);
    let kept = message
        .headers
        .iter()
        .filter(|(name, _)| !properties::replaced(name, &properties));
    let mut headers = OwnedHeaders::new_with_capacity(message.headers.len() + properties.len() + 3);
    let mut any = false;
    for (name, value) in kept {
        any = true;
        let text;
        let value = match value {
            Value::Null => None,
            Value::Text(text) => Some(text.as_bytes()),
            Value::Bytes(bytes) | Value::Other { bytes, .. } => Some(bytes.as_ref()),
            value => {
                text = as_text(value);
                Some(text.as_bytes())
            }
        };
        append(&mut headers, RawHeader { key: name, value });
    }
    for (name, value) in &properties {
        any = true;
        let (key, value) = (name.as_bytes(), Some(value.as_bytes()));
        append(&mut headers, RawHeader { key, value });
    }
    any.then_some(headers)
}

/// Kafka's headers have no types: what is not text or bytes goes out in its usual spelling.
fn as_text(value: &Value) -> String {
    match value {
        Value::Bool(flag) => flag.to_string(),
        Value::Int(number) => number.to_string(),
        Value::Float(number) => number.to_string(),
        Value::Timestamp(time) => millis(*time).to_string(),
        Value::Null | Value::Text(_) | Value::Bytes(_) | Value::Other { .. } => String::new(),
    }
}

/// Milliseconds since the Unix epoch, as Kafka counts time.
pub(super) fn millis(time: SystemTime) -> i64 {
    let since = time.duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_millis()).unwrap_or(i64::MAX)
}

/// Adds a part at the end.
fn put(block: &mut BytesMut, part: Option<&[u8]>) {
    // librdkafka's own lengths are of 32 bits, with a sign.
    let length = part.map_or(NULL, |part| u32::try_from(part.len()).unwrap_or(NULL));
    block.extend_from_slice(&length.to_le_bytes());
    block.extend_from_slice(part.unwrap_or_default());
}

/// Takes the next part off the front, as a header's value. Text is text, as it is for those who
/// wrote it; other bytes are bytes.
fn value(rest: &mut Bytes) -> Value {
    let Some(length) = length(rest) else {
        return Value::Null;
    };
    match std::str::from_utf8(&rest[..length]) {
        Ok(text) => {
            let text = Value::Text(text.to_owned());
            rest.advance(length);
            text
        }
        Err(_) => Value::Bytes(rest.split_to(length)),
    }
}

/// Takes the next part off the front.
fn part(rest: &mut Bytes) -> Option<Bytes> {
    let length = length(rest)?;
    Some(rest.split_to(length))
}

/// Takes the length of the next part off the front; `None` where that is null.
fn length(rest: &mut Bytes) -> Option<usize> {
    let length = rest.get_u32_le();
    (length != NULL).then_some(length as usize)
}

#[cfg(test)]
impl Record {
    /// A record of that partition and offset, with nothing in it.
    pub(super) fn empty(partition: i32, offset: i64) -> Self {
        Self {
            bytes: Bytes::from_static(&[0xff; 8]),
            headers: 0,
            partition,
            offset,
            timestamp: Timestamp::NotAvailable,
        }
    }
}
