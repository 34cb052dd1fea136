use std::time::SystemTime;

use bytes::Bytes;
use opentelemetry::propagation::{Extractor, Injector};

/// A header value, in the types that brokers have between them.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum Value {
    /// Present without a value (Kafka).
    Null,
    /// Text.
    Text(String),
    /// Bytes.
    Bytes(Bytes),
    /// A boolean (AMQP).
    Bool(bool),
    /// An integer (AMQP; an SQS `Number` that is one).
    Int(i64),
    /// A floating-point number (AMQP).
    Float(f64),
    /// A point in time (AMQP).
    Timestamp(SystemTime),
    /// Anything else, under the broker's name for it, so that a relay can carry it or refuse it.
    Other {
        /// The broker's name of the type, such as `Number.decimal` or `field-table`.
        kind: String,
        /// The value in that type's own encoding.
        bytes: Bytes,
    },
}

impl Value {
    /// The value as text, where it is text or bytes of UTF-8.
    pub fn as_str(&self) -> Option<&str> {
        match self {
            Self::Text(text) => Some(text),
            Self::Bytes(bytes) => std::str::from_utf8(bytes).ok(),
            _ => None,
        }
    }
}

impl From<&str> for Value {
    fn from(text: &str) -> Self {
        Self::Text(text.to_owned())
    }
}

impl From<String> for Value {
    fn from(text: String) -> Self {
        Self::Text(text)
    }
}

impl From<Bytes> for Value {
    fn from(bytes: Bytes) -> Self {
        Self::Bytes(bytes)
    }
}

impl From<i64> for Value {
    fn from(number: i64) -> Self {
        Self::Int(number)
    }
}

impl From<bool> for Value {
    fn from(flag: bool) -> Self {
        Self::Bool(flag)
    }
}

/// The headers of a message: an ordered multimap with byte names.
///
/// Kafka allows nulls, duplicates and names that are not UTF-8, AMQP has types, SQS has data
/// types; all of it is kept. Where names repeat, [`get`](Self::get) answers the last.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Headers(Vec<(Bytes, Value)>);

impl Headers {
    /// No headers.
    pub const fn new() -> Self {
        Self(Vec::new())
    }

    /// Adds a header after the others, beside any of the same name.
    pub fn append(&mut self, name: impl Into<Bytes>, value: impl Into<Value>) {
        self.0.push((name.into(), value.into()));
    }

    /// Replaces every header of that name by one, which takes the place of the first.
    pub fn set(&mut self, name: impl Into<Bytes>, value: impl Into<Value>) {
        let name = name.into();
        let place = self.0.iter().position(|(known, _)| *known == name);
        match place {
            None => self.append(name, value),
            Some(first) => {
                self.0[first].1 = value.into();
                let mut index = 0;
                self.0.retain(|(known, _)| {
                    let keep = index <= first || *known != name;
                    index += 1;
                    keep
                });
            }
        }
    }

    /// Removes every header of that name; says whether there was one.
    pub fn remove(&mut self, name: impl AsRef<[u8]>) -> bool {
        let before = self.0.len();
        self.0.retain(|(known, _)| known.as_ref() != name.as_ref());
        self.0.len() < before
    }

    /// Keeps the headers of which `keep` holds, in their order.
    pub fn retain(&mut self, mut keep: impl FnMut(&Bytes, &Value) -> bool) {
        self.0.retain(|(name, value)| keep(name, value));
    }

    /// The last value under that name.
    pub fn get(&self, name: impl AsRef<[u8]>) -> Option<&Value> {
        self.0
            .iter()
            .rev()
            .find(|(known, _)| known.as_ref() == name.as_ref())
            .map(|(_, value)| value)
    }

    /// The headers in order.
    pub fn iter(&self) -> impl DoubleEndedIterator<Item = (&Bytes, &Value)> + ExactSizeIterator {
        self.0.iter().map(|(name, value)| (name, value))
    }

    /// How many headers there are, duplicates counted.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl<N: Into<Bytes>, V: Into<Value>> FromIterator<(N, V)> for Headers {
    fn from_iter<I: IntoIterator<Item = (N, V)>>(headers: I) -> Self {
        Self(
            headers
                .into_iter()
                .map(|(name, value)| (name.into(), value.into()))
                .collect(),
        )
    }
}

impl Injector for Headers {
    fn set(&mut self, key: &str, value: String) {
        Self::set(self, key.to_owned(), value);
    }
}

/// Text and bytes of UTF-8 are read; other values and names that are not UTF-8 are passed over.
/// Names are found in any case, since clients of other languages write other cases; the exact one
/// counts first.
impl Extractor for Headers {
    fn get(&self, key: &str) -> Option<&str> {
        let in_any_case = || {
            let mut headers = self.0.iter().rev();
            let found =
                headers.find(|(name, _)| name.as_ref().eq_ignore_ascii_case(key.as_bytes()));
            found.map(|(_, value)| value)
        };
        Self::get(self, key)
            .or_else(in_any_case)
            .and_then(Value::as_str)
    }

    fn keys(&self) -> Vec<&str> {
        self.0
            .iter()
            .filter_map(|(name, _)| std::str::from_utf8(name).ok())
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn duplicated() -> Headers {
        [("a", "1"), ("b", "2"), ("a", "3"), ("c", "4"), ("a", "5")]
            .into_iter()
            .collect()
    }

    #[test]
    fn among_duplicates_the_last_is_read() {
        assert_eq!(duplicated().get("a"), Some(&Value::from("5")));
    }

    #[test]
    fn setting_replaces_all_of_the_name_and_moves_no_other() {
        let mut headers = duplicated();
        Headers::set(&mut headers, "a", "new");
        let expected: Headers = [("a", "new"), ("b", "2"), ("c", "4")].into_iter().collect();
        assert_eq!(headers, expected);
    }

    #[test]
    fn a_reader_finds_a_name_in_any_case_and_the_exact_one_first() {
        let headers: Headers = [("TraceParent", "other"), ("B3", "1")]
            .into_iter()
            .collect();
        assert_eq!(Extractor::get(&headers, "traceparent"), Some("other"));
        let headers: Headers = [("traceparent", "exact"), ("TraceParent", "other")]
            .into_iter()
            .collect();
        assert_eq!(Extractor::get(&headers, "traceparent"), Some("exact"));
        assert_eq!(headers.get("b3"), None);
    }

    #[test]
    fn a_name_that_is_not_utf8_is_kept_and_never_shown_as_text() {
        let mut headers = Headers::new();
        headers.append(Bytes::from_static(b"\xff"), "odd");
        assert_eq!(headers.get(b"\xff"), Some(&Value::from("odd")));
        assert!(headers.keys().is_empty());
    }
}
