use std::{env, sync::Arc};

use opentelemetry::{
    Context,
    propagation::{Extractor, Injector, TextMapPropagator, text_map_propagator::FieldIter},
};

use crate::{
    B3, B3Multi, BaggageDropped, BaggagePolicy, Carrier, CloudTrace, Datadog, Extracted,
    Extraction, Format, Injection, Jaeger, Sentry, TraceContext, W3cBaggage, XRay,
};

const PROPAGATORS: &str = "OTEL_PROPAGATORS";

/// A name of the specification whose format is no longer in use.
const RETIRED: &str = "ottrace";

/// Every format this crate can name: a new one is added here and nowhere else.
const KNOWN: [fn() -> Arc<dyn Format>; 9] = [
    || Arc::new(TraceContext),
    || Arc::new(W3cBaggage),
    || Arc::new(B3),
    || Arc::new(B3Multi),
    || Arc::new(Jaeger),
    || Arc::new(XRay),
    || Arc::new(Datadog),
    || Arc::new(CloudTrace),
    || Arc::new(Sentry),
];

/// An ordered list of formats. Injection writes all of them; in extraction the first that yields a
/// valid span context wins, and baggage is merged (see [`Extraction`]).
///
/// The default is W3C Trace Context and W3C Baggage, as `OTEL_PROPAGATORS` has it.
#[derive(Clone, Debug)]
pub struct Composite {
    formats: Vec<Arc<dyn Format>>,
    fields: Vec<String>,
    sent: BaggagePolicy,
    received: BaggagePolicy,
}

impl Composite {
    /// The given formats, in this order; a format named twice counts once.
    pub fn new(formats: impl IntoIterator<Item = Arc<dyn Format>>) -> Self {
        formats.into_iter().fold(Self::none(), Self::with_arc)
    }

    /// No format: writes and reads nothing.
    pub fn none() -> Self {
        Self {
            formats: Vec::new(),
            fields: Vec::new(),
            sent: BaggagePolicy::new(),
            received: BaggagePolicy::new(),
        }
    }

    /// Adds a format at the end, unless one of its name is there.
    ///
    /// ```
    /// use tracehop_propagation::{Composite, TraceContext, XRay};
    ///
    /// let composite = Composite::none().with(TraceContext).with(XRay);
    /// assert_eq!(composite.names().collect::<Vec<_>>(), ["tracecontext", "xray"]);
    /// ```
    #[must_use]
    pub fn with(self, format: impl Format) -> Self {
        self.with_arc(Arc::new(format))
    }

    /// Which baggage members are written. Default: all, within the limits of the specification.
    /// Whoever reads the queue reads them.
    #[must_use]
    pub fn send_baggage(mut self, policy: BaggagePolicy) -> Self {
        self.sent = policy;
        self
    }

    /// Which baggage members are read. Default: all, within the limits of the specification.
    #[must_use]
    pub fn receive_baggage(mut self, policy: BaggagePolicy) -> Self {
        self.received = policy;
        self
    }

    /// The formats that the environment variable `OTEL_PROPAGATORS` names, and the default where it
    /// is unset or empty; see [`from_names`](Self::from_names).
    pub fn from_env() -> Self {
        Self::from_names(
            &env::var_os(PROPAGATORS)
                .unwrap_or_default()
                .to_string_lossy(),
        )
    }

    /// The formats of a comma-separated list, by the rules of `OTEL_PROPAGATORS` (OpenTelemetry
    /// specification, environment variables): names in any case, duplicates once, `none` alone for nothing,
    /// an empty list for the default. Names that are not known give one warning, and the others
    /// still work; `ottrace` has a warning of its own, since its format is retired.
    ///
    /// The names are `tracecontext`, `baggage`, `b3`, `b3multi`, `jaeger`, `xray`, and three that
    /// the specification does not have: `datadog`, `gcp`, `sentry`.
    pub fn from_names(list: &str) -> Self {
        let (composite, mut unknown) = Self::parse(list);
        let named = unknown.len();
        unknown.retain(|name| !name.eq_ignore_ascii_case(RETIRED));
        if unknown.len() < named {
            tracing::warn!(
                "{PROPAGATORS} names {RETIRED}, which is not supported: the format is retired; its \
                 services read b3, jaeger or tracecontext"
            );
        }
        if !unknown.is_empty() {
            tracing::warn!(
                unknown = unknown.join(","),
                using = composite.names().collect::<Vec<_>>().join(","),
                "{PROPAGATORS} names propagation formats that are not known; they are ignored"
            );
        }
        composite
    }

    /// The names of the formats, in order.
    pub fn names(&self) -> impl Iterator<Item = &'static str> {
        self.formats.iter().map(|format| format.name())
    }

    /// Injects like [`TextMapPropagator::inject_context`], and counts the baggage members that are
    /// left out.
    pub fn inject_reported(&self, cx: &Context, injector: &mut dyn Injector) -> BaggageDropped {
        let mut out = Injection::new(cx, injector, &self.sent);
        for format in &self.formats {
            format.inject(&mut out);
        }
        out.finish()
    }

    /// Extracts like [`TextMapPropagator::extract_with_context`], and says what was found.
    pub fn extract_reported<'a>(&self, cx: &Context, carrier: impl Into<Carrier<'a>>) -> Extracted {
        let carrier = carrier.into();
        let mut found = Extraction::new(&self.received);
        for format in &self.formats {
            format.extract(carrier, &mut found);
        }
        found.into_extracted(cx)
    }

    /// Extracts the parent alone, on an empty context: the formats that stand behind the one that
    /// yields it are not read, nor is the baggage in them. For what looks at a message, and hands
    /// nothing of it on.
    pub fn extract_parent<'a>(&self, carrier: impl Into<Carrier<'a>>) -> Context {
        let carrier = carrier.into();
        let mut found = Extraction::new(&self.received);
        for format in &self.formats {
            format.extract(carrier, &mut found);
            if found.has_parent() {
                break;
            }
        }
        found.into_extracted(&Context::new()).context
    }

    fn with_arc(mut self, format: Arc<dyn Format>) -> Self {
        if self.names().any(|name| name == format.name()) {
            return self;
        }
        for field in format.fields() {
            if self.fields.iter().all(|known| known != field) {
                self.fields.push((*field).to_owned());
            }
        }
        self.formats.push(format);
        self
    }

    fn parse(list: &str) -> (Self, Vec<&str>) {
        let mut composite = Self::none();
        let mut unknown = Vec::new();
        let mut names = list
            .split(',')
            .map(str::trim)
            .filter(|name| !name.is_empty())
            .peekable();
        if names.peek().is_none() {
            return (Self::default(), unknown);
        }
        for name in names.filter(|name| !name.eq_ignore_ascii_case("none")) {
            let mut formats = KNOWN.iter().map(|format| format());
            match formats.find(|format| name.eq_ignore_ascii_case(format.name())) {
                Some(format) => composite = composite.with_arc(format),
                None => unknown.push(name),
            }
        }
        (composite, unknown)
    }
}

impl Default for Composite {
    fn default() -> Self {
        Self::none().with(TraceContext).with(W3cBaggage)
    }
}

impl TextMapPropagator for Composite {
    fn inject_context(&self, cx: &Context, injector: &mut dyn Injector) {
        self.inject_reported(cx, injector);
    }

    fn extract_with_context(&self, cx: &Context, extractor: &dyn Extractor) -> Context {
        self.extract_reported(cx, extractor).context
    }

    fn fields(&self) -> FieldIter<'_> {
        FieldIter::new(&self.fields)
    }
}
