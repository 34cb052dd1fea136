use std::{collections::BTreeMap, sync::LazyLock};

use lapin::{
    BasicProperties,
    types::{AMQPValue, FieldTable, MAX_SHORT_STRING_LENGTH, ShortString},
};
use opentelemetry::propagation::{Injector, TextMapPropagator};
use tracehop_propagation::{DropReason, Dropped, Field, LINEAGE, Room, fit, owns};

use crate::{
    Budget, HeaderExtractor,
    encoded::{self, HEADER_BYTES, LENGTH_BYTES},
};

/// Writes headers to a message, as long strings, and always within the [`Budget`].
///
/// What is set is held back until [`finish`](Self::finish), which rebuilds the table of headers
/// once at most. It keeps the budget by leaving out, in this order: lineage headers ([`LINEAGE`]),
/// baggage members from the end, all baggage, tracestate, other formats, `traceparent`.
///
/// Fields of the propagator that are on the message already are stale, and replaced, in any case of
/// their names. Once trace context is written, those that are not written again are removed. Any
/// other header is the user's and stays as it is, nested tables and all.
#[derive(Debug)]
pub struct HeaderInjector<'a> {
    propagator: &'a dyn TextMapPropagator,
    message: Outgoing<'a>,
    budget: Budget,
    keep_present: bool,
    fields: Vec<Field>,
    dropped: Vec<Dropped>,
}

/// What headers are written to: the properties of a message, or a table that becomes its headers.
#[derive(Debug)]
pub enum Outgoing<'a> {
    /// The properties, which all count towards the [`Budget`].
    Properties(&'a mut BasicProperties),
    /// A table alone: the other properties of the message are not counted.
    Headers(&'a mut FieldTable),
}

impl<'a> HeaderInjector<'a> {
    /// An injector for one message.
    pub fn new(
        propagator: &'a dyn TextMapPropagator,
        message: impl Into<Outgoing<'a>>,
        budget: Budget,
    ) -> Self {
        Self {
            propagator,
            message: message.into(),
            budget,
            keep_present: false,
            fields: Vec::new(),
            dropped: Vec::new(),
        }
    }

    /// Leaves the propagator's fields that are on the message already, and writes only the missing
    /// ones: for a creation context that the user supplied, where the context to inject is the one
    /// extracted from this message. Default: they are replaced.
    #[must_use]
    pub fn keep_present(mut self) -> Self {
        self.keep_present = true;
        self
    }

    /// Decides what fits and writes it. Never fails; what was left out is in [`Injected`].
    pub fn finish(mut self) -> Injected {
        let present = self.message.headers();
        if self.keep_present {
            let carrier = HeaderExtractor::from(present);
            self.fields.retain(|field| !carrier.has(&field.name));
        }
        let stale = Stale {
            fields: &self.fields,
            replaced: (!self.keep_present && self.fields.iter().any(Field::is_trace_context))
                .then_some(self.propagator),
        };
        let kept = present
            .inner()
            .iter()
            .filter(|(name, _)| !stale.is(name.as_str()));
        let kept_bytes: usize = kept
            .clone()
            .map(|(name, value)| encoded::header(name, value))
            .sum();
        let has_stale = kept.clone().count() < present.inner().len();
        let kept = has_stale.then(|| kept.map(|(name, value)| (name.clone(), value.clone())));
        let kept: Option<BTreeMap<_, _>> = kept.map(Iterator::collect);

        let bytes = self.message.bytes_without_headers() + LENGTH_BYTES + kept_bytes;
        let room = Room {
            slots: usize::MAX,
            bytes: self.budget.max_frame_bytes.saturating_sub(bytes),
            overhead: HEADER_BYTES,
        };
        let fitted = fit(self.fields, room);
        let written = fitted.kept.iter().map(|field| field.bytes(HEADER_BYTES));
        let mut injected = Injected {
            fields: fitted.kept.len(),
            frame_bytes: bytes + written.sum::<usize>(),
            dropped: self.dropped,
            baggage_members_dropped: fitted.baggage_members_dropped,
        };
        injected.dropped.extend(fitted.dropped);
        self.message.write(kept, fitted.kept);
        injected
    }
}

impl Injector for HeaderInjector<'_> {
    /// Sets `key`, or replaces what was set for it. Empty values are left out; so are names that
    /// are empty or longer than the 255 bytes of a short string.
    fn set(&mut self, key: &str, value: String) {
        if value.is_empty() {
            return;
        }
        if key.is_empty() || key.len() > MAX_SHORT_STRING_LENGTH {
            self.dropped.push(Dropped::new(key, DropReason::Invalid));
        } else if let Some(field) = self.fields.iter_mut().find(|field| field.name == key) {
            field.value = value;
        } else {
            self.fields.push(Field::new(key, value));
        }
    }

    fn reserve(&mut self, additional: usize) {
        self.fields.reserve(additional);
    }
}

