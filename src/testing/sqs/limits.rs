//! What AWS lets pass: the limits of one message and of one batch.
//!
//! Source: `SendMessage` and `SendMessageBatch` in the SQS API reference (2012-11-05), "Message
//! metadata" and "Quotas" in the SQS developer guide.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::RangeInclusive;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::message::{Attribute, Value};
use super::refusal::{Code, Refusal};
use super::wire::{AttributeIn, SendEntry};

/// The most that one message may have, and that a batch has for all its messages, in bytes.
pub(super) const MAXIMUM_SIZE: usize = 1_048_576;

const ATTRIBUTES: usize = 10;
const BATCH_ENTRIES: usize = 10;

/// Body, attribute names, data types and values count alike; system attributes do not count.
pub(super) fn size(entry: &SendEntry) -> usize {
    let attributes: usize = entry
        .message_attributes
        .iter()
        .map(|(name, it)| {
            let text = |text: &Option<String>| text.as_ref().map_or(0, String::len);
            let base64 = it.binary_value.as_deref().unwrap_or_default();
            let binary = base64.trim_end_matches('=').len() * 3 / 4;
            name.len() + text(&it.data_type) + text(&it.string_value) + binary
        })
        .sum();
    attributes + entry.message_body.as_ref().map_or(0, String::len)
}

pub(super) fn check_size(bytes: usize, maximum: usize) -> Result<(), Refusal> {
    if bytes <= maximum {
        return Ok(());
    }
    Err(Refusal::invalid(format!(
        "One or more parameters are invalid. Reason: Message must be shorter than {maximum} bytes."
    )))
}

pub(super) fn check_batch_size(bytes: usize) -> Result<(), Refusal> {
    if bytes <= MAXIMUM_SIZE {
        return Ok(());
    }
    Err(Refusal::new(
        Code::BatchRequestTooLong,
        format!(
            "Batch requests cannot be longer than {MAXIMUM_SIZE} bytes. You have sent {bytes} bytes."
        ),
    ))
}

/// The rules for the ids of a batch; breaking one fails the whole request.
pub(super) fn check_batch<'a>(ids: impl ExactSizeIterator<Item = &'a str>) -> Result<(), Refusal> {
    let entries = ids.len();
    if entries == 0 {
        let message = "There should be at least one entry in the request.";
        return Err(Refusal::new(Code::EmptyBatchRequest, message));
    }
    if entries > BATCH_ENTRIES {
        return Err(Refusal::new(
            Code::TooManyEntriesInBatchRequest,
            format!(
                "Maximum number of entries per request are {BATCH_ENTRIES}. You have sent {entries}."
            ),
        ));
    }
    let mut seen = BTreeSet::new();
    for id in ids {
        let allowed = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_');
        if !(1..=80).contains(&id.len()) || !id.chars().all(allowed) {
            return Err(Refusal::new(
                Code::InvalidBatchEntryId,
                "A batch entry id can only contain alphanumeric characters, hyphens and \
                 underscores. It can be at most 80 letters long.",
            ));
        }
        if !seen.insert(id) {
            return Err(Refusal::new(
                Code::BatchEntryIdsNotDistinct,
                format!("Id {id} repeated."),
            ));
        }
    }
    Ok(())
}

pub(super) fn check_body(body: Option<String>) -> Result<String, Refusal> {
    let body = body
        .filter(|body| !body.is_empty())
        .ok_or_else(|| Refusal::missing("MessageBody"))?;
    match body.chars().find(|c| !is_allowed(*c)) {
        None => Ok(body),
        Some(c) => Err(Refusal::new(
            Code::InvalidMessageContents,
            invalid_character(c, "body"),
        )),
    }
}

pub(super) fn check_attributes(
    given: BTreeMap<String, AttributeIn>,
) -> Result<BTreeMap<String, Attribute>, Refusal> {
    if given.len() > ATTRIBUTES {
        return Err(Refusal::invalid(format!(
            "Number of message attributes [{}] exceeds the allowed maximum [{ATTRIBUTES}].",
            given.len()
        )));
    }
    given
        .into_iter()
        .map(|(name, attribute)| {
            check_name(&name)?;
            let attribute = check_attribute(&name, attribute)?;
            Ok((name, attribute))
        })
        .collect()
}

/// The system attributes of a send: `AWSTraceHeader`, an X-Ray header as a `String`, or none.
pub(super) fn check_system_attributes(
    given: BTreeMap<String, AttributeIn>,
) -> Result<Option<String>, Refusal> {
    let mut header = None;
    for (name, attribute) in given {
        if name != "AWSTraceHeader" {
            return Err(Refusal::invalid(format!(
                "Message system attribute name '{name}' is invalid."
            )));
        }
        let attribute = check_attribute(&name, attribute)?;
        let Value::Text(text) = attribute.value else {
            return Err(Refusal::invalid(
                "Message system attribute 'AWSTraceHeader' must be of type 'String'.",
            ));
        };
        if attribute.data_type != "String" || !is_trace_header(&text) {
            return Err(Refusal::value(
                "AWSTraceHeader",
                text,
                "Must be a correctly formatted X-Ray trace header of type 'String'.",
            ));
        }
        header = Some(text);
    }
    Ok(header)
}

