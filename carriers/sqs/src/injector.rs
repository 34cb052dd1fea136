use opentelemetry::{
    Context,
    propagation::{Injector, TextMapPropagator},
};
use tracehop_propagation::{
    DatadogAttribute, DropReason, Dropped, Field, Fitted, LINEAGE, Room, XRay, fit, owns,
    xray_header,
};

#[cfg(feature = "sqs")]
use crate::attributes::SystemAttributes;
use crate::{
    Attributes, Budget,
    accepted::{is_valid_name, refused_character},
    attributes::{Map, TraceHeader},
};

/// What an attribute costs besides its name and value: the data type.
const TYPE_BYTES: usize = "String".len();

/// Writes headers to the message attributes of an SQS or SNS request, and always fits.
///
/// What is set is held back until [`finish`](Self::finish), which keeps both limits of the
/// [`Budget`] by leaving out, in this order: lineage headers ([`LINEAGE`]), baggage members from
/// the end, all baggage, tracestate, other formats, `traceparent`. `AWSTraceHeader` goes out in any
/// case, because a system attribute counts toward neither.
///
/// Datadog's fields become the one attribute `_datadog` (see [`DatadogAttribute`]), where the
/// propagator names that. Its baggage, and that of other formats than W3C's, is left out before
/// `baggage` is.
///
/// Fields of the propagator that are on the message already are stale, and replaced in place: they
/// take no new slot, and their bytes are free again. Once trace context is written, those that are
/// not written again are removed. Any other attribute is the user's and stays as it is.
#[derive(Debug)]
pub struct HeaderInjector<'a> {
    propagator: &'a dyn TextMapPropagator,
    attributes: &'a mut dyn Map,
    trace_header: Option<&'a mut dyn TraceHeader>,
    body_bytes: usize,
    budget: Budget,
    mode: Mode,
    fields: Vec<Field>,
    datadog: DatadogAttribute,
    xray: Option<String>,
    dropped: Vec<Dropped>,
}

/// What happens to fields of the propagator that are on the message already.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Mode {
    Replace,
    Fill,
    Refuse,
}

impl<'a> HeaderInjector<'a> {
    /// An injector for one message. `body_bytes` is the length of the body in UTF-8, with whatever
    /// else counts toward the size of the message.
    pub fn new<A: Attributes>(
        propagator: &'a dyn TextMapPropagator,
        attributes: &'a mut A,
        body_bytes: usize,
        budget: Budget,
    ) -> Self {
        Self {
            propagator,
            attributes,
            trace_header: None,
            body_bytes,
            budget,
            mode: Mode::Replace,
            fields: Vec::new(),
            datadog: DatadogAttribute::default(),
            xray: None,
            dropped: Vec::new(),
        }
    }

    /// Where `AWSTraceHeader` goes, unless the user set one. Default: nowhere.
    #[cfg(feature = "sqs")]
    #[must_use]
    pub fn system_attributes(mut self, attributes: &'a mut SystemAttributes) -> Self {
        self.trace_header = Some(attributes);
        self
    }

    /// Writes no `AWSTraceHeader`. Default: written where there are system attributes.
    #[must_use]
    pub fn without_aws_trace_header(mut self) -> Self {
        self.trace_header = None;
        self
    }

    /// Leaves the propagator's fields that are on the message already, and writes only the missing
    /// ones: for a creation context that the user supplied, where the context to inject is the one
    /// extracted from this message. Default: they are replaced.
    #[must_use]
    pub fn keep_present(mut self) -> Self {
        self.mode = Mode::Fill;
        self
    }

    /// Writes nothing at all: for messages that cannot carry attributes (on SNS to a phone number,
    /// or with a structure of JSON).
    #[must_use]
    pub fn refusing(mut self) -> Self {
        self.mode = Mode::Refuse;
        self
    }

    /// Sets what the propagator makes of `cx`, and `AWSTraceHeader` as
    /// [`inject_aws_trace_header`](Self::inject_aws_trace_header) does.
    pub fn inject_context(&mut self, cx: &Context) {
        let propagator = self.propagator;
        propagator.inject_context(cx, self);
        self.inject_aws_trace_header(cx);
    }

    /// Sets `AWSTraceHeader` from the span context of `cx`, unless that is not valid or the
    /// propagator has no fields at all (`OTEL_PROPAGATORS=none`).
    pub fn inject_aws_trace_header(&mut self, cx: &Context) {
        let is_on = self.propagator.fields().next().is_some();
        if let Some(header) = xray_header(cx).filter(|_| is_on) {
            self.xray = Some(header);
        }
    }

