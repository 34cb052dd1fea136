//! The properties of a message that Kafka has no place for travel as headers.

use crate::contract::{Field, Headers, Message, Value};

/// Gives a message the properties that stand in these headers, which stay where they are.
pub(super) fn read(headers: &Headers, message: &mut Message) {
    for (name, value) in headers.iter() {
        if let Some(field) = Field::named(name).filter(|field| is_header(*field)) {
            field.put(message, value);
        }
    }
}

/// The headers that say the properties of a message: times in milliseconds, as in AMQP 0-9-1.
pub(super) fn write(message: &Message) -> Vec<(&'static str, String)> {
    let fields = Field::ALL.into_iter().filter(|field| is_header(*field));
    let written = fields.filter_map(|field| {
        let text = match field.get(message)? {
            Value::Text(text) => text,
            Value::Int(number) => number.to_string(),
            _ => return None,
        };
        Some((field.header(), text))
    });
    written.collect()
}

/// Whether a header of that name gives way to what the properties say. What only the properties
/// decide goes even where they say nothing: a dead letter does not expire.
pub(super) fn replaced(name: &[u8], written: &[(&'static str, String)]) -> bool {
    match Field::named(name) {
        Some(Field::Priority | Field::Expiration) => true,
        _ => written.iter().any(|(known, _)| known.as_bytes() == name),
    }
}

/// Kafka has a key and a timestamp of its own, and a group is a key.
const fn is_header(field: Field) -> bool {
    !matches!(field, Field::Key | Field::Group | Field::Timestamp)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::contract::Properties;

    fn of(headers: &Headers) -> Properties {
        let mut message = Message::default();
        read(headers, &mut message);
        message.properties
    }

    #[test]
    fn properties_come_back_as_they_went_out() {
        let properties = Properties {
            content_type: Some("text/plain".to_owned()),
            content_encoding: Some("gzip".to_owned()),
            message_type: Some("order".to_owned()),
            app_id: Some("shop".to_owned()),
            message_id: Some("m-1".to_owned()),
            correlation_id: Some("c-1".to_owned()),
            reply_to: Some("answers".to_owned()),
            priority: Some(7),
            expiration: Some(Duration::from_millis(1_500)),
            ..Properties::default()
        };
        let message = Message {
            properties: properties.clone(),
            ..Message::new("x").with_key("k").with_group("g")
        };
        let headers: Headers = write(&message).into_iter().collect();
        assert_eq!(headers.len(), 9);
        assert_eq!(of(&headers), properties);
    }

    #[test]
    fn what_is_no_property_is_none() {
        let mut headers: Headers = [("amqp-priority", "300"), ("amqp-expiration", "soon")]
            .into_iter()
            .collect();
        headers.append("content-type", Value::Null);
        headers.append("priority", "high");
        assert_eq!(of(&headers), Properties::default());
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
