//! Header values in the types of AMQP 0-9-1, as RabbitMQ has them.

use std::io::Cursor;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use bytes::Bytes;
use lapin::types::generation::gen_value;
use lapin::types::parsing::parse_value;
use lapin::types::{AMQPType, AMQPValue, FieldArray};

use crate::contract::Value;

/// The value on AMQP; else what is wrong with it. Text is a long string, integers have 64 bits,
/// times are in whole seconds.
pub(super) fn to_amqp(value: &Value) -> Result<AMQPValue, String> {
    Ok(match value {
        Value::Null => AMQPValue::Void,
        Value::Text(text) => AMQPValue::LongString(text.as_str().into()),
        Value::Bytes(bytes) => AMQPValue::ByteArray(bytes.as_ref().into()),
        Value::Bool(flag) => AMQPValue::Boolean(*flag),
        Value::Int(number) => AMQPValue::LongLongInt(*number),
        Value::Float(number) => AMQPValue::Double(*number),
        Value::Timestamp(time) => AMQPValue::Timestamp(seconds(*time)?),
        Value::Other { kind, bytes } => match parse_value(bytes.as_ref()) {
            Ok(([], value)) if kind == name(value.get_type()) => value,
            _ => return Err(format!("is of the type {kind:?}, which AMQP does not have")),
        },
    })
}

/// The value of a header. Integers of every width are integers; what the contract has no type for
/// is kept in AMQP's own encoding, with its type tag.
pub(super) fn from_amqp(value: &AMQPValue) -> Value {
    match value {
        AMQPValue::Boolean(flag) => Value::Bool(*flag),
        AMQPValue::ShortShortInt(number) => Value::Int((*number).into()),
        AMQPValue::ShortShortUInt(number) => Value::Int((*number).into()),
        AMQPValue::ShortInt(number) => Value::Int((*number).into()),
        AMQPValue::ShortUInt(number) => Value::Int((*number).into()),
        AMQPValue::LongInt(number) => Value::Int((*number).into()),
        AMQPValue::LongUInt(number) => Value::Int((*number).into()),
        AMQPValue::LongLongInt(number) => Value::Int(*number),
        AMQPValue::Float(number) => Value::Float((*number).into()),
        AMQPValue::Double(number) => Value::Float(*number),
        AMQPValue::ShortString(text) => Value::Text(text.to_string()),
        AMQPValue::LongString(text) => match std::str::from_utf8(text.as_bytes()) {
            Ok(text) => Value::Text(text.to_owned()),
            Err(_) => Value::Bytes(Bytes::copy_from_slice(text.as_bytes())),
        },
        AMQPValue::ByteArray(bytes) => Value::Bytes(Bytes::copy_from_slice(bytes.as_slice())),
        AMQPValue::Void => Value::Null,
        AMQPValue::Timestamp(seconds) => {
            time(*seconds).map_or_else(|| other(value), Value::Timestamp)
        }
        AMQPValue::DecimalValue(_) | AMQPValue::FieldArray(_) | AMQPValue::FieldTable(_) => {
            other(value)
        }
    }
}

/// Two values under one name.
pub(super) fn and(before: AMQPValue, value: AMQPValue) -> AMQPValue {
    let mut array = match before {
        AMQPValue::FieldArray(array) => array,
        single => FieldArray::from(vec![single]),
    };
    array.push(value);
    AMQPValue::FieldArray(array)
}

/// Text where it is UTF-8.
pub(super) fn text_or_bytes(bytes: Bytes) -> Value {
    match std::str::from_utf8(&bytes) {
        Ok(text) => Value::Text(text.to_owned()),
        Err(_) => Value::Bytes(bytes),
    }
}

/// The bytes of text or bytes.
pub(super) fn bytes(value: &Value) -> Option<Bytes> {
    match value {
        Value::Text(text) => Some(Bytes::copy_from_slice(text.as_bytes())),
        Value::Bytes(bytes) => Some(bytes.clone()),
        _ => None,
    }
}

/// Nothing where it is beyond what the system's clock can tell.
pub(super) fn time(seconds: u64) -> Option<SystemTime> {
    UNIX_EPOCH.checked_add(Duration::from_secs(seconds))
}

/// Whole seconds since 1970.
pub(super) fn seconds(time: SystemTime) -> Result<u64, String> {
    time.duration_since(UNIX_EPOCH)
        .map(|since| since.as_secs())
        .map_err(|_| "is before 1970, which AMQP cannot tell".to_owned())
}

/// A value that the contract has no type for.
fn other(value: &AMQPValue) -> Value {
    Value::Other {
        kind: name(value.get_type()).to_owned(),
        bytes: encoded(value).into(),
    }
}

/// The value in AMQP's encoding, behind its type tag. The encoder writes into room that is there.
fn encoded(value: &AMQPValue) -> Vec<u8> {
    let mut room = vec![0; 256];
    loop {
        let written = gen_value(value)(Cursor::new(room.as_mut_slice()).into());
        if let Ok(written) = written {
            let length = usize::try_from(written.position).unwrap_or(room.len());
            room.truncate(length);
            return room;
        }
        room = vec![0; room.len() * 2];
    }
}

/// How [`Value::Other`] calls a type.
fn name(kind: AMQPType) -> &'static str {
    match kind {
        AMQPType::DecimalValue => "decimal",
        AMQPType::FieldArray => "field-array",
        AMQPType::FieldTable => "field-table",
        AMQPType::Timestamp => "timestamp",
        _ => "",
    }
}
