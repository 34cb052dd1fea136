use lapin::{
    BasicProperties,
    types::{AMQPValue, FieldTable},
};
use opentelemetry::propagation::Extractor;

/// Reads the headers of a message as text, in any case of their names; the exact name counts first.
///
/// Long strings, short strings and byte arrays are text where they are UTF-8 and not empty. Other
/// types are not there, and what is in nested tables and arrays is not looked at.
#[derive(Clone, Copy, Debug)]
pub struct HeaderExtractor<'a>(Option<&'a FieldTable>);

impl<'a> HeaderExtractor<'a> {
    /// Whether there is no header at all.
    pub fn is_empty(&self) -> bool {
        self.0.is_none_or(|table| table.inner().is_empty())
    }

    /// Whether there is a header of that name, of whatever type.
    pub(crate) fn has(self, key: &str) -> bool {
        self.value(key).is_some()
    }

    fn value(self, key: &str) -> Option<&'a AMQPValue> {
        let headers = self.0?.inner();
        headers.get(key).or_else(|| {
            let mut headers = headers.iter();
            let other_case = headers.find(|(name, _)| name.as_str().eq_ignore_ascii_case(key));
            other_case.map(|(_, value)| value)
        })
    }
}

impl<'a> From<&'a FieldTable> for HeaderExtractor<'a> {
    fn from(headers: &'a FieldTable) -> Self {
        Self(Some(headers))
    }
}

impl<'a> From<&'a BasicProperties> for HeaderExtractor<'a> {
    fn from(properties: &'a BasicProperties) -> Self {
        Self(properties.headers().as_ref())
    }
}

impl Extractor for HeaderExtractor<'_> {
    fn get(&self, key: &str) -> Option<&str> {
        text(self.value(key)?)
    }

    fn keys(&self) -> Vec<&str> {
        let headers = self.0.into_iter().flatten();
        headers.map(|(name, _)| name.as_str()).collect()
    }
}

fn text(value: &AMQPValue) -> Option<&str> {
    let text = match value {
        AMQPValue::LongString(text) => str::from_utf8(text.as_bytes()).ok()?,
        AMQPValue::ShortString(text) => text.as_str(),
        AMQPValue::ByteArray(bytes) => str::from_utf8(bytes.as_slice()).ok()?,
        _ => return None,
    };
    (!text.is_empty()).then_some(text)
}
