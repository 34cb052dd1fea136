#[cfg(test)]
mod tests;

use std::collections::HashMap;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use aws_sdk_sqs::Client;
use aws_sdk_sqs::operation::send_message::builders::SendMessageFluentBuilder;
use aws_sdk_sqs::primitives::Blob;
use aws_sdk_sqs::types::{MessageAttributeValue, SendMessageBatchRequestEntry};
use bytes::Bytes;
use tracehop_sqs::{is_valid_name, refused_character};

use super::binary::{self, Obstacle};
use crate::contract::{Destination, Error, ErrorKind, Message, Operation, Result, Value};

/// Message attributes on one message (Amazon SQS developer guide, "message attribute
/// components").
pub(super) const MOST_HEADERS: usize = 10;

/// The longest delay (`SendMessage`, API version 2012-11-05).
const LONGEST_DELAY: Duration = Duration::from_mins(15);

/// The data types, with a label behind, of what only other brokers tell apart.
pub(super) const BOOL: &str = "String.bool";
pub(super) const TIMESTAMP: &str = "Number.timestamp";

/// What a queue takes, and what the user allows.
#[derive(Clone, Copy, Debug)]
pub(super) struct Rules {
    pub(super) fifo: bool,
    /// A payload that SQS cannot carry goes out in another form, instead of being refused.
    pub(super) encode_binary: bool,
}

/// A message in the form that SQS takes: an entry of a batch, with the id still to be set. Nothing
/// of the message is left out silently: what has no form in SQS is an error that says so.
pub(super) fn entry(
    mut message: Message,
    rules: Rules,
    destination: &Destination,
) -> Result<SendMessageBatchRequestEntry> {
    let refuse =
        |reason: String| Error::new(Operation::Send, destination, ErrorKind::Payload, reason);
    let body = body(&mut message, rules).map_err(refuse)?;
    let count = message.headers.len();
    if count > MOST_HEADERS {
        return Err(refuse(format!(
            "{count} headers, and SQS carries {MOST_HEADERS}"
        )));
    }
    let mut attributes = HashMap::with_capacity(count + 3);
    for (name, value) in message.headers.iter() {
        let name = attribute_name(name).map_err(refuse)?;
        let attribute =
            attribute(value).map_err(|reason| refuse(format!("header {name}: {reason}")))?;
        if attributes.insert(name.to_owned(), attribute).is_some() {
            return Err(refuse(format!(
                "header {name} stands twice, and SQS carries it once"
            )));
        }
    }
    let delay = delay(message.properties.delay, rules.fifo).map_err(refuse)?;
    let group = text(message.group, "group").map_err(refuse)?;
    if rules.fifo && group.is_none() {
        return Err(refuse("a FIFO queue needs a group".to_owned()));
    }
    let dedup_id = text(message.dedup_id.filter(|_| rules.fifo), "deduplication id");
    SendMessageBatchRequestEntry::builder()
        .id("0")
        .message_body(body)
        .set_delay_seconds(delay)
        .set_message_attributes((!attributes.is_empty()).then_some(attributes))
        .set_message_deduplication_id(dedup_id.map_err(refuse)?)
        .set_message_group_id(group)
        .build()
        .map_err(|error| refuse(error.to_string()))
}

/// Whether the body of a message goes out in another form, which a header tells.
pub(super) fn adds_header(message: &Message, rules: Rules) -> bool {
    rules.encode_binary && Obstacle::of(message.payload.as_ref()).is_some()
}

/// The call that sends one entry alone.
pub(super) fn single(
    client: &Client,
    url: &str,
    entry: SendMessageBatchRequestEntry,
) -> SendMessageFluentBuilder {
    client
        .send_message()
        .queue_url(url)
        .message_body(entry.message_body)
        .set_delay_seconds(entry.delay_seconds)
        .set_message_attributes(entry.message_attributes)
        .set_message_system_attributes(entry.message_system_attributes)
        .set_message_deduplication_id(entry.message_deduplication_id)
        .set_message_group_id(entry.message_group_id)
}

fn body(message: &mut Message, rules: Rules) -> Result<String, String> {
    let payload = message.payload.take();
    match Obstacle::of(payload.as_ref()) {
        Some(obstacle) if rules.encode_binary => {
            let (body, encoding) = obstacle.encode(payload.as_ref());
            message.headers.set(binary::HEADER, encoding);
            Ok(body)
        }
        Some(obstacle) => Err(obstacle.reason()),
        None => utf8(payload.unwrap_or_default()).ok_or_else(|| Obstacle::NotText.reason()),
    }
}