/// `Root=1-8 hex-24 hex`, and `Parent` and `Sampled` of their own shape where they are present.
/// Source: "Tracing header" in the AWS X-Ray developer guide.
pub(super) fn is_trace_header(text: &str) -> bool {
    let hex =
        |text: &str, length| text.len() == length && text.chars().all(|c| c.is_ascii_hexdigit());
    let mut has_root = false;
    text.split(';')
        .all(|field| match field.trim().split_once('=') {
            Some(("Root", root)) => {
                has_root = true;
                let mut parts = root.splitn(3, '-');
                parts.next() == Some("1")
                    && parts.next().is_some_and(|seconds| hex(seconds, 8))
                    && parts.next().is_some_and(|random| hex(random, 24))
            }
            Some(("Parent", parent)) => hex(parent, 16),
            Some(("Sampled", sampled)) => matches!(sampled, "0" | "1" | "?"),
            Some((_, _)) => true,
            None => false,
        })
        && has_root
}

/// The id of a message group or of a deduplication.
pub(super) fn check_token(parameter: &str, token: &str) -> Result<(), Refusal> {
    if (1..=128).contains(&token.len()) && token.chars().all(|c| c.is_ascii_graphic()) {
        return Ok(());
    }
    let reason = format!(
        "{parameter} can only include alphanumeric and punctuation characters. 1 to 128 in length."
    );
    Err(Refusal::value(parameter, token, reason))
}

/// A number of seconds within its range.
pub(super) fn check_seconds(
    parameter: &str,
    seconds: i64,
    range: RangeInclusive<u64>,
) -> Result<Duration, Refusal> {
    u64::try_from(seconds)
        .ok()
        .filter(|seconds| range.contains(seconds))
        .map(Duration::from_secs)
        .ok_or_else(|| {
            let (least, most) = (range.start(), range.end());
            let reason = format!("Must be >= {least} and <= {most}, if provided.");
            Refusal::value(parameter, seconds, reason)
        })
}

fn check_name(name: &str) -> Result<(), Refusal> {
    let lower = name.to_ascii_lowercase();
    let allowed = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
    if name.is_empty() || !name.chars().all(allowed) {
        Err(Refusal::invalid(format!(
            "Message (user) attribute name '{name}' can only contain letters, digits, periods, \
             hyphens and underscores."
        )))
    } else if name.len() > 256 {
        Err(Refusal::invalid(
            "Message (user) attribute names can be at most 256 characters long.",
        ))
    } else if lower.starts_with("aws.") || lower.starts_with("amazon.") {
        Err(Refusal::invalid(format!(
            "Message (user) attribute name '{name}' begins with a reserved prefix."
        )))
    } else if name.starts_with('.') || name.ends_with('.') || name.contains("..") {
        Err(Refusal::invalid(format!(
            "Message (user) attribute name '{name}' cannot start or end with a period, nor have \
             periods in a sequence."
        )))
    } else {
        Ok(())
    }
}

fn check_attribute(name: &str, given: AttributeIn) -> Result<Attribute, Refusal> {
    let data_type = given.data_type.unwrap_or_default();
    let base = data_type.split('.').next().unwrap_or_default();
    if !matches!(base, "String" | "Number" | "Binary")
        || data_type.len() > 256
        || !data_type.chars().all(is_allowed)
    {
        return Err(Refusal::invalid(format!(
            "The type of message (user) attribute '{name}' is invalid. You must use only the \
             following supported type prefixes: Binary, Number, String."
        )));
    }
    let empty = || {
        Refusal::invalid(format!(
            "Message (user) attribute '{name}' must contain a non-empty value of type '{base}'."
        ))
    };
    let value = if base == "Binary" {
        let bytes = STANDARD
            .decode(given.binary_value.unwrap_or_default())
            .map_err(|_| empty())?;
        Value::Binary(bytes)
    } else {
        Value::Text(given.string_value.unwrap_or_default())
    };
    if value.as_bytes().is_empty() {
        return Err(empty());
    }
    if let Value::Text(text) = &value {
        if let Some(c) = text.chars().find(|c| !is_allowed(*c)) {
            return Err(Refusal::invalid(invalid_character(c, "attribute value")));
        }
        if base == "Number" && !text.parse().is_ok_and(f64::is_finite) {
            return Err(Refusal::invalid(format!(
                "Can't cast the value of message (user) attribute '{name}' to a number."
            )));
        }
    }
    Ok(Attribute { data_type, value })
}

/// The characters of XML 1.0, which are those that SQS takes in bodies and text attributes.
fn is_allowed(c: char) -> bool {
    matches!(c, '\t' | '\n' | '\r' | ' '..='\u{d7ff}' | '\u{e000}'..='\u{fffd}' | '\u{10000}'..)
}

fn invalid_character(c: char, place: &str) -> String {
    format!(
        "Invalid character '#x{:x}' was found in the message {place}, the set of allowed \
         characters is #x9 | #xA | #xD | #x20 to #xD7FF | #xE000 to #xFFFD | #x10000 to #x10FFFF",
        u32::from(c)
    )
}
