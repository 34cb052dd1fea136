//! How many bytes headers and properties have on the wire (AMQP 0-9-1, sections 4.2.5 and 4.2.6,
//! with RabbitMQ's types).

use lapin::{
    BasicProperties,
    types::{AMQPValue, FieldTable, ShortString},
};

/// Around the property list of a content header: frame header (7) and end (1), class, weight, body
/// size and property flags (14).
pub(crate) const FRAME_BYTES: usize = 22;
/// Of a table or an array: its length.
pub(crate) const LENGTH_BYTES: usize = 4;
/// What a header with a long string costs besides its name and value: the length of the name, the
/// type, the length of the value.
pub(crate) const HEADER_BYTES: usize = 1 + 1 + LENGTH_BYTES;

/// The whole header frame of a message without its headers.
pub(crate) fn frame_without_headers(properties: &BasicProperties) -> usize {
    let strings = [
        properties.content_type(),
        properties.content_encoding(),
        properties.correlation_id(),
        properties.reply_to(),
        properties.expiration(),
        properties.message_id(),
        properties.kind(),
        properties.user_id(),
        properties.app_id(),
        properties.cluster_id(),
    ];
    let octets = [properties.delivery_mode(), properties.priority()];
    FRAME_BYTES
        + strings
            .into_iter()
            .flatten()
            .map(short_string)
            .sum::<usize>()
        + octets.into_iter().flatten().count()
        + properties.timestamp().map_or(0, |_| 8)
}

/// A header with its name.
pub(crate) fn header(name: &ShortString, value: &AMQPValue) -> usize {
    short_string(name) + 1 + bytes(value)
}

fn bytes(value: &AMQPValue) -> usize {
    match value {
        AMQPValue::Void => 0,
        AMQPValue::Boolean(_) | AMQPValue::ShortShortInt(_) | AMQPValue::ShortShortUInt(_) => 1,
        AMQPValue::ShortInt(_) | AMQPValue::ShortUInt(_) => 2,
        AMQPValue::LongInt(_) | AMQPValue::LongUInt(_) | AMQPValue::Float(_) => 4,
        AMQPValue::DecimalValue(_) => 5,
        AMQPValue::LongLongInt(_) | AMQPValue::Double(_) | AMQPValue::Timestamp(_) => 8,
        AMQPValue::ShortString(text) => short_string(text),
        AMQPValue::LongString(text) => LENGTH_BYTES + text.len(),
        AMQPValue::ByteArray(array) => LENGTH_BYTES + array.len(),
        AMQPValue::FieldArray(array) => {
            let values = array.as_slice().iter();
            LENGTH_BYTES + values.map(|value| 1 + bytes(value)).sum::<usize>()
        }
        AMQPValue::FieldTable(table) => self::table(table),
    }
}

fn table(table: &FieldTable) -> usize {
    let headers = table.into_iter();
    LENGTH_BYTES
        + headers
            .map(|(name, value)| header(name, value))
            .sum::<usize>()
}

fn short_string(text: &ShortString) -> usize {
    1 + text.as_str().len()
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a failed unwrap fails the test")]
mod tests {
    use lapin::protocol::basic::gen_properties;
    use lapin::types::{DecimalValue, FieldArray};
    use proptest::prelude::*;

    use super::*;

    fn value() -> impl Strategy<Value = AMQPValue> {
        let leaf = prop_oneof![
            Just(AMQPValue::Void),
            any::<bool>().prop_map(AMQPValue::from),
            any::<i8>().prop_map(AMQPValue::from),
            any::<u8>().prop_map(AMQPValue::from),
            any::<i16>().prop_map(AMQPValue::from),
            any::<u16>().prop_map(AMQPValue::from),
            any::<i32>().prop_map(AMQPValue::from),
            any::<u32>().prop_map(AMQPValue::from),
            any::<i64>().prop_map(AMQPValue::from),
            any::<f32>().prop_map(AMQPValue::from),
            any::<f64>().prop_map(AMQPValue::from),
            any::<u64>().prop_map(AMQPValue::Timestamp),
            (any::<u8>(), any::<u32>())
                .prop_map(|(scale, value)| DecimalValue { scale, value }.into()),
            "\\PC{0,20}".prop_map(|text| AMQPValue::ShortString(text.into())),
            "\\PC{0,300}".prop_map(|text| AMQPValue::LongString(text.into())),
            prop::collection::vec(any::<u8>(), 0..30)
                .prop_map(|bytes| AMQPValue::ByteArray(bytes.into())),
        ];
        leaf.prop_recursive(3, 16, 4, |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..4)
                    .prop_map(|values| FieldArray::from(values).into()),
                prop::collection::btree_map(short(), inner, 0..4)
                    .prop_map(|values| FieldTable::from(values).into()),
            ]
        })
    }

    fn short() -> impl Strategy<Value = ShortString> {
        "[a-z-]{0,40}".prop_map(ShortString::from)
    }

    proptest! {
        #[test]
        fn the_measure_is_what_goes_over_the_wire(
            headers in prop::collection::btree_map(short(), value(), 0..6),
            text in prop::option::of(short()),
            octet in prop::option::of(any::<u8>()),
            timestamp in prop::option::of(any::<u64>()),
        ) {
            let measured: usize = headers.iter().map(|(name, value)| header(name, value)).sum();
            let mut properties = BasicProperties::default().with_headers(headers.into());
            if let Some(text) = text {
                properties = properties
                    .with_content_type(text.clone())
                    .with_message_id(text.clone())
                    .with_type(text.clone())
                    .with_cluster_id(text);
            }
            if let Some(octet) = octet {
                properties = properties.with_delivery_mode(octet).with_priority(octet);
            }
            if let Some(timestamp) = timestamp {
                properties = properties.with_timestamp(timestamp);
            }
            // Flags and properties; the measure counts what is around them too.
            let written = gen_properties(&properties)(Vec::new().into()).unwrap().write.len();
            let measured = frame_without_headers(&properties) + LENGTH_BYTES + measured;
            prop_assert_eq!(measured, FRAME_BYTES - 2 + written);
        }
    }
}