/// What is about to be written, and if that is a trace context, every other field of the one
/// before: two contexts are never mixed, nor is one doubled in another case.
struct Stale<'a> {
    fields: &'a [Field],
    /// Whose fields give way, if any do.
    replaced: Option<&'a dyn TextMapPropagator>,
}

impl Stale<'_> {
    fn is(&self, name: &str) -> bool {
        let mut fields = self.fields.iter();
        fields.any(|field| field.name.eq_ignore_ascii_case(name))
            || self
                .replaced
                .is_some_and(|propagator| LINEAGE.contains(&name) || owns(propagator, name))
    }
}

impl<'a> From<&'a mut BasicProperties> for Outgoing<'a> {
    fn from(properties: &'a mut BasicProperties) -> Self {
        Self::Properties(properties)
    }
}

impl<'a> From<&'a mut FieldTable> for Outgoing<'a> {
    fn from(headers: &'a mut FieldTable) -> Self {
        Self::Headers(headers)
    }
}

impl Outgoing<'_> {
    fn headers(&self) -> &FieldTable {
        static NONE: LazyLock<FieldTable> = LazyLock::new(FieldTable::default);
        match self {
            Self::Properties(properties) => properties.headers().as_ref().unwrap_or(&NONE),
            Self::Headers(headers) => headers,
        }
    }

    fn bytes_without_headers(&self) -> usize {
        match self {
            Self::Properties(properties) => encoded::frame_without_headers(properties),
            Self::Headers(_) => encoded::FRAME_BYTES,
        }
    }

    /// Adds `fields` to the headers, or to those of them that are kept where some are not.
    fn write(self, kept: Option<BTreeMap<ShortString, AMQPValue>>, fields: Vec<Field>) {
        if kept.is_none() && fields.is_empty() {
            return;
        }
        let fields = fields.into_iter().map(|field| {
            let value = AMQPValue::LongString(field.value.into());
            (ShortString::from(field.name), value)
        });
        match self {
            Self::Properties(properties) => {
                let headers = || properties.headers().clone().unwrap_or_default();
                let mut headers = kept.map_or_else(headers, FieldTable::from);
                for (name, value) in fields {
                    headers.insert(name, value);
                }
                *properties = std::mem::take(properties).with_headers(headers);
            }
            Self::Headers(headers) => {
                if let Some(kept) = kept {
                    *headers = kept.into();
                }
                for (name, value) in fields {
                    headers.insert(name, value);
                }
            }
        }
    }
}

/// What an injection did.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Injected {
    /// Headers written.
    pub fields: usize,
    /// The size of the header frame in the end, in bytes, the user's headers included.
    pub frame_bytes: usize,
    /// Fields that were set and not written.
    pub dropped: Vec<Dropped>,
    /// Baggage members that found no room, those of a `baggage` in `dropped` included.
    pub baggage_members_dropped: usize,
}
