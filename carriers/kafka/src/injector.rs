use opentelemetry::propagation::{Injector, TextMapPropagator};
use rdkafka::message::{Headers as _, OwnedHeaders};
use tracehop_propagation::{LINEAGE, is_baggage_field, owns};

use crate::{RawHeader, RawHeaders, append};

/// Writes headers to a record.
///
/// What is set is held back until [`finish`](Self::finish), which rebuilds the record's headers
/// once at most: not at all where nothing stale is on it.
///
/// Fields of the propagator that are on the record already are stale, and replaced, in any case of
/// their keys. Once trace context is written, those that are not written again are removed. Any
/// other header is the user's and stays as it is, in its order, whatever bytes its key is.
#[derive(Debug)]
pub struct HeaderInjector<'a> {
    propagator: &'a dyn TextMapPropagator,
    headers: &'a mut Option<OwnedHeaders>,
    keep_present: bool,
    /// In the form that they go out in: often they are all headers that the record has.
    fields: Option<OwnedHeaders>,
    room: usize,
    dropped: Vec<String>,
}

impl<'a> HeaderInjector<'a> {
    /// An injector for one record.
    pub fn new(
        propagator: &'a dyn TextMapPropagator,
        headers: &'a mut Option<OwnedHeaders>,
    ) -> Self {
        Self {
            propagator,
            headers,
            keep_present: false,
            fields: None,
            room: 4,
            dropped: Vec::new(),
        }
    }

    /// Leaves the propagator's fields that are on the record already, and writes only the missing
    /// ones: for a creation context that the user supplied, where the context to inject is the one
    /// extracted from this record. Default: they are replaced.
    #[must_use]
    pub fn keep_present(mut self) -> Self {
        self.keep_present = true;
        self
    }

    /// Writes what was set. Never fails.
    pub fn finish(mut self) -> Injected {
        if self.keep_present
            && let Some(present) = &self.headers
        {
            let is_present =
                |field: &[u8]| raw(present).any(|header| header.key.eq_ignore_ascii_case(field));
            retain(&mut self.fields, |field| !is_present(field));
        }
        let count = self.fields.as_ref().map_or(0, OwnedHeaders::count);
        let before = match (self.headers.as_mut(), self.fields.take()) {
            (_, None) => Before::Same,
            (None, Some(fields)) => {
                *self.headers = Some(fields);
                Before::None
            }
            (Some(present), Some(fields)) => {
                let replaces = !self.keep_present;
                let stale = stale(&fields, replaces.then_some(self.propagator));
                if raw(present).any(|header| stale(header.key)) {
                    let kept = raw(present).filter(|header| !stale(header.key));
                    let headers = collect(present.count() + count, kept.chain(raw(&fields)));
                    Before::Replaced(std::mem::replace(present, headers))
                } else {
                    let before = present.count();
                    raw(&fields).for_each(|field| append(present, field));
                    Before::Fewer(before)
                }
            }
        };
        Injected {
            fields: count,
            dropped: self.dropped,
            before,
        }
    }
}

impl Injector for HeaderInjector<'_> {
    /// Sets `key`, or replaces what was set for it. Empty values are left out, and so are keys that
    /// are empty or have a NUL in them, which C clients cannot read.
    fn set(&mut self, key: &str, value: String) {
        if value.is_empty() {
            return;
        }
        if key.is_empty() || key.contains('\0') {
            self.dropped.push(key.to_owned());
            return;
        }
        let field = RawHeader {
            key: key.as_bytes(),
            value: Some(value.as_bytes()),
        };
        if let Some(fields) = &self.fields
            && raw(fields).any(|known| known.key == field.key)
        {
            retain(&mut self.fields, |known| known != field.key);
        }
        let room = self.room;
        let fields = self
            .fields
            .get_or_insert_with(|| OwnedHeaders::new_with_capacity(room));
        append(fields, field);
    }

    fn reserve(&mut self, additional: usize) {
        self.room = self.room.max(additional);
    }
}

/// What an injection did.
#[derive(Debug)]
pub struct Injected {
    /// Headers written.
    pub fields: usize,
    /// Fields that were set and not written, because no header can have their name.
    pub dropped: Vec<String>,
    before: Before,
}

#[derive(Debug)]
enum Before {
    Same,
    None,
    /// The first so many.
    Fewer(usize),
    Replaced(OwnedHeaders),
}

impl Injected {
    /// Gives the record back the headers that it had: for one that was not sent, and goes back to
    /// its owner. `headers` are those that were written to, or a copy of them.
    pub fn undo(self, headers: &mut Option<OwnedHeaders>) {
        match (self.before, headers.as_mut()) {
            (Before::Same, _) | (Before::Fewer(_), None) => {}
            (Before::None, _) => *headers = None,
            (Before::Fewer(count), Some(present)) => {
                *present = collect(count, raw(present).take(count));
            }
            (Before::Replaced(before), _) => *headers = Some(before),
        }
    }
}

/// What is about to be written is stale, and if that is a trace context, every other field of the
/// one before, where those of a propagator are replaced: two contexts are never mixed, nor is one
/// doubled in another case.
fn stale(
    fields: &OwnedHeaders,
    replaced: Option<&dyn TextMapPropagator>,
) -> impl Fn(&[u8]) -> bool {
    let has_context = raw(fields).any(|field| is_trace_context(field.key));
    let replaced = replaced.filter(|_| has_context);
    move |key| {
        let is = |name: &[u8]| name.eq_ignore_ascii_case(key);
        raw(fields).any(|field| is(field.key))
            || replaced.is_some_and(|propagator| {
                LINEAGE.iter().any(|name| is(name.as_bytes())) || owns(propagator, key)
            })
    }
}

/// Neither baggage nor lineage.
fn is_trace_context(key: &[u8]) -> bool {
    !is_baggage_field(key) && !LINEAGE.iter().any(|name| name.as_bytes() == key)
}

fn raw(headers: &OwnedHeaders) -> RawHeaders<'_> {
    RawHeaders::new(headers.as_borrowed())
}

fn retain(headers: &mut Option<OwnedHeaders>, keep: impl Fn(&[u8]) -> bool) {
    if let Some(present) = headers {
        let kept = raw(present).filter(|header| keep(header.key));
        let kept = collect(present.count(), kept);
        *headers = (kept.count() > 0).then_some(kept);
    }
}

fn collect<'a>(room: usize, headers: impl Iterator<Item = RawHeader<'a>>) -> OwnedHeaders {
    let mut collected = OwnedHeaders::new_with_capacity(room);
    headers.for_each(|header| append(&mut collected, header));
    collected
}
