//! The properties of a message that Kafka has no place for travel as headers.

use std::time::Duration;

use crate::contract::{Headers, Properties};

const CONTENT_TYPE: &str = "content-type";
const MESSAGE_ID: &str = "message-id";
const CORRELATION_ID: &str = "correlation-id";
const REPLY_TO: &str = "reply-to";
/// What only AMQP knows goes by its name, so that no header of the user's is taken for it.
const PRIORITY: &str = "amqp-priority";
const EXPIRATION: &str = "amqp-expiration";

/// The properties that stand in these headers, which stay where they are.
pub(super) fn read(headers: &Headers) -> Properties {
    let mut properties = Properties::default();
    for (name, value) in headers.iter() {
        let place = match name.as_ref() {
            name if name == CONTENT_TYPE.as_bytes() => &mut properties.content_type,
            name if name == MESSAGE_ID.as_bytes() => &mut properties.message_id,
            name if name == CORRELATION_ID.as_bytes() => &mut properties.correlation_id,
            name if name == REPLY_TO.as_bytes() => &mut properties.reply_to,
            name => {
                let number = || value.as_str()?.parse::<u64>().ok();
                if name == PRIORITY.as_bytes() {
                    properties.priority = number().and_then(|number| u8::try_from(number).ok());
                } else if name == EXPIRATION.as_bytes() {
                    properties.expiration = number().map(Duration::from_millis);
                }
                continue;
            }
        };
        *place = value.as_str().map(ToOwned::to_owned);
    }
    properties
}

/// The headers that say these properties: times in milliseconds, as in AMQP 0-9-1.
pub(super) fn write(properties: &Properties) -> Vec<(&'static str, String)> {
    let text = [
        (CONTENT_TYPE, properties.content_type.clone()),
        (MESSAGE_ID, properties.message_id.clone()),
        (CORRELATION_ID, properties.correlation_id.clone()),
        (REPLY_TO, properties.reply_to.clone()),
        (
            PRIORITY,
            properties.priority.map(|priority| priority.to_string()),
        ),
        (
            EXPIRATION,
            properties
                .expiration
                .map(|time| time.as_millis().to_string()),
        ),
    ];
    let set = |(name, value): (_, Option<_>)| Some((name, value?));
    text.into_iter().filter_map(set).collect()
}

/// Whether a header of that name gives way to what the properties say. What only the properties
/// decide goes even where they say nothing: a dead letter does not expire.
pub(super) fn replaced(name: &[u8], written: &[(&'static str, String)]) -> bool {
    name == PRIORITY.as_bytes()
        || name == EXPIRATION.as_bytes()
        || written.iter().any(|(known, _)| known.as_bytes() == name)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::contract::Value;

    #[test]
    fn properties_come_back_as_they_went_out() {
        let properties = Properties {
            content_type: Some("text/plain".to_owned()),
            message_id: Some("m-1".to_owned()),
            correlation_id: Some("c-1".to_owned()),
            reply_to: Some("answers".to_owned()),
            priority: Some(7),
            expiration: Some(Duration::from_millis(1_500)),
            ..Properties::default()
        };
        let headers: Headers = write(&properties).into_iter().collect();
        assert_eq!(headers.len(), 6);
        assert_eq!(read(&headers), properties);
    }

    #[test]
    fn what_is_no_property_is_none() {
        let mut headers: Headers = [("amqp-priority", "300"), ("amqp-expiration", "soon")]
            .into_iter()
            .collect();
        headers.append("content-type", Value::Null);
        headers.append("priority", "high");
        assert_eq!(read(&headers), Properties::default());
    }

    #[test]
    fn a_property_that_is_unset_takes_its_own_header_off_and_leaves_the_others() {
        assert!(replaced(b"amqp-expiration", &[]));
        assert!(!replaced(b"message-id", &[]));
        let written = [("message-id", "m-1".to_owned())];
        assert!(replaced(b"message-id", &written));
        assert!(!replaced(b"content-type", &written));
    }
}
