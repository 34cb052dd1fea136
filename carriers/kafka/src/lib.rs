//! Carries OpenTelemetry context on the headers of Kafka records, for `rdkafka`.
//!
//! ```
//! use opentelemetry::{Context, trace::TraceContextExt};
//! use rdkafka::message::{Header, Headers, OwnedHeaders};
//! use tracehop_kafka::{extract, inject};
//! use tracehop_propagation::{Composite, parse_traceparent};
//!
//! let propagator = Composite::default();
//! let parent = parse_traceparent("00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01").unwrap();
//! let cx = Context::new().with_remote_span_context(parent.clone());
//!
//! // What a record has already; `FutureRecord` and `BaseRecord` have their headers in this form.
//! let mut headers = Some(OwnedHeaders::new().insert(Header { key: "tenant", value: Some("acme") }));
//! let injected = inject(&cx, &propagator, &mut headers);
//! assert_eq!(injected.fields, 1);
//!
//! let headers = headers.unwrap();
//! assert_eq!(headers.count(), 2);
//! assert_eq!(*extract(&propagator, Some(headers.as_borrowed())).span().span_context(), parent);
//! ```

mod extractor;
mod injector;
#[expect(
    unsafe_code,
    reason = "rdkafka panics on a header key that is not UTF-8, and writes none"
)]
mod raw;

use opentelemetry::{Context, propagation::TextMapPropagator};
use rdkafka::message::{BorrowedHeaders, OwnedHeaders};
use tracehop_propagation::{Carrier, Composite, Extracted};

pub use extractor::HeaderExtractor;
pub use injector::{HeaderInjector, Injected};
pub use raw::{RawHeader, RawHeaders, append};

/// Writes what `propagator` makes of `cx` to the headers of a record; see [`HeaderInjector`].
pub fn inject(
    cx: &Context,
    propagator: &dyn TextMapPropagator,
    headers: &mut Option<OwnedHeaders>,
) -> Injected {
    let mut injector = HeaderInjector::new(propagator, headers);
    propagator.inject_context(cx, &mut injector);
    injector.finish()
}

/// The context that the headers of a record bring, on an empty one.
pub fn extract(propagator: &dyn TextMapPropagator, headers: Option<&BorrowedHeaders>) -> Context {
    propagator.extract_with_context(&Context::new(), &HeaderExtractor::new(headers))
}

/// Extracts like [`extract`], and says what was found.
/// [`HeaderExtractor::malformed_keys`] says what was passed over.
pub fn extract_reported(composite: &Composite, headers: Option<&BorrowedHeaders>) -> Extracted {
    composite.extract_reported(
        &Context::new(),
        Carrier::once(&HeaderExtractor::new(headers)),
    )
}
