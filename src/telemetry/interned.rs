use std::borrow::Cow;
use std::collections::HashSet;
use std::sync::{Arc, LazyLock, Mutex, PoisonError};

use opentelemetry::{KeyValue, StringValue};

/// Beyond this many, texts are shared and not kept.
const MOST: usize = 4096;

/// A text that spans repeat: span names, and what stands in the attributes of a destination.
///
/// It is kept for good, so that a span copies a pointer. A count of references would be what the
/// threads that write spans and the one that exports them fight over, message by message. A process
/// that keeps meeting new destinations has only so many kept.
#[derive(Clone, Debug)]
pub(super) enum Interned {
    Kept(&'static str),
    Shared(Arc<str>),
}

impl Interned {
    pub(super) fn new(text: &str) -> Self {
        static KEPT: LazyLock<Mutex<Kept>> = LazyLock::new(Mutex::default);
        let mut kept = KEPT.lock().unwrap_or_else(PoisonError::into_inner);
        kept.intern(text)
    }

    /// As a span's name.
    pub(super) fn name(&self) -> Cow<'static, str> {
        match self {
            Self::Kept(text) => Cow::Borrowed(text),
            Self::Shared(text) => Cow::Owned(text.to_string()),
        }
    }
}

#[derive(Default)]
struct Kept(HashSet<&'static str>);

impl Kept {
    fn intern(&mut self, text: &str) -> Interned {
        if let Some(text) = self.0.get(text) {
            return Interned::Kept(text);
        }
        if self.0.len() >= MOST {
            return Interned::Shared(text.into());
        }
        let text: &'static str = Box::leak(text.into());
        self.0.insert(text);
        Interned::Kept(text)
    }
}

impl From<&Interned> for StringValue {
    fn from(text: &Interned) -> Self {
        match text {
            Interned::Kept(text) => Self::from(*text),
            Interned::Shared(text) => Self::from(Arc::clone(text)),
        }
    }
}

/// An attribute that spans repeat. It is made anew for each, at a fraction of what a copy of a
/// [`KeyValue`] costs, which might be of any kind.
#[derive(Clone, Debug)]
pub(super) enum Repeated {
    Text(&'static str, Interned),
    Number(&'static str, i64),
    Flag(&'static str, bool),
}

impl Repeated {
    pub(super) fn text(key: &'static str, value: &str) -> Self {
        Self::Text(key, Interned::new(value))
    }
}

impl From<&Repeated> for KeyValue {
    fn from(attribute: &Repeated) -> Self {
        match attribute {
            Repeated::Text(key, value) => Self::new(*key, StringValue::from(value)),
            Repeated::Number(key, value) => Self::new(*key, *value),
            Repeated::Flag(key, value) => Self::new(*key, *value),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_is_kept_once() {
        let [Interned::Kept(first), Interned::Kept(second)] =
            ["orders", "orders"].map(Interned::new)
        else {
            panic!("there is room");
        };
        assert!(std::ptr::eq(first, second));
    }

    #[test]
    fn only_so_many_are_kept() {
        let mut kept = Kept::default();
        for number in 0..MOST {
            let text = kept.intern(&number.to_string());
            assert!(matches!(text, Interned::Kept(_)));
        }
        let text = kept.intern("one more");
        assert!(matches!(text, Interned::Shared(_)));
        assert_eq!(text.name(), "one more");
        assert!(matches!(kept.intern("0"), Interned::Kept("0")));
    }
}
