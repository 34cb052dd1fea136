use opentelemetry::trace::{SpanId, SpanKind, Status, TraceId};
use opentelemetry::{KeyValue, Value};

/// A finished span, and the service that wrote it.
#[derive(Clone, Debug, PartialEq)]
pub struct Span {
    /// `service.name` of the resource; empty where it is not known.
    pub service: String,
    /// The name.
    pub name: String,
    /// The kind.
    pub kind: SpanKind,
    /// The trace that it belongs to.
    pub trace_id: TraceId,
    /// Its own id.
    pub span_id: SpanId,
    /// The parent, in the same trace; `None` for a root.
    pub parent_span_id: Option<SpanId>,
    /// Start, in nanoseconds since the Unix epoch.
    pub start_unix_nano: u64,
    /// End, in nanoseconds since the Unix epoch.
    pub end_unix_nano: u64,
    /// The status.
    pub status: Status,
    /// The attributes, in the order in which they were set.
    pub attributes: Vec<KeyValue>,
    /// The links.
    pub links: Vec<Link>,
    /// The events.
    pub events: Vec<Event>,
}

/// A link of a [`Span`].
#[derive(Clone, Debug, PartialEq)]
pub struct Link {
    /// The trace of the span that it points at.
    pub trace_id: TraceId,
    /// The span that it points at.
    pub span_id: SpanId,
    /// The attributes.
    pub attributes: Vec<KeyValue>,
}

/// An event of a [`Span`].
#[derive(Clone, Debug, PartialEq)]
pub struct Event {
    /// The name.
    pub name: String,
    /// When, in nanoseconds since the Unix epoch.
    pub time_unix_nano: u64,
    /// The attributes.
    pub attributes: Vec<KeyValue>,
}

/// What tells a span from all others.
pub(super) type Id = (TraceId, SpanId);

impl Span {
    /// The value of an attribute.
    pub fn attribute(&self, key: &str) -> Option<&Value> {
        attribute(&self.attributes, key)
    }

    /// How long it took, in nanoseconds; 0 where the clock went backwards.
    pub fn duration_nano(&self) -> u64 {
        self.end_unix_nano.saturating_sub(self.start_unix_nano)
    }

    /// Whether it failed.
    pub fn failed(&self) -> bool {
        matches!(self.status, Status::Error { .. })
    }

    pub(super) fn id(&self) -> Id {
        (self.trace_id, self.span_id)
    }

    /// By start; ids decide among equals, so that the order is the same each time.
    pub(super) fn order(&self) -> (u64, [u8; 16], [u8; 8]) {
        (
            self.start_unix_nano,
            self.trace_id.to_bytes(),
            self.span_id.to_bytes(),
        )
    }

    pub(super) fn parent(&self) -> Option<Id> {
        Some((self.trace_id, self.parent_span_id?))
    }
}

impl Link {
    /// The value of an attribute.
    pub fn attribute(&self, key: &str) -> Option<&Value> {
        attribute(&self.attributes, key)
    }

    pub(super) fn target(&self) -> Id {
        (self.trace_id, self.span_id)
    }
}

/// The kind as it is written for people and in JSON.
pub(crate) const fn kind_name(kind: &SpanKind) -> &'static str {
    match kind {
        SpanKind::Client => "CLIENT",
        SpanKind::Server => "SERVER",
        SpanKind::Producer => "PRODUCER",
        SpanKind::Consumer => "CONSUMER",
        SpanKind::Internal => "INTERNAL",
    }
}

fn attribute<'a>(attributes: &'a [KeyValue], key: &str) -> Option<&'a Value> {
    attributes
        .iter()
        .find(|attribute| attribute.key.as_str() == key)
        .map(|attribute| &attribute.value)
}
