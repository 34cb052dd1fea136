use super::{BaggageDropped, MAX_BYTES, MAX_MEMBERS};

/// Which baggage members pass, in one direction; see
/// [`Composite::send_baggage`](crate::Composite::send_baggage) and
/// [`Composite::receive_baggage`](crate::Composite::receive_baggage).
///
/// The default lets everything pass that W3C Baggage says must be carried: 64 members and 8192
/// bytes. Members that do not pass are counted by reason in [`BaggageDropped`], and never named.
///
/// ```
/// use std::collections::HashMap;
/// use opentelemetry::{Context, KeyValue, baggage::BaggageExt, propagation::TextMapPropagator};
/// use tracehop_propagation::{BaggagePolicy, Composite};
///
/// let outside = BaggagePolicy::new().allow(["tenant", "public.*"]).deny(["public.email"]).max_bytes(1024);
/// let cx = Context::new().with_baggage([
///     KeyValue::new("tenant", "acme"),
///     KeyValue::new("session", "secret"),
///     KeyValue::new("public.email", "a@example.com"),
/// ]);
/// let mut sent = HashMap::new();
/// Composite::default().send_baggage(outside).inject_context(&cx, &mut sent);
/// assert_eq!(sent["baggage"], "tenant=acme");
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BaggagePolicy {
    allow: Option<Vec<Keys>>,
    deny: Vec<Keys>,
    max_members: usize,
    max_bytes: usize,
    max_value_bytes: usize,
}

/// What applies where nobody said anything else.
pub(crate) static LIMITS_ALONE: BaggagePolicy = BaggagePolicy::new();

impl BaggagePolicy {
    /// The limits of the specification alone; also the default.
    pub const fn new() -> Self {
        Self {
            allow: None,
            deny: Vec::new(),
            max_members: MAX_MEMBERS,
            max_bytes: MAX_BYTES,
            max_value_bytes: usize::MAX,
        }
    }

    /// Lets nothing pass.
    pub fn nothing() -> Self {
        Self::new().allow::<&str>([])
    }

    /// Lets only these keys pass, and what earlier calls named. A key that ends in `*` stands for
    /// all that begin so. Default: every key.
    #[must_use]
    pub fn allow<K: AsRef<str>>(mut self, keys: impl IntoIterator<Item = K>) -> Self {
        let allow = self.allow.get_or_insert_default();
        allow.extend(keys.into_iter().map(|key| Keys::new(key.as_ref())));
        self
    }

    /// Lets these keys not pass, allowed or not. A key that ends in `*` stands for all that begin
    /// so. Default: none.
    #[must_use]
    pub fn deny<K: AsRef<str>>(mut self, keys: impl IntoIterator<Item = K>) -> Self {
        let keys = keys.into_iter().map(|key| Keys::new(key.as_ref()));
        self.deny.extend(keys);
        self
    }

    /// At most so many members. Default, and at most: 64.
    #[must_use]
    pub fn max_members(mut self, members: usize) -> Self {
        self.max_members = members.min(MAX_MEMBERS);
        self
    }

    /// At most so many bytes of all members, encoded, with the commas between them. Default, and
    /// at most: 8192.
    #[must_use]
    pub fn max_bytes(mut self, bytes: usize) -> Self {
        self.max_bytes = bytes.min(MAX_BYTES);
        self
    }

    /// At most so many bytes of UTF-8 in a value; a longer one is dropped and not cut. Default:
    /// no limit but that of all members.
    #[must_use]
    pub fn max_value_bytes(mut self, bytes: usize) -> Self {
        self.max_value_bytes = bytes;
        self
    }

    /// Whether a member may pass, or counts it.
    pub(super) fn admits(&self, key: &str, value: &str, dropped: &mut BaggageDropped) -> bool {
        let listed = |list: &[Keys]| list.iter().any(|keys| keys.hold(key));
        let allowed = self.allow.as_deref().is_none_or(listed);
        if !allowed || listed(&self.deny) {
            dropped.policy += 1;
        } else if value.len() > self.max_value_bytes {
            dropped.value_length += 1;
        } else {
            return true;
        }
        false
    }
}

impl Default for BaggagePolicy {
    fn default() -> Self {
        Self::new()
    }
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Keys {
    One(Box<str>),
    StartingWith(Box<str>),
}

impl Keys {
    fn new(pattern: &str) -> Self {
        match pattern.strip_suffix('*') {
            None => Self::One(pattern.into()),
            Some(prefix) => Self::StartingWith(prefix.into()),
        }
    }

    fn hold(&self, key: &str) -> bool {
        match self {
            Self::One(one) => **one == *key,
            Self::StartingWith(prefix) => key.starts_with(&**prefix),
        }
    }
}

/// What is left of a policy's limits, for one list of members.
#[derive(Debug)]
pub(super) struct Room {
    members: usize,
    bytes: usize,
    is_first: bool,
}

impl Room {
    pub(super) fn new(policy: &BaggagePolicy) -> Self {
        Self {
            members: policy.max_members,
            bytes: policy.max_bytes,
            is_first: true,
        }
    }

    /// Takes room for one more member of `length` encoded bytes, or counts it as dropped.
    pub(super) fn take(&mut self, length: usize, dropped: &mut BaggageDropped) -> bool {
        let length = length + usize::from(!self.is_first);
        if self.members == 0 {
            dropped.members += 1;
        } else if length > self.bytes {
            dropped.bytes += 1;
        } else {
            self.members -= 1;
            self.bytes -= length;
            self.is_first = false;
            return true;
        }
        false
    }
}
