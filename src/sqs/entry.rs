use std::collections::HashMap;
use std::time::{Duration, UNIX_EPOCH};

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
fn attribute(value: &Value) -> Result<MessageAttributeValue, String> {
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
        Value::Bool(flag) => text("String.bool", flag.to_string()),
        Value::Timestamp(at) => {
            let since = at.duration_since(UNIX_EPOCH);
            let since = since.map_err(|_| "a time before 1970 has no form in SQS".to_owned())?;
            text("Number.timestamp", decimal(since))
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

/// Seconds with as many decimals as there are.
fn decimal(since: Duration) -> String {
    let text = format!("{}.{:09}", since.as_secs(), since.subsec_nanos());
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a failed unwrap fails the test")]
mod tests {
    use super::*;
    use crate::contract::System;

    const STANDARD: Rules = Rules {
        fifo: false,
        encode_binary: false,
    };
    const FIFO: Rules = Rules {
        fifo: true,
        ..STANDARD
    };

    fn encoded(message: Message, rules: Rules) -> Result<SendMessageBatchRequestEntry> {
        entry(message, rules, &Destination::new(System::AwsSqs, "orders"))
    }

    fn refusal(message: Message, rules: Rules) -> String {
        let error = encoded(message, rules).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Payload);
        error.to_string()
    }

    fn many_headers(count: usize) -> Message {
        (0..count).fold(Message::new("x"), |message, index| {
            message.with_header(format!("h{index}"), "v")
        })
    }

    #[test]
    fn headers_become_attributes_of_their_type() {
        let message = Message::new("x")
            .with_header("text", "t")
            .with_header("bytes", Bytes::from_static(b"\xff"))
            .with_header("int", -3_i64)
            .with_header("flag", true)
            .with_header(
                "labelled",
                Value::Other {
                    kind: "Number.decimal".to_owned(),
                    bytes: Bytes::from_static(b"1.50"),
                },
            );
        let attributes = encoded(message, STANDARD)
            .unwrap()
            .message_attributes
            .unwrap();
        let shown = |name: &str| {
            let value = &attributes[name];
            (value.data_type.as_str(), value.string_value.as_deref())
        };
        assert_eq!(shown("text"), ("String", Some("t")));
        assert_eq!(shown("bytes"), ("Binary", None));
        assert_eq!(shown("int"), ("Number", Some("-3")));
        assert_eq!(shown("flag"), ("String.bool", Some("true")));
        assert_eq!(shown("labelled"), ("Number.decimal", Some("1.50")));
    }

    #[test]
    fn what_sqs_cannot_carry_is_refused_by_name() {
        let cases = [
            (many_headers(11), "11 headers"),
            (Message::default(), "null payload"),
            (Message::new(""), "empty body"),
            (Message::new(&b"\xff"[..]), "not UTF-8"),
            (Message::new("\u{1}"), "U+0001"),
            (Message::new("x").with_header("a b", "v"), "header a b"),
            (Message::new("x").with_header("aws.x", "v"), "header aws.x"),
            (
                Message::new("x").with_header("e", ""),
                "header e: SQS refuses an empty",
            ),
            (Message::new("x").with_header("n", Value::Null), "header n"),
            (
                Message::new("x").with_delay(Duration::from_secs(901)),
                "at most 900 s",
            ),
        ];
        for (message, reason) in cases {
            let said = refusal(message, STANDARD);
            assert!(said.contains(reason), "{said}");
        }
        assert!(encoded(many_headers(10), STANDARD).is_ok());
    }

    #[test]
    fn a_header_that_stands_twice_is_refused() {
        let mut message = Message::new("x");
        message.headers.append("h", "1");
        message.headers.append("h", "2");
        assert!(refusal(message, STANDARD).contains("header h stands twice"));
    }

    #[test]
    fn fifo_queues_need_a_group_and_have_no_delay() {
        assert!(refusal(Message::new("x"), FIFO).contains("needs a group"));
        let grouped = Message::new("x").with_group("g").with_dedup_id("d");
        let entry = encoded(grouped.clone(), FIFO).unwrap();
        assert_eq!(entry.message_group_id(), Some("g"));
        assert_eq!(entry.message_deduplication_id(), Some("d"));
        let delayed = grouped.clone().with_delay(Duration::from_secs(1));
        assert!(refusal(delayed, FIFO).contains("delay"));
        let fair = encoded(grouped, STANDARD).unwrap();
        assert_eq!(fair.message_group_id(), Some("g"));
        assert_eq!(fair.message_deduplication_id(), None);
    }

    #[test]
    fn a_payload_goes_out_in_another_form_where_that_is_allowed() {
        let rules = Rules {
            encode_binary: true,
            ..STANDARD
        };
        let entry = encoded(Message::new(&b"\xff\x00"[..]), rules).unwrap();
        assert_eq!(entry.message_body(), "/wA=");
        let attributes = entry.message_attributes().unwrap();
        assert_eq!(attributes[binary::HEADER].string_value(), Some("base64"));
    }

    #[test]
    fn a_timestamp_keeps_all_of_its_digits() {
        let at = UNIX_EPOCH + Duration::new(1_700_000_000, 120_000_000);
        let value = attribute(&Value::Timestamp(at)).unwrap();
        assert_eq!(value.string_value(), Some("1700000000.12"));
    }
}
