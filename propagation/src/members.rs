use std::{borrow::Cow, fmt::Display, marker::PhantomData, str::FromStr};

use opentelemetry::{
    Context, ContextGuard,
    baggage::{Baggage, BaggageExt},
};

use crate::baggage::is_token;

/// One baggage member: its key, and the type of its value.
///
/// The API's own [`with_baggage`](BaggageExt::with_baggage) replaces all members; this sets, reads
/// and removes one. The others stay as they are, and those that were received stay in their order
/// and their words.
///
/// ```
/// use opentelemetry::Context;
/// use tracehop_propagation::{BaggageMember, baggage_members};
///
/// const TENANT: BaggageMember<String> = BaggageMember::new("tenant");
/// const PRIORITY: BaggageMember<u8> = BaggageMember::new("priority");
///
/// let cx = PRIORITY.set(&TENANT.set(&Context::new(), &"acme".to_owned()), &3);
/// assert_eq!(PRIORITY.get(&cx), Some(3));
/// assert_eq!(baggage_members(&cx).collect::<Vec<_>>(), [("priority", "3"), ("tenant", "acme")]);
///
/// // For as long as the guard lives; across an await, `.with_context(cx)` on the future instead.
/// let scope = PRIORITY.attach(&9);
/// assert_eq!(PRIORITY.current(), Some(9));
/// drop(scope);
/// assert_eq!(PRIORITY.current(), None);
/// assert_eq!(PRIORITY.get(&PRIORITY.remove(&cx)), None);
/// ```
#[derive(Debug)]
pub struct BaggageMember<T> {
    key: Cow<'static, str>,
    value: PhantomData<fn() -> T>,
}

impl<T> BaggageMember<T> {
    /// A member with a key that is known when the program is compiled.
    ///
    /// # Panics
    /// Where the key is no token (RFC 7230, section 3.2.6): not to be compiled as a `const`.
    pub const fn new(key: &'static str) -> Self {
        assert!(is_token(key), "a baggage key is a token of RFC 7230");
        Self {
            key: Cow::Borrowed(key),
            value: PhantomData,
        }
    }

    /// A member with any key; `None` if it is no token (RFC 7230, section 3.2.6).
    pub fn named(key: impl Into<String>) -> Option<Self> {
        let key = key.into();
        is_token(&key).then_some(Self {
            key: Cow::Owned(key),
            value: PhantomData,
        })
    }

    /// Its key.
    pub fn key(&self) -> &str {
        &self.key
    }

    /// `cx` without it.
    #[must_use]
    pub fn remove(&self, cx: &Context) -> Context {
        cx.with_baggage(others(cx, &self.key))
    }
}

impl<T: Display> BaggageMember<T> {
    /// `cx` with it, in place of the one before, properties and all.
    ///
    /// Baggage has 64 members and 8192 bytes at most (W3C Baggage, "Limits"): one that finds no
    /// room is left out, and the one before with it.
    #[must_use]
    pub fn set(&self, cx: &Context, value: &T) -> Context {
        let mut baggage = others(cx, &self.key);
        baggage.insert(self.key.clone().into_owned(), value.to_string());
        cx.with_baggage(baggage)
    }

    /// Sets it on the current context, until the guard is dropped. Not to be held over an await.
    #[must_use = "it is set as long as the guard lives"]
    pub fn attach(&self, value: &T) -> ContextGuard {
        self.set(&Context::current(), value).attach()
    }
}

impl<T: FromStr> BaggageMember<T> {
    /// Its value in `cx`; `None` too where that is no `T`.
    pub fn get(&self, cx: &Context) -> Option<T> {
        cx.baggage().get(&self.key)?.as_str().parse().ok()
    }

    /// Its value in the current context; `None` too where that is no `T`.
    pub fn current(&self) -> Option<T> {
        Context::map_current(|cx| self.get(cx))
    }
}

/// The members in `cx`, keys and values, sorted by key.
pub fn baggage_members(cx: &Context) -> impl Iterator<Item = (&str, &str)> {
    let members = cx.baggage().iter();
    let mut members: Vec<_> = members
        .map(|(key, (value, _))| (key.as_str(), value.as_str()))
        .collect();
    members.sort_unstable();
    members.into_iter()
}

fn others(cx: &Context, key: &str) -> Baggage {
    let members = cx.baggage().iter();
    members
        .filter(|(known, _)| known.as_str() != key)
        .map(|(known, member)| (known.clone(), member.clone()))
        .collect()
}
