use std::{borrow::Cow, fmt};

use serde::{
    Deserialize, Deserializer,
    de::{IgnoredAny, MapAccess, Visitor},
};
use serde_json::value::RawValue;

use crate::fields::Fields;

/// The longest body, in bytes, that an envelope is looked for in: the longest that SQS carries
/// (Amazon SQS developer guide, "Message quotas", 2026).
pub const MAX_ENVELOPE_BYTES: usize = 1_048_576;

/// What Amazon SNS and EventBridge put around a message on its way to a queue.
///
/// Sources: Amazon SNS developer guide, "Message and JSON formats" (a notification, which SQS gets
/// without raw delivery); Amazon EventBridge user guide, "Events" (the structure of an event). The
/// place of `_datadog` in either is that of Datadog's tracers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Envelope {
    /// Its `MessageAttributes` are fields; it may hold an event, where EventBridge published it.
    Notification,
    /// Its `detail._datadog` is a field.
    Event,
}

/// It begins like an envelope, and cannot be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Malformed;

impl Envelope {
    /// Which envelope `body` begins like: both services write the member first that tells. Nothing
    /// behind that is looked at.
    pub(crate) fn of(body: &str) -> Option<Self> {
        let members = blank(body).strip_prefix('{')?;
        let begins_with = |key: &str, value: &str| {
            let value_onward = blank(members)
                .strip_prefix(key)
                .and_then(|rest| blank(rest).strip_prefix(':'));
            value_onward.is_some_and(|rest| blank(rest).starts_with(value))
        };
        if begins_with(r#""Type""#, r#""Notification""#) {
            Some(Self::Notification)
        } else if begins_with(r#""version""#, r#""0""#) {
            Some(Self::Event)
        } else {
            None
        }
    }

    /// The fields in `body`, which begins like this. Takes time linear in its length, and reads
    /// past what is nested in it.
    pub(crate) fn read(self, body: &str) -> Result<Fields, Malformed> {
        if body.len() > MAX_ENVELOPE_BYTES {
            return Err(Malformed);
        }
        match self {
            Self::Notification => {
                let notification: Notification = json(body)?;
                let attributes = notification.attributes.unwrap_or_default();
                // EventBridge sets no attributes on what it publishes.
                match notification.message.map(event_in).transpose()?.flatten() {
                    Some(event) if attributes.is_empty() => Self::Event.read(&event),
                    _ => Ok(attributes),
                }
            }
            Self::Event => {
                let event: Event = json(body)?;
                let detail = event.detail_type.and(event.detail).unwrap_or_default();
                let mut fields = Fields::default();
                if let Some(datadog) = detail.datadog {
                    fields.push("_datadog".to_owned(), datadog.get().to_owned());
                }
                Ok(fields)
            }
        }
    }
}

#[derive(Deserialize)]
struct Notification<'a> {
    #[serde(rename = "Message", borrow)]
    message: Option<&'a RawValue>,
    #[serde(rename = "MessageAttributes")]
    attributes: Option<Fields>,
}

#[derive(Deserialize)]
struct Event<'a> {
    /// Of an event, and hardly of anything else that has a version.
    #[serde(rename = "detail-type")]
    detail_type: Option<IgnoredAny>,
    #[serde(borrow)]
    detail: Option<Detail<'a>>,
}

#[derive(Default, Deserialize)]
struct Detail<'a> {
    #[serde(rename = "_datadog", borrow)]
    datadog: Option<&'a RawValue>,
}

/// The text of a notification's message, where that begins like an event.
fn event_in(message: &RawValue) -> Result<Option<Cow<'_, str>>, Malformed> {
    let is_object = message
        .get()
        .strip_prefix('"')
        .is_some_and(|text| blank(text).starts_with('{'));
    if !is_object {
        return Ok(None);
    }
    let text: Text = json(message.get())?;
    Ok((Envelope::of(&text.0) == Some(Envelope::Event)).then_some(text.0))
}

#[derive(Deserialize)]
struct Text<'a>(#[serde(borrow)] Cow<'a, str>);

fn json<'a, T: Deserialize<'a>>(text: &'a str) -> Result<T, Malformed> {
    serde_json::from_str(text).map_err(|_| Malformed)
}

/// Without the white space of JSON before it.
fn blank(text: &str) -> &str {
    text.trim_start_matches([' ', '\t', '\n', '\r'])
}

/// `MessageAttributes`, as SNS writes them: `{"name":{"Type":"String","Value":"…"}}`.
impl<'de> Deserialize<'de> for Fields {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Attributes;
        impl<'de> Visitor<'de> for Attributes {
            type Value = Fields;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("message attributes")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut object: A) -> Result<Fields, A::Error> {
                let mut fields = Fields::default();
                while let Some((name, attribute)) = object.next_entry::<String, Attribute>()? {
                    fields.push_attribute(name, &attribute.data_type, attribute.value);
                }
                Ok(fields)
            }
        }
        deserializer.deserialize_map(Attributes)
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Attribute {
    #[serde(rename = "Type")]
    data_type: String,
    value: String,
}
