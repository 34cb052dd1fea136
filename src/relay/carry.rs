use bytes::Bytes;

use crate::contract::{Destination, Field, Headers, Message, System, Value};

/// Brings a message into the form in which `target` can carry it, by the table of the
/// [module](super). What it has no form for at all its sink refuses, or this does, with the
/// reason.
pub(super) fn carry(
    message: &mut Message,
    from: &Destination,
    target: &Destination,
) -> Result<(), String> {
    if from.system == System::RabbitMq && is_not_amqp(target) {
        // The broker's own record of what it did with the message there.
        message.headers.remove("x-death");
    }
    let id_was_told = restore(message, from.system);
    if is_fifo(target) {
        let id = message.properties.message_id.as_deref();
        let id = id.filter(|id| id.len() <= LONGEST_DEDUP_ID);
        let id = || id.map(|id| Bytes::copy_from_slice(id.as_bytes()));
        message.dedup_id = message.dedup_id.take().or_else(id);
    }
    let gives_ids = |system| matches!(system, System::AwsSqs | System::AwsSns | System::Kafka);
    if gives_ids(from.system) && !id_was_told && is_aws(target) {
        message.properties.message_id = None;
    }
    match target.system {
        System::Kafka => key_for_kafka(message),
        System::AwsSqs | System::AwsSns => {
            group_for_sqs(message, is_fifo(target));
            flatten(message, target.system);
        }
        _ => {}
    }
    if matches!(target.system, System::Kafka | System::RabbitMq) {
        message.headers = converted(&message.headers, target.system)?;
    }
    Ok(())
}

/// SQS takes no longer ones (`SendMessage`, API version 2012-11-05).
const LONGEST_DEDUP_ID: usize = 128;

/// Whether messages at that broker have a place for it. Of a broker of somebody else's its source
/// and sink decide.
const fn has_place(field: Field, at: System) -> bool {
    match at {
        System::AwsSqs | System::AwsSns => matches!(field, Field::Group),
        System::Kafka => matches!(field, Field::Key | Field::Timestamp),
        System::RabbitMq => !matches!(field, Field::Group),
        System::Memory | System::Other(_) => true,
    }
}

/// Takes off the headers that stand for what the broker had no place for. Says whether the message
/// id was among them.
fn restore(message: &mut Message, from: System) -> bool {
    let mut id_was_told = false;
    for field in Field::ALL
        .into_iter()
        .filter(|field| !has_place(*field, from))
    {
        let told = message.headers.get(field.header()).cloned();
        if told.is_some_and(|value| field.put(message, &value)) {
            message.headers.remove(field.header());
            id_was_told |= field == Field::MessageId;
        }
    }
    id_was_told
}

/// Makes headers of what the broker has no place for.
fn flatten(message: &mut Message, to: System) {
    for field in Field::ALL
        .into_iter()
        .filter(|field| !has_place(*field, to))
    {
        if let Some(value) = field.get(message) {
            field.clear(message);
            message.headers.set(field.header(), value);
        }
    }
}

/// Order hangs on the key: without one, the group stands for it.
fn key_for_kafka(message: &mut Message) {
    if message.key.is_none() {
        message.key = message.group.take();
    }
    let differs = message.group != message.key;
    if let (Some(group), true) = (Field::Group.get(message), differs) {
        message.headers.set(Field::Group.header(), group);
    }
    message.group = None;
}

/// Order hangs on the group: without one, the key stands for it on a FIFO queue. On others it is
/// the key alone that is wanted.
fn group_for_sqs(message: &mut Message, fifo: bool) {
    if fifo {
        message.group = message.group.take().or_else(|| message.key.clone());
        message.key = message
            .key
            .take()
            .filter(|key| Some(key) != message.group.as_ref());
    } else {
        message.group = message
            .group
            .take()
            .filter(|group| Some(group) != message.key.as_ref());
    }
}

fn is_aws(target: &Destination) -> bool {
    matches!(target.system, System::AwsSqs | System::AwsSns)
}

fn is_not_amqp(target: &Destination) -> bool {
    is_aws(target) || target.system == System::Kafka
}

/// A rule of AWS: the name of a FIFO queue, and of no other, ends like that (Amazon SQS API
/// reference, `CreateQueue`).
fn is_fifo(target: &Destination) -> bool {
    target.system == System::AwsSqs && target.name.strip_suffix(".fifo").is_some()
}

fn converted(headers: &Headers, to: System) -> Result<Headers, String> {
    let mut converted = Headers::new();
    for (name, value) in headers.iter() {
        let value = value_for(value, to).map_err(|reason| {
            let name = String::from_utf8_lossy(name);
            format!("header {name}: {reason}")
        })?;
        converted.append(name.clone(), value);
    }
    Ok(converted)
}

/// Neither broker has the labels of SQS, and Kafka none of AMQP's nested types.
fn value_for(value: &Value, to: System) -> Result<Value, String> {
    Ok(match value {
        Value::Other { kind, bytes } if kind.starts_with("Binary") => Value::Bytes(bytes.clone()),
        Value::Other { kind, bytes }
            if kind.starts_with("String") || kind.starts_with("Number") =>
        {
            let text = String::from_utf8(bytes.to_vec());
            Value::Text(text.map_err(|_| "the value is not UTF-8")?)
        }
        Value::Other { kind, .. } if to == System::Kafka => {
            return Err(format!("Kafka has no form for the type {kind}"));
        }
        value => value.clone(),
    })
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a failed unwrap fails the test")]
mod tests {
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
}
