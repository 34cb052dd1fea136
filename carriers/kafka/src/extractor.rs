use std::{collections::HashSet, str};

use opentelemetry::propagation::Extractor;
use rdkafka::message::{BorrowedHeaders, BorrowedMessage, Message, OwnedHeaders, OwnedMessage};

use crate::{RawHeader, RawHeaders};

/// Reads the headers of a record as text, in any case of their keys; the exact key counts first.
///
/// Of headers with the same key the last counts, and alone: where that is null, empty or not UTF-8,
/// there is none. Keys that are not UTF-8 are passed over;
/// [`malformed_keys`](Self::malformed_keys) counts them.
#[derive(Clone, Debug)]
pub struct HeaderExtractor<'a> {
    headers: Option<RawHeaders<'a>>,
}

impl<'a> HeaderExtractor<'a> {
    /// Reads these headers.
    pub fn new(headers: Option<&'a BorrowedHeaders>) -> Self {
        Self {
            headers: headers.map(RawHeaders::new),
        }
    }

    /// How many headers have a key that is not UTF-8.
    pub fn malformed_keys(&self) -> usize {
        self.raw()
            .filter(|header| str::from_utf8(header.key).is_err())
            .count()
    }

    fn raw(&self) -> impl DoubleEndedIterator<Item = RawHeader<'a>> + use<'a> {
        self.headers.clone().into_iter().flatten()
    }

    fn last(&self, key: &str) -> Option<RawHeader<'a>> {
        let mut other_case = None;
        for header in self.raw().rev() {
            if header.key == key.as_bytes() {
                return Some(header);
            }
            if other_case.is_none() && header.key.eq_ignore_ascii_case(key.as_bytes()) {
                other_case = Some(header);
            }
        }
        other_case
    }
}

impl<'a> From<&'a BorrowedMessage<'_>> for HeaderExtractor<'a> {
    fn from(message: &'a BorrowedMessage<'_>) -> Self {
        Self::new(message.headers())
    }
}

impl<'a> From<&'a OwnedMessage> for HeaderExtractor<'a> {
    fn from(message: &'a OwnedMessage) -> Self {
        Self::new(message.headers().map(OwnedHeaders::as_borrowed))
    }
}

/// `get_all` answers one value at most, since the last of a key counts alone.
impl Extractor for HeaderExtractor<'_> {
    fn get(&self, key: &str) -> Option<&str> {
        let value = str::from_utf8(self.last(key)?.value?).ok()?;
        (!value.is_empty()).then_some(value)
    }

    fn keys(&self) -> Vec<&str> {
        // A record may have very many.
        let mut known = HashSet::new();
        self.raw()
            .filter_map(|header| str::from_utf8(header.key).ok())
            .filter(|key| known.insert(*key))
            .collect()
    }
}
