use std::time::{Duration, UNIX_EPOCH};

use super::*;
use crate::contract::Properties;

fn carried(message: Message, from: System, to: &str, at: System) -> Result<Message, String> {
    let (from, to) = (Destination::new(from, "orders"), Destination::new(at, to));
    let mut message = message;
    carry(&mut message, &from, &to).map(|()| message)
}

fn with_properties() -> Message {
    let mut message = Message::new("x").with_key("k");
    message.properties.content_type = Some("text/plain".to_owned());
    message.properties.message_id = Some("m".to_owned());
    message.properties.timestamp = Some(UNIX_EPOCH + Duration::from_millis(1500));
    message.properties.priority = Some(3);
    message
}

#[test]
fn what_has_no_place_on_sqs_is_a_header_and_comes_back() {
    let there = carried(with_properties(), System::RabbitMq, "queue", System::AwsSqs).unwrap();
    let names: Vec<_> = there
        .headers
        .iter()
        .map(|(name, _)| String::from_utf8_lossy(name).into_owned())
        .collect();
    let expected = [
        "tracehop-key",
        "content-type",
        "message-id",
        "tracehop-timestamp",
        "amqp-priority",
    ];
    assert_eq!(names, expected);
    assert_eq!(
        (&there.key, &there.properties),
        (&None, &Properties::default())
    );
    let back = carried(there, System::AwsSqs, "orders", System::RabbitMq).unwrap();
    assert_eq!(back, with_properties());
}

#[test]
fn a_header_of_the_users_is_no_property_where_properties_have_their_place() {
    let message = Message::new("x").with_header("content-type", "text/plain");
    let from = |system| carried(message.clone(), system, "q", System::Memory).unwrap();
    assert_eq!(from(System::RabbitMq), message);
    let read = from(System::Kafka);
    assert_eq!(read.properties.content_type.as_deref(), Some("text/plain"));
    assert!(read.headers.is_empty());
}

#[test]
fn an_id_that_the_broker_gave_stays_where_sqs_gives_another() {
    let ids = |from, to: System| {
        let carried = carried(with_properties(), from, "queue", to).unwrap();
        let header = carried.headers.get("message-id").cloned();
        (carried.properties.message_id, header)
    };
    for from in [System::AwsSqs, System::Kafka] {
        assert_eq!(ids(from, System::AwsSqs), (None, None));
        assert_eq!(ids(from, System::RabbitMq), (Some("m".to_owned()), None));
    }
    assert_eq!(
        ids(System::RabbitMq, System::AwsSqs),
        (None, Some("m".into()))
    );
}

#[test]
fn groups_and_keys_stand_for_each_other_where_order_hangs_on_them() {
    let places = |message: Message, to: &str, at| {
        let carried = carried(message, System::Memory, to, at).unwrap();
        let header = |name| {
            carried
                .headers
                .get(name)
                .and_then(Value::as_str)
                .map(str::to_owned)
        };
        let text = |bytes: &Option<Bytes>| {
            bytes
                .as_deref()
                .map(|bytes| String::from_utf8_lossy(bytes).into_owned())
        };
        [
            text(&carried.key),
            text(&carried.group),
            header("tracehop-key"),
            header("tracehop-group"),
        ]
        .map(Option::unwrap_or_default)
    };
    let (keyed, grouped) = (
        Message::new("x").with_key("k"),
        Message::new("x").with_group("g"),
    );
    let both = keyed.clone().with_group("g");
    // As a record of Kafka comes.
    let same = keyed.clone().with_group("k");
    let (kafka, sqs) = (System::Kafka, System::AwsSqs);
    for (message, to, at, expected) in [
        (&grouped, "topic", kafka, ["g", "", "", ""]),
        (&keyed, "topic", kafka, ["k", "", "", ""]),
        (&both, "topic", kafka, ["k", "", "", "g"]),
        (&same, "topic", kafka, ["k", "", "", ""]),
        (&keyed, "queue.fifo", sqs, ["", "k", "", ""]),
        (&both, "queue.fifo", sqs, ["", "g", "k", ""]),
        (&same, "queue.fifo", sqs, ["", "k", "", ""]),
        (&keyed, "queue", sqs, ["", "", "k", ""]),
        (&grouped, "queue", sqs, ["", "g", "", ""]),
        (&same, "queue", sqs, ["", "", "k", ""]),
    ] {
        assert_eq!(
            places(message.clone(), to, at),
            expected,
            "{to}: {message:?}"
        );
    }
}

#[test]
fn two_tries_are_one_message_to_a_fifo_queue() {
    let dedup_id = |id: &str| {
        let mut message = Message::new("x").with_group("g");
        message.properties.message_id = Some(id.to_owned());
        let carried = carried(message, System::Kafka, "q.fifo", System::AwsSqs);
        carried.unwrap().dedup_id
    };
    assert_eq!(dedup_id("orders/3/70"), Some("orders/3/70".into()));
    assert_eq!(dedup_id(&"m".repeat(129)), None);
}

#[test]
fn types_that_a_broker_has_not_become_text_or_are_refused() {
    let other = |kind: &str, bytes: &'static [u8]| Value::Other {
        kind: kind.to_owned(),
        bytes: Bytes::from_static(bytes),
    };
    let table = other("field-table", b"\x00");
    let labelled = other("Number.price", b"1.50");
    let image = other("Binary.png", b"\xff");
    let bytes = Value::Bytes(Bytes::from_static(b"\xff"));
    let refused = Err("header h: Kafka has no form for the type field-table");
    let cases = [
        (Value::Int(-7), Ok(Value::Int(-7)), Ok(Value::Int(-7))),
        (Value::Null, Ok(Value::Null), Ok(Value::Null)),
        (labelled, Ok("1.50".into()), Ok("1.50".into())),
        (image, Ok(bytes.clone()), Ok(bytes)),
        (table.clone(), refused, Ok(table)),
    ];
    for (value, on_kafka, on_amqp) in cases {
        for (at, expected) in [(System::Kafka, on_kafka), (System::RabbitMq, on_amqp)] {
            let message = Message::new("x").with_header("h", value.clone());
            let carried = carried(message, System::Memory, "queue", at);
            let carried = carried.map(|message| message.headers.get("h").cloned().unwrap());
            assert_eq!(carried, expected.map_err(ToOwned::to_owned), "{value:?}");
        }
    }
}

#[test]
fn what_rabbitmq_did_with_a_message_stays_there() {
    let died = Message::new("x").with_header("x-death", Value::Null);
    for (at, stays) in [
        (System::Kafka, false),
        (System::AwsSqs, false),
        (System::RabbitMq, true),
    ] {
        let carried = carried(died.clone(), System::RabbitMq, "q", at).unwrap();
        assert_eq!(carried.headers.get("x-death").is_some(), stays);
    }
}
