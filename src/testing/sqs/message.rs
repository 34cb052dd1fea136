//! A message as the queues keep it.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::sync::Arc;

use tokio::time::Instant;

/// What was sent, checked and with its digests.
#[derive(Clone, Debug)]
pub(super) struct Message {
    pub(super) id: String,
    pub(super) body: String,
    pub(super) body_md5: String,
    /// Sorted by name, as the digest wants it.
    pub(super) attributes: BTreeMap<String, Attribute>,
    pub(super) trace_header: Option<String>,
    pub(super) group: Option<Arc<str>>,
    pub(super) deduplication_id: Option<String>,
    /// Given by a FIFO queue when it takes the message in.
    pub(super) sequence: Option<String>,
    pub(super) sent: Instant,
    /// The ARN of the queue that gave the message up, on a dead-letter queue.
    pub(super) dead_letter_source: Option<Arc<str>>,
}

/// A message attribute with its data type.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Attribute {
    pub(super) data_type: String,
    pub(super) value: Value,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Value {
    Text(String),
    Binary(Vec<u8>),
}

impl Value {
    pub(super) fn as_bytes(&self) -> &[u8] {
        match self {
            Self::Text(text) => text.as_bytes(),
            Self::Binary(bytes) => bytes,
        }
    }
}

/// A random UUID (RFC 9562, version 4), the form of SQS's message and request ids.
pub(super) fn random_id() -> String {
    let random = fastrand::u128(..) & !(0xf << 76) & !(0b11 << 62) | (0x4 << 76) | (0b10 << 62);
    let hex = hex(&random.to_be_bytes());
    [
        &hex[..8],
        &hex[8..12],
        &hex[12..16],
        &hex[16..20],
        &hex[20..],
    ]
    .join("-")
}

pub(super) fn hex(bytes: &[u8]) -> String {
    bytes
        .iter()
        .fold(String::with_capacity(bytes.len() * 2), |mut text, byte| {
            let _ = write!(text, "{byte:02x}");
            text
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_is_a_version_4_uuid() {
        for _ in 0..64 {
            let id = random_id();
            let lengths: Vec<_> = id.split('-').map(str::len).collect();
            assert_eq!(lengths, [8, 4, 4, 4, 12], "{id}");
            assert_eq!(&id[14..15], "4", "{id}");
            assert!("89ab".contains(&id[19..20]), "{id}");
        }
    }
}
