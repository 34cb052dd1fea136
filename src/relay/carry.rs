use std::time::SystemTime;

use bytes::Bytes;

use super::field::{Field, seconds};
use crate::contract::{Attributes, Destination, Headers, Message, System, Value};

/// Brings a message into the form in which `target` can carry it, by the table of the
/// [module](super). What it has no form for at all its sink refuses, or this does, with the
/// reason.
pub(super) fn carry(
    message: &mut Message,
    from: &Destination,
    attributes: &Attributes,
    target: &Destination,
) -> Result<(), String> {
    let id_is_the_brokers = from.system == System::AwsSqs;
    let mut id_was_told = false;
    for field in Field::ALL {
        let told = message.headers.get(field.header()).cloned();
        if told.is_some_and(|value| field.put(message, &value)) {
            message.headers.remove(field.header());
            id_was_told |= field == Field::MessageId;
        }
    }
    if is_fifo(target) {
        message.group = message.group.take().or_else(|| message.key.take());
        message.dedup_id = message
            .dedup_id
            .take()
            .or_else(|| identity(message, from, attributes));
    }
    if target.system == System::Kafka {
        message.key = message.key.take().or_else(|| message.group.take());
    }
    if id_is_the_brokers && !id_was_told && matches!(target.system, System::AwsSqs | System::AwsSns)
    {
        message.properties.message_id = None;
    }
    for field in Field::ALL {
        if field.has_place(target.system) {
            continue;
        }
        if let Some(value) = field.take(message) {
            message.headers.set(field.header(), value);
        }
    }
    if matches!(target.system, System::Kafka | System::RabbitMq) {
        message.headers = converted(&message.headers, target.system)?;
    }
    Ok(())
}

/// A rule of AWS: the name of a FIFO queue, and of no other, ends like that (Amazon SQS API
/// reference, `CreateQueue`).
fn is_fifo(target: &Destination) -> bool {
    target.system == System::AwsSqs && target.name.strip_suffix(".fifo").is_some()
}

/// What a message is known by at the broker that it comes from, so that two tries are one message
/// to a FIFO queue. SQS has no room for longer ones (`SendMessage`, API version 2012-11-05).
fn identity(message: &Message, from: &Destination, attributes: &Attributes) -> Option<Bytes> {
    const MOST_BYTES: usize = 128;
    let place = || {
        let (partition, offset) = (attributes.partition?, attributes.offset?);
        Some(format!("{}/{partition}/{offset}", from.name))
    };
    let identity = message.properties.message_id.clone().or_else(place)?;
    (identity.len() <= MOST_BYTES).then(|| identity.into())
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

/// Kafka has bytes alone, and neither broker the labels that SQS has.
fn value_for(value: &Value, to: System) -> Result<Value, String> {
    let text_alone = to == System::Kafka;
    Ok(match value {
        Value::Int(number) if text_alone => Value::Text(number.to_string()),
        Value::Float(number) if text_alone => Value::Text(number.to_string()),
        Value::Bool(flag) if text_alone => Value::Text(flag.to_string()),
        Value::Timestamp(at) if text_alone => Value::Text(written(*at)?),
        Value::Other { kind, bytes } if kind.starts_with("Binary") => Value::Bytes(bytes.clone()),
        Value::Other { kind, bytes }
            if kind.starts_with("String") || kind.starts_with("Number") =>
        {
            let text = String::from_utf8(bytes.to_vec());
            Value::Text(text.map_err(|_| "the value is not UTF-8")?)
        }
        Value::Other { kind, .. } if text_alone => {
            return Err(format!("Kafka has no form for the type {kind}"));
        }
        value => value.clone(),
    })
}

fn written(at: SystemTime) -> Result<String, String> {
    seconds(at).ok_or_else(|| "a time before 1970 has no form in Kafka".to_owned())
}
