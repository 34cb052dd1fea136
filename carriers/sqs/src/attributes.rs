use std::{collections::HashMap, fmt::Debug};

/// The message attributes of an SQS or SNS request, which are two types with one shape. Sealed.
pub trait Attributes: Map {}

impl<M: Map> Attributes for M {}

/// What is read of message attributes, wherever they come from.
pub trait Texts: Debug {
    /// The value as text, if there is any: strings, and binary values that are UTF-8.
    fn text(&self, name: &str) -> Option<&str>;
    fn names(&self) -> Vec<&str>;
}

/// What the carrier does with the message attributes of a request, whichever service it is for.
pub trait Map: Texts {
    /// How many attributes there are, and their bytes.
    fn measure(&self) -> (usize, usize);
    fn remove(&mut self, drop: &dyn Fn(&str) -> bool);
    fn insert(&mut self, name: String, value: String);
}

/// The place for `AWSTraceHeader`.
pub(crate) trait TraceHeader: Debug {
    /// Whether the header was put there: one that the user set stays.
    fn put(&mut self, header: String) -> bool;
}

/// An attribute value of either service.
trait Value: Debug + Sized {
    fn string(value: String) -> Option<Self>;
    fn parts(&self) -> Parts<'_>;
}

struct Parts<'a> {
    data_type: &'a str,
    string: Option<&'a str>,
    binary: Option<&'a [u8]>,
}

impl Parts<'_> {
    fn bytes(&self) -> usize {
        self.data_type.len() + self.string.map_or(0, str::len) + self.binary.map_or(0, <[u8]>::len)
    }
}

impl<V: Value> Texts for Option<HashMap<String, V>> {
    fn text(&self, name: &str) -> Option<&str> {
        let parts = find(self.as_ref()?, name)?.parts();
        let binary = || parts.binary.and_then(|bytes| str::from_utf8(bytes).ok());
        parts.string.or_else(binary).filter(|text| !text.is_empty())
    }

    fn names(&self) -> Vec<&str> {
        self.iter()
            .flatten()
            .map(|(name, _)| name.as_str())
            .collect()
    }
}

impl<V: Value> Map for Option<HashMap<String, V>> {
    fn measure(&self) -> (usize, usize) {
        self.iter()
            .flatten()
            .fold((0, 0), |(count, bytes), (name, value)| {
                (count + 1, bytes + name.len() + value.parts().bytes())
            })
    }

    fn remove(&mut self, drop: &dyn Fn(&str) -> bool) {
        if let Some(map) = self {
            map.retain(|name, _| !drop(name));
        }
    }

    fn insert(&mut self, name: String, value: String) {
        if let Some(value) = V::string(value) {
            self.get_or_insert_default().insert(name, value);
        }
    }
}

/// Other languages write other cases; the exact name counts first.
pub(crate) fn find<'a, V>(map: &'a HashMap<String, V>, name: &str) -> Option<&'a V> {
    map.get(name).or_else(|| {
        map.iter()
            .find(|(other, _)| other.eq_ignore_ascii_case(name))
            .map(|(_, value)| value)
    })
}

#[cfg(any(feature = "sqs", feature = "sns"))]
macro_rules! impl_value {
    ($value:ty) => {
        impl Value for $value {
            fn string(value: String) -> Option<Self> {
                // The builder fails only where the data type is missing.
                Self::builder()
                    .data_type("String")
                    .string_value(value)
                    .build()
                    .ok()
            }

            fn parts(&self) -> Parts<'_> {
                Parts {
                    data_type: &self.data_type,
                    string: self.string_value(),
                    binary: self.binary_value().map(AsRef::as_ref),
                }
            }
        }
    };
}
#[cfg(feature = "sqs")]
impl_value!(aws_sdk_sqs::types::MessageAttributeValue);
#[cfg(feature = "sns")]
impl_value!(aws_sdk_sns::types::MessageAttributeValue);

#[cfg(feature = "sqs")]
pub(crate) type SystemAttributes = Option<
    HashMap<
        aws_sdk_sqs::types::MessageSystemAttributeNameForSends,
        aws_sdk_sqs::types::MessageSystemAttributeValue,
    >,
>;

#[cfg(feature = "sqs")]
impl TraceHeader for SystemAttributes {
    fn put(&mut self, header: String) -> bool {
        use aws_sdk_sqs::types::{
            MessageSystemAttributeNameForSends::AwsTraceHeader, MessageSystemAttributeValue,
        };

        if self
            .as_ref()
            .is_some_and(|attributes| attributes.contains_key(&AwsTraceHeader))
        {
            return false;
        }
        let value = MessageSystemAttributeValue::builder()
            .data_type("String")
            .string_value(header);
        // The builder fails only where the data type is missing.
        value.build().is_ok_and(|value| {
            self.get_or_insert_default()
                .insert(AwsTraceHeader, value)
                .is_none()
        })
    }
}
