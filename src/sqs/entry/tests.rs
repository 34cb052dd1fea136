#![expect(clippy::unwrap_used, reason = "a failed unwrap fails the test")]

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
