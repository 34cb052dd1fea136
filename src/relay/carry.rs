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
mod tests;
