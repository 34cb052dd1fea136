use std::{borrow::Cow, collections::BTreeMap, fmt};

use opentelemetry::propagation::Extractor;
use serde::{
    Deserialize, Deserializer,
    de::{IgnoredAny, MapAccess, SeqAccess, Visitor},
};

use super::BAGGAGE;
use crate::baggage::FIELD as W3C_BAGGAGE;

/// Ids, 512 bytes of tags and twice 8192 of baggage, with room to spare.
const MAX_LENGTH: usize = 32 * 1024;

/// What is read of an attribute; more is not Datadog's.
const MAX_FIELDS: usize = 256;

/// The fields of [`Datadog`](super::Datadog) as one message attribute, `_datadog`: a JSON object of
/// text, as Datadog's tracers write it on SQS and SNS. For carriers with few places.
///
/// ```
/// use tracehop_propagation::DatadogAttribute;
///
/// let mut attribute = DatadogAttribute::default();
/// assert!(DatadogAttribute::takes("x-datadog-trace-id") && !DatadogAttribute::takes("traceparent"));
/// attribute.set("x-datadog-trace-id", "42".to_owned());
/// attribute.set("ot-baggage-tenant", "acme".to_owned());
/// assert_eq!(attribute.json().unwrap(), r#"{"ot-baggage-tenant":"acme","x-datadog-trace-id":"42"}"#);
/// assert_eq!(attribute.json_without_baggage().unwrap(), r#"{"x-datadog-trace-id":"42"}"#);
/// ```
#[derive(Clone, Debug, Default)]
pub struct DatadogAttribute(BTreeMap<String, String>);

impl DatadogAttribute {
    /// Its name.
    pub const FIELD: &'static str = "_datadog";

    /// Whether a field is one of Datadog's alone.
    pub fn takes(field: &str) -> bool {
        field.starts_with("x-datadog-") || field.starts_with(BAGGAGE)
    }

    /// Sets a field.
    pub fn set(&mut self, field: &str, value: String) {
        self.0.insert(field.to_owned(), value);
    }

    /// Whether nothing was set.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Adds the `baggage` header, which other formats have a use for too.
    pub fn set_baggage(&mut self, header: &str) {
        self.0.insert(W3C_BAGGAGE.to_owned(), header.to_owned());
    }

    /// The value; `None` if nothing was set.
    pub fn json(&self) -> Option<String> {
        Self::written(&self.0)
    }

    /// The value without any baggage, for where there is no room for that.
    pub fn json_without_baggage(&self) -> Option<String> {
        let fields = self.0.iter().filter(|(field, _)| !is_baggage(field));
        Self::written(&fields.collect())
    }

    fn written<K: Ord + serde::Serialize>(fields: &BTreeMap<K, K>) -> Option<String> {
        let object = (!fields.is_empty()).then(|| serde_json::to_string(fields));
        object.and_then(Result::ok)
    }
}

fn is_baggage(field: &str) -> bool {
    field == W3C_BAGGAGE || field.starts_with(BAGGAGE)
}

/// What an attribute says. Numbers are taken as their text; what is nested is no field.
#[derive(Debug)]
pub(super) struct Parsed(Vec<(String, String)>);

impl Parsed {
    /// `None` for what is no JSON object, and for more than Datadog has to say.
    pub(super) fn new(json: &str) -> Option<Self> {
        if json.len() > MAX_LENGTH {
            return None;
        }
        serde_json::from_str(json).ok()
    }
}

impl Extractor for Parsed {
    fn get(&self, key: &str) -> Option<&str> {
        let fields = &mut self.0.iter();
        let found = fields.find(|(field, _)| field.eq_ignore_ascii_case(key));
        found.map(|(_, value)| value.as_str())
    }

    fn keys(&self) -> Vec<&str> {
        self.0.iter().map(|(field, _)| field.as_str()).collect()
    }
}

impl<'de> Deserialize<'de> for Parsed {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Object;
        impl<'de> Visitor<'de> for Object {
            type Value = Parsed;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut object: A) -> Result<Parsed, A::Error> {
                let mut fields = Vec::new();
                while let Some((field, Text(text))) = object.next_entry::<Cow<'_, str>, Text>()? {
                    if let Some(text) = text.filter(|_| fields.len() < MAX_FIELDS) {
                        fields.push((field.into_owned(), text));
                    }
                }
                Ok(Parsed(fields))
            }
        }
        deserializer.deserialize_map(Object)
    }
}

/// A text or a number as text; `None` for any other value.
struct Text(Option<String>);

impl<'de> Deserialize<'de> for Text {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Any;
        impl<'de> Visitor<'de> for Any {
            type Value = Text;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a value")
            }

            fn visit_str<E>(self, text: &str) -> Result<Text, E> {
                Ok(Text(Some(text.to_owned())))
            }

            fn visit_u64<E>(self, number: u64) -> Result<Text, E> {
                Ok(Text(Some(number.to_string())))
            }

            fn visit_i64<E>(self, number: i64) -> Result<Text, E> {
                Ok(Text(Some(number.to_string())))
            }

            fn visit_f64<E>(self, _: f64) -> Result<Text, E> {
                Ok(Text(None))
            }

            fn visit_bool<E>(self, _: bool) -> Result<Text, E> {
                Ok(Text(None))
            }

            fn visit_unit<E>(self) -> Result<Text, E> {
                Ok(Text(None))
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut array: A) -> Result<Text, A::Error> {
                while array.next_element::<IgnoredAny>()?.is_some() {}
                Ok(Text(None))
            }

            fn visit_map<A: MapAccess<'de>>(self, mut object: A) -> Result<Text, A::Error> {
                while object.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
                Ok(Text(None))
            }
        }
        deserializer.deserialize_any(Any)
    }
}
