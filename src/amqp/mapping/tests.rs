use std::time::UNIX_EPOCH;

use lapin::types::{DecimalValue, FieldArray};

use super::*;
use crate::contract::Value;

fn there_and_back(message: Message, fixed: Option<&str>) -> Message {
    let (routing_key, properties, payload) = to_amqp(message, fixed).unwrap();
    from_amqp(routing_key.as_str(), &properties, payload)
}

fn refused(message: Message) -> String {
    to_amqp(message, None).unwrap_err().0
}

#[test]
fn headers_keep_their_types_both_ways() {
    let table = FieldTable::from(BTreeMap::from([(
        "nested".into(),
        AMQPValue::FieldArray(FieldArray::from(vec![AMQPValue::Void])),
    )]));
    let decimal = DecimalValue {
        scale: 2,
        value: 314,
    };
    let values = [
        Value::Null,
        Value::from("text"),
        Value::Bytes(Bytes::from_static(b"\xff\0")),
        Value::Bool(true),
        Value::Int(i64::MIN),
        Value::Float(0.1),
        Value::Timestamp(UNIX_EPOCH + Duration::from_secs(1_700_000_000)),
        value::from_amqp(&AMQPValue::FieldTable(table)),
        value::from_amqp(&AMQPValue::DecimalValue(decimal)),
        value::from_amqp(&AMQPValue::Timestamp(u64::MAX)),
    ];
    let mut message = Message::new("an order").with_key("eu");
    for (index, value) in values.into_iter().enumerate() {
        message.headers.append(format!("h{index}"), value);
    }
    assert_eq!(there_and_back(message.clone(), None), message);
}

#[test]
fn properties_keep_their_values_both_ways() {
    let mut message = Message::new("an order").with_key("eu");
    let text = |name: &str| Some(name.to_owned());
    message.properties = Properties {
        content_type: text("application/json"),
        content_encoding: text("gzip"),
        message_type: text("order.placed"),
        app_id: text("shop"),
        message_id: text("m-1"),
        correlation_id: text("c-1"),
        reply_to: text("answers"),
        timestamp: Some(UNIX_EPOCH + Duration::from_secs(1_700_000_000)),
        priority: Some(4),
        expiration: Some(Duration::from_millis(1500)),
        delay: None,
    };
    assert_eq!(there_and_back(message.clone(), None), message);
}

#[test]
fn what_amqp_has_no_place_for_goes_in_headers_and_comes_back() {
    let message = Message::new("an order")
        .with_key(&b"\xffkey"[..])
        .with_group("customer-7")
        .with_dedup_id("once");
    assert_eq!(there_and_back(message.clone(), Some("orders")), message);
    let (routing_key, properties, _) = to_amqp(message, Some("orders")).unwrap();
    assert_eq!(routing_key.as_str(), "orders");
    let headers = properties.headers().clone().unwrap();
    let names: Vec<&str> = headers.inner().keys().map(ShortString::as_str).collect();
    assert_eq!(names, [DEDUP_ID, GROUP, KEY]);
}

#[test]
fn headers_of_one_name_go_as_an_array() {
    let mut message = Message::new("an order");
    for number in 1..=3 {
        message.headers.append("n", number);
    }
    let (_, properties, _) = to_amqp(message, None).unwrap();
    let numbers = (1..=3).map(AMQPValue::LongLongInt).collect::<Vec<_>>();
    let headers = properties.headers().clone().unwrap();
    assert_eq!(headers.inner()["n"], AMQPValue::FieldArray(numbers.into()));
}

#[test]
fn integers_of_every_width_are_integers() {
    for value in [
        AMQPValue::ShortShortInt(7),
        AMQPValue::ShortShortUInt(7),
        AMQPValue::ShortInt(7),
        AMQPValue::ShortUInt(7),
        AMQPValue::LongInt(7),
        AMQPValue::LongUInt(7),
    ] {
        assert_eq!(value::from_amqp(&value), Value::Int(7));
    }
}

#[test]
fn a_long_string_that_is_no_text_is_bytes() {
    let value = AMQPValue::LongString(b"\xff".to_vec().into());
    assert_eq!(
        value::from_amqp(&value),
        Value::Bytes(Bytes::from_static(b"\xff"))
    );
}

#[test]
fn what_amqp_cannot_carry_is_refused_with_the_reason() {
    let said = refused(Message::default());
    assert_eq!(said, "a message without a payload has no form on AMQP");
    let said = refused(Message::new("").with_key(&b"\xff"[..]));
    assert_eq!(said, "the key, which is the routing key, is not UTF-8");
    let said = refused(Message::new("").with_key("k".repeat(256)));
    assert!(said.contains("256 bytes"), "{said}");
    let said = refused(Message::new("").with_header(&b"\xff"[..], "odd"));
    assert_eq!(said, "the name of a header is not UTF-8");
    let said = refused(Message::new("").with_header("n".repeat(256), "long"));
    assert!(said.contains("256 bytes"), "{said}");
    let said = refused(Message::new("").with_delay(Duration::from_secs(1)));
    assert_eq!(said, "RabbitMQ delays no messages");
    let number = Value::Other {
        kind: "Number.decimal".to_owned(),
        bytes: Bytes::from_static(b"3.14"),
    };
    let said = refused(Message::new("").with_header("pi", number));
    assert!(
        said.contains("\"pi\"") && said.contains("Number.decimal"),
        "{said}"
    );
    let before = Value::Timestamp(UNIX_EPOCH - Duration::from_secs(1));
    let said = refused(Message::new("").with_header("past", before));
    assert!(said.contains("1970"), "{said}");
}
