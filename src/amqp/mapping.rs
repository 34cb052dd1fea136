//! What a message is on AMQP, and back: the only place that knows.
//!
//! AMQP 0-9-1 with RabbitMQ's field types. What it has no place for goes into headers of ours: a
//! group, a deduplication id, and a key beside a routing key that is fixed. What it cannot carry is
//! refused with the reason.

use std::collections::BTreeMap;
use std::time::Duration;

use bytes::Bytes;
use lapin::BasicProperties;
use lapin::types::{AMQPValue, FieldTable, ShortString};

use super::value;
use crate::contract::{Headers, Message, Properties};

const KEY: &str = "tracehop-key";
const GROUP: &str = "tracehop-group";
const DEDUP_ID: &str = "tracehop-dedup-id";

/// Why AMQP cannot carry a message.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Refused(pub(super) String);

type Result<T> = std::result::Result<T, Refused>;

/// The routing key, properties and payload of a message; `fixed` is the routing key of a sink that
/// has one for all.
pub(super) fn to_amqp(
    message: Message,
    fixed: Option<&str>,
) -> Result<(ShortString, BasicProperties, Bytes)> {
    let Some(payload) = message.payload else {
        return Err(refused("a message without a payload has no form on AMQP"));
    };
    let mut headers = message.headers;
    let key = message.key;
    let routing_key = match (fixed, &key) {
        (Some(fixed), Some(key)) if fixed.as_bytes() != key.as_ref() => {
            headers.set(KEY, value::text_or_bytes(key.clone()));
            short("the routing key", fixed)?
        }
        (Some(fixed), _) => short("the routing key", fixed)?,
        (None, None) => short("the routing key", "")?,
        (None, Some(key)) => match std::str::from_utf8(key) {
            Ok(key) => short("the key, which is the routing key,", key)?,
            Err(_) => return Err(refused("the key, which is the routing key, is not UTF-8")),
        },
    };
    if let Some(group) = message.group {
        headers.set(GROUP, value::text_or_bytes(group));
    }
    if let Some(dedup_id) = message.dedup_id {
        headers.set(DEDUP_ID, value::text_or_bytes(dedup_id));
    }
    let properties = properties(message.properties, table(&headers)?)?;
    Ok((routing_key, properties, payload))
}

/// The message that a delivery brings.
pub(super) fn from_amqp(
    routing_key: &str,
    properties: &BasicProperties,
    payload: Bytes,
) -> Message {
    let mut headers = headers(properties.headers().as_ref());
    let mut take = |name: &str| {
        let value = headers.get(name).and_then(value::bytes)?;
        headers.remove(name);
        Some(value)
    };
    let (key, group, dedup_id) = (take(KEY), take(GROUP), take(DEDUP_ID));
    let routing_key = || Bytes::copy_from_slice(routing_key.as_bytes());
    Message {
        payload: Some(payload),
        key: Some(key.unwrap_or_else(routing_key)),
        group,
        dedup_id,
        headers,
        properties: read(properties),
    }
}

/// AMQP headers are a map. Where names repeat, the values go as an array under the one name.
fn table(headers: &Headers) -> Result<FieldTable> {
    let mut table: BTreeMap<ShortString, AMQPValue> = BTreeMap::new();
    for (name, value) in headers.iter() {
        let name =
            std::str::from_utf8(name).map_err(|_| refused("the name of a header is not UTF-8"))?;
        let value =
            value::to_amqp(value).map_err(|why| Refused(format!("the header {name:?} {why}")))?;
        let name = short("the name of a header", name)?;
        match table.remove(&name) {
            None => table.insert(name, value),
            Some(before) => table.insert(name, value::and(before, value)),
        };
    }
    Ok(FieldTable::from(table))
}

fn headers(table: Option<&FieldTable>) -> Headers {
    let entries = table.into_iter().flatten();
    entries
        .map(|(name, value)| (name.as_str().to_owned(), value::from_amqp(value)))
        .collect()
}

fn properties(properties: Properties, headers: FieldTable) -> Result<BasicProperties> {
    if properties.delay.is_some_and(|delay| !delay.is_zero()) {
        return Err(refused("RabbitMQ delays no messages"));
    }
    let mut amqp = BasicProperties::default().with_delivery_mode(PERSISTENT);
    if !headers.inner().is_empty() {
        amqp = amqp.with_headers(headers);
    }
    if let Some(text) = properties.content_type {
        amqp = amqp.with_content_type(short("the content type", text)?);
    }
    if let Some(text) = properties.content_encoding {
        amqp = amqp.with_content_encoding(short("the content encoding", text)?);
    }
    if let Some(text) = properties.message_type {
        amqp = amqp.with_type(short("the message type", text)?);
    }
    if let Some(text) = properties.app_id {
        amqp = amqp.with_app_id(short("the application id", text)?);
    }
    if let Some(text) = properties.message_id {
        amqp = amqp.with_message_id(short("the message id", text)?);
    }
    if let Some(text) = properties.correlation_id {
        amqp = amqp.with_correlation_id(short("the correlation id", text)?);
    }
    if let Some(text) = properties.reply_to {
        amqp = amqp.with_reply_to(short("the reply address", text)?);
    }
    if let Some(time) = properties.timestamp {
        let seconds =
            value::seconds(time).map_err(|why| Refused(format!("the timestamp {why}")))?;
        amqp = amqp.with_timestamp(seconds);
    }
    if let Some(priority) = properties.priority {
        amqp = amqp.with_priority(priority);
    }
    if let Some(expiration) = properties.expiration {
        let milliseconds = expiration.as_millis().to_string();
        amqp = amqp.with_expiration(short("the expiration", milliseconds)?);
    }
    Ok(amqp)
}

fn read(amqp: &BasicProperties) -> Properties {
    let text = |short: &Option<ShortString>| short.as_ref().map(ToString::to_string);
    let expiration = amqp.expiration().as_ref();
    Properties {
        content_type: text(amqp.content_type()),
        content_encoding: text(amqp.content_encoding()),
        message_type: text(amqp.kind()),
        app_id: text(amqp.app_id()),
        message_id: text(amqp.message_id()),
        correlation_id: text(amqp.correlation_id()),
        reply_to: text(amqp.reply_to()),
        timestamp: amqp.timestamp().and_then(value::time),
        priority: *amqp.priority(),
        expiration: expiration
            .and_then(|text| text.as_str().parse().ok().map(Duration::from_millis)),
        delay: None,
    }
}

/// `delivery-mode` of messages that survive a restart of the broker.
const PERSISTENT: u8 = 2;

fn short(what: &str, text: impl Into<String>) -> Result<ShortString> {
    let text = text.into();
    let length = text.len();
    ShortString::try_new(text).map_err(|_| {
        Refused(format!(
            "{what} has {length} bytes, and AMQP carries at most 255 there"
        ))
    })
}

fn refused(why: &str) -> Refused {
    Refused(why.to_owned())
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a failed unwrap fails the test")]
mod tests;
