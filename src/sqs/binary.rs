use aws_smithy_types::base64;
use bytes::Bytes;
use tracehop_sqs::refused_character;

use crate::contract::{Message, Value};

/// The message attribute that says how a body stands for a payload that SQS cannot carry. It is
/// none of the lineage headers, which a forwarding loses.
pub(super) const HEADER: &str = "tracehop-encoding";

const BASE64: &str = "base64";
const EMPTY: &str = "empty";
const NULL: &str = "null";

/// Why SQS cannot carry a payload as it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Obstacle {
    /// There is none, which Kafka calls a tombstone.
    Null,
    /// A body of no characters.
    Empty,
    /// Not UTF-8.
    NotText,
    /// A character outside of XML 1.0's, which SQS refuses (`SendMessage`, API version 2012-11-05).
    Character(char),
}

impl Obstacle {
    /// What stands in the way of `payload`, if anything does.
    pub(super) fn of(payload: Option<&Bytes>) -> Option<Self> {
        let Some(payload) = payload else {
            return Some(Self::Null);
        };
        if payload.is_empty() {
            return Some(Self::Empty);
        }
        match std::str::from_utf8(payload) {
            Err(_) => Some(Self::NotText),
            Ok(text) => refused_character(text).map(Self::Character),
        }
    }

    /// A body that stands for the payload, and what the header says of it.
    pub(super) fn encode(self, payload: Option<&Bytes>) -> (String, &'static str) {
        match self {
            Self::Null => (NULL.to_owned(), NULL),
            Self::Empty => (EMPTY.to_owned(), EMPTY),
            Self::NotText | Self::Character(_) => (
                base64::encode(payload.map_or(&[][..], Bytes::as_ref)),
                BASE64,
            ),
        }
    }

    /// The reason, for people.
    pub(super) fn reason(self) -> String {
        match self {
            Self::Null => "SQS has no null payload".to_owned(),
            Self::Empty => "SQS refuses an empty body".to_owned(),
            Self::NotText => "the payload is not UTF-8".to_owned(),
            Self::Character(refused) => {
                format!(
                    "SQS refuses the character U+{:04X} of the payload",
                    u32::from(refused)
                )
            }
        }
    }
}

/// Undoes [`Obstacle::encode`], and takes the header off. A body that is not what the header says
/// stays as it is, header and all.
pub(super) fn decode(message: &mut Message) {
    let payload = match message.headers.get(HEADER).and_then(Value::as_str) {
        Some(NULL) => None,
        Some(EMPTY) => Some(Bytes::new()),
        Some(BASE64) => match base64::decode(message.text().unwrap_or_default()) {
            Ok(bytes) => Some(Bytes::from(bytes)),
            Err(_) => return,
        },
        _ => return,
    };
    message.payload = payload;
    message.headers.remove(HEADER);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_sqs_cannot_carry_comes_back_as_it_was() {
        let payloads = [
            None,
            Some(Bytes::new()),
            Some(Bytes::from_static(b"\xff\x00")),
            Some(Bytes::from_static(b"bell \x07")),
        ];
        for payload in payloads {
            let obstacle = Obstacle::of(payload.as_ref());
            let (body, encoding) = obstacle.map_or_else(Default::default, |obstacle| {
                obstacle.encode(payload.as_ref())
            });
            assert!(Obstacle::of(Some(&Bytes::from(body.clone()))).is_none());
            let mut message = Message::new(body).with_header(HEADER, encoding);
            decode(&mut message);
            assert_eq!(message.payload, payload);
            assert!(message.headers.is_empty());
        }
    }

    #[test]
    fn text_is_in_nobodys_way() {
        for text in ["plain", "tab\t and\r\nlines", "\u{e000}\u{1f600}"] {
            assert_eq!(Obstacle::of(Some(&Bytes::from(text))), None, "{text}");
        }
    }

    #[test]
    fn a_body_that_is_not_what_its_header_says_is_left_alone() {
        let mut message = Message::new("not base64!").with_header(HEADER, BASE64);
        let before = message.clone();
        decode(&mut message);
        assert_eq!(message, before);
    }
}
