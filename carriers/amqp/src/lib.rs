//! Carries OpenTelemetry context on the headers of AMQP 0-9-1 messages, for `lapin`, within the
//! limit of a frame.
//!
//! ```
//! use lapin::BasicProperties;
//! use opentelemetry::{Context, trace::TraceContextExt};
//! use tracehop_amqp::{Budget, extract, inject};
//! use tracehop_propagation::{Composite, parse_traceparent};
//!
//! let propagator = Composite::default();
//! let parent = parse_traceparent("00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01").unwrap();
//! let cx = Context::new().with_remote_span_context(parent.clone());
//!
//! let mut properties = BasicProperties::default().with_content_type("text/plain".into());
//! let injected = inject(&cx, &propagator, &mut properties, Budget::default());
//! assert_eq!(injected.fields, 1);
//!
//! assert_eq!(*extract(&propagator, &properties).span().span_context(), parent);
//! ```
#![forbid(unsafe_code)]

mod budget;
mod encoded;
mod extractor;
mod injector;

use lapin::BasicProperties;
use opentelemetry::{Context, propagation::TextMapPropagator};

pub use budget::Budget;
pub use extractor::HeaderExtractor;
pub use injector::{HeaderInjector, Injected, Outgoing};
pub use tracehop_propagation::{DropReason, Dropped, LINEAGE};

/// Writes what `propagator` makes of `cx` to the headers of a message; see [`HeaderInjector`].
pub fn inject<'a>(
    cx: &Context,
    propagator: &'a dyn TextMapPropagator,
    message: impl Into<Outgoing<'a>>,
    budget: Budget,
) -> Injected {
    let mut injector = HeaderInjector::new(propagator, message, budget);
    propagator.inject_context(cx, &mut injector);
    injector.finish()
}

/// The context that a message brings, on an empty one.
pub fn extract(propagator: &dyn TextMapPropagator, properties: &BasicProperties) -> Context {
    propagator.extract_with_context(&Context::new(), &HeaderExtractor::from(properties))
}