fn text(bytes: Option<Bytes>, what: &str) -> Result<Option<String>, String> {
    match bytes.map(utf8) {
        None => Ok(None),
        Some(Some(text)) => Ok(Some(text)),
        Some(None) => Err(format!("the {what} is not UTF-8")),
    }
}

/// The text of these bytes, without a copy where nobody else holds them.
fn utf8(bytes: Bytes) -> Option<String> {
    String::from_utf8(Vec::from(bytes)).ok()
}

/// Whole seconds, rounded up: SQS knows no shorter delays.
fn delay(delay: Option<Duration>, fifo: bool) -> Result<Option<i32>, String> {
    let Some(delay) = delay.filter(|delay| !delay.is_zero()) else {
        return Ok(None);
    };
    if fifo {
        return Err("a FIFO queue has no delay for single messages".to_owned());
    }
    if delay > LONGEST_DELAY {
        let most = LONGEST_DELAY.as_secs();
        return Err(format!(
            "a delay of {delay:?}, and SQS has at most {most} s"
        ));
    }
    let seconds = delay.as_secs() + u64::from(delay.subsec_nanos() > 0);
    Ok(i32::try_from(seconds).ok())
}

fn attribute_name(name: &[u8]) -> Result<&str, String> {
    let shown = || String::from_utf8_lossy(name).into_owned();
    let refused = || format!("header {}: SQS has no attribute of that name", shown());
    let name = std::str::from_utf8(name).map_err(|_| refused())?;
    is_valid_name(name).then_some(name).ok_or_else(refused)
}

/// A header in the data types of SQS: String, Number and Binary, and labels of ours behind them
/// for what only other brokers tell apart.
pub(super) fn attribute(value: &Value) -> Result<MessageAttributeValue, String> {
    let text = |kind: &str, text: String| match refused_character(&text) {
        _ if text.is_empty() => Err("SQS refuses an empty value".to_owned()),
        Some(refused) => Err(format!(
            "SQS refuses the character U+{:04X}",
            u32::from(refused)
        )),
        None => Ok(MessageAttributeValue::builder()
            .data_type(kind)
            .string_value(text)),
    };
    let bytes = |kind: &str, bytes: &Bytes| {
        if bytes.is_empty() {
            return Err("SQS refuses an empty value".to_owned());
        }
        let blob = Blob::new(bytes.to_vec());
        Ok(MessageAttributeValue::builder()
            .data_type(kind)
            .binary_value(blob))
    };
    let attribute = match value {
        Value::Text(value) => text("String", value.clone()),
        Value::Bytes(value) => bytes("Binary", value),
        Value::Int(number) => text("Number", number.to_string()),
        Value::Float(number) if number.is_finite() => text("Number", number.to_string()),
        Value::Bool(flag) => text(BOOL, flag.to_string()),
        Value::Timestamp(at) => {
            let since = at.duration_since(UNIX_EPOCH);
            let since = since.map_err(|_| "a time before 1970 has no form in SQS".to_owned())?;
            text(TIMESTAMP, decimal(since))
        }
        Value::Other { kind, bytes: value } if kind.starts_with("Binary") => bytes(kind, value),
        Value::Other { kind, bytes: value }
            if kind.starts_with("String") || kind.starts_with("Number") =>
        {
            let value = utf8(value.clone()).ok_or("the value is not UTF-8")?;
            text(kind, value)
        }
        Value::Other { kind, .. } => Err(format!("SQS has no form for the type {kind}")),
        Value::Null | Value::Float(_) => Err("the value has no form in SQS".to_owned()),
    };
    attribute?.build().map_err(|error| error.to_string())
}

/// The time of a value in the data type [`TIMESTAMP`].
pub(super) fn time(text: &str) -> Option<SystemTime> {
    let (seconds, decimals) = text.split_once('.').unwrap_or((text, "0"));
    if decimals.len() > 9 {
        return None;
    }
    let nanos = format!("{decimals:0<9}").parse().ok()?;
    UNIX_EPOCH.checked_add(Duration::new(seconds.parse().ok()?, nanos))
}

/// Seconds with as many decimals as there are.
fn decimal(since: Duration) -> String {
    let text = format!("{}.{:09}", since.as_secs(), since.subsec_nanos());
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}