    /// Decides what fits and writes it. Never fails; what was left out is in [`Injected`].
    pub fn finish(mut self) -> Injected {
        self.gather_datadog();
        self.remove_stale();
        let aws_trace_header = match (self.trace_header, self.xray) {
            (Some(slot), Some(header)) => slot.put(header),
            _ => false,
        };
        let (slots, bytes) = self.attributes.measure();
        let bytes = self.body_bytes + bytes;
        let room = Room {
            slots: self.budget.max_slots.saturating_sub(slots),
            bytes: self.budget.limit(bytes).saturating_sub(bytes),
            overhead: TYPE_BYTES,
        };
        let Fitted {
            kept,
            dropped,
            baggage_members_dropped,
        } = fit(self.fields, room);

        let mut injected = Injected {
            fields: kept.iter().map(Field::slots).sum(),
            aws_trace_header,
            bytes: bytes
                + kept
                    .iter()
                    .map(|field| field.bytes(TYPE_BYTES))
                    .sum::<usize>(),
            dropped: self.dropped,
            baggage_members_dropped,
        };
        injected.dropped.extend(dropped);
        for field in kept {
            self.attributes.insert(field.name, field.value);
        }
        injected
    }

    /// Puts Datadog's fields into one, with the baggage, and without it for where that finds no
    /// room.
    fn gather_datadog(&mut self) {
        if self.datadog.is_empty() {
            return;
        }
        let baggage = self.fields.iter().find(|field| field.name == "baggage");
        if let Some(baggage) = baggage {
            self.datadog.set_baggage(&baggage.value);
        }
        let name = DatadogAttribute::FIELD;
        let ids = self.datadog.json_without_baggage();
        let whole = self
            .datadog
            .json()
            .filter(|whole| ids.as_ref() != Some(whole));
        let replaced = ids.as_ref().map(String::len);
        let ids = ids.map(|value| Field::new(name, value));
        let whole = whole.map(|value| Field::with_baggage(name, value, replaced));
        self.fields.extend(ids.into_iter().chain(whole));
    }

    /// Removes what is about to be written, and if that is a trace context, every other field of
    /// the one before: two contexts are never mixed, nor is one doubled in another case.
    fn remove_stale(&mut self) {
        if self.mode == Mode::Fill {
            let present = &*self.attributes;
            self.fields
                .retain(|field| present.text(&field.name).is_none());
        }
        let has_context = self.xray.is_some() || self.fields.iter().any(Field::is_trace_context);
        let replaces_context = self.mode == Mode::Replace && has_context;
        let is_written = |name: &str| {
            self.fields
                .iter()
                .any(|field| field.name.eq_ignore_ascii_case(name))
        };
        self.attributes.remove(&|name| {
            is_written(name)
                || replaces_context && (LINEAGE.contains(&name) || owns(self.propagator, name))
        });
    }
}

impl Injector for HeaderInjector<'_> {
    /// Sets `key`, or replaces what was set for it. Empty values are left out, since SQS refuses
    /// them; `x-amzn-trace-id` becomes `AWSTraceHeader` and takes no slot.
    fn set(&mut self, key: &str, value: String) {
        if value.is_empty() {
            return;
        }
        let is_datadogs =
            DatadogAttribute::takes(key) && owns(self.propagator, DatadogAttribute::FIELD);
        let reason = match self.mode {
            Mode::Refuse => Some(DropReason::Unsupported),
            _ if refused_character(&value).is_some() => Some(DropReason::Invalid),
            _ if !is_datadogs && !is_valid_name(key) => Some(DropReason::Invalid),
            _ => None,
        };
        if let Some(reason) = reason {
            self.dropped.push(Dropped::new(key, reason));
        } else if is_datadogs {
            self.datadog.set(key, value);
        } else if key.eq_ignore_ascii_case(XRay::FIELD) {
            self.xray = Some(value);
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

/// What an injection did.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Injected {
    /// Message attributes written.
    pub fields: usize,
    /// Whether `AWSTraceHeader` was written.
    pub aws_trace_header: bool,
    /// The size of the message in the end: body and attributes, the user's included.
    pub bytes: usize,
    /// Fields that were set and not written.
    pub dropped: Vec<Dropped>,
    /// Baggage members that found no room, those of a `baggage` in `dropped` included.
    pub baggage_members_dropped: usize,
}
