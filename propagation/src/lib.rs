//! Trace context and baggage formats for message queues, on the OpenTelemetry API alone.
//!
//! A [`Composite`] is an ordered list of [`Format`]s and a `TextMapPropagator`: injection writes
//! them all, and in extraction the first that yields a valid span context wins.
//!
//! ```
//! use std::collections::HashMap;
//! use opentelemetry::{Context, baggage::BaggageExt, propagation::TextMapPropagator, trace::TraceContextExt};
//! use tracehop_propagation::{Composite, TraceContext, W3cBaggage, XRay};
//!
//! let propagator = Composite::none().with(TraceContext).with(W3cBaggage).with(XRay);
//! let received = HashMap::from([
//!     ("traceparent".to_owned(), "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01".to_owned()),
//!     ("baggage".to_owned(), "tenant=Caf%C3%A9,plan=free;ttl=5".to_owned()),
//! ]);
//!
//! let extracted = propagator.extract_reported(&Context::new(), &received);
//! assert_eq!(extracted.format, Some("tracecontext"));
//! assert_eq!(extracted.context.baggage().get("tenant").map(|value| value.as_str()), Some("Café"));
//!
//! let mut sent = HashMap::new();
//! propagator.inject_context(&extracted.context, &mut sent);
//! assert_eq!(sent["baggage"], "tenant=Caf%C3%A9,plan=free;ttl=5");
//! assert_eq!(
//!     sent["x-amzn-trace-id"],
//!     "Root=1-4bf92f35-77b34da6a3ce929d0e0e4736;Parent=00f067aa0ba902b7;Sampled=1",
//! );
//! ```
#![forbid(unsafe_code)]

mod b3;
mod baggage;
mod carrier;
mod cloud_trace;
mod composite;
mod datadog;
mod extraction;
mod field;
mod fields;
mod fit;
mod format;
mod hex;
mod hints;
mod injection;
mod jaeger;
mod lineage;
mod members;
mod ows;
mod remote;
mod sampling;
mod sentry;
mod trace_context;
mod tracestate;
mod xray;

pub use b3::{B3, B3Multi};
pub use baggage::{BaggageDropped, BaggagePolicy, ReceivedBaggage, W3cBaggage};
pub use carrier::Carrier;
pub use cloud_trace::CloudTrace;
pub use composite::Composite;
pub use datadog::{Datadog, DatadogAttribute};
pub use extraction::{Extracted, Extraction};
pub use field::Field;
pub use fields::{is_baggage_field, owns};
pub use fit::{DropReason, Dropped, Fitted, Room, fit};
pub use format::Format;
pub use hints::{DebugFlag, Deferred, RemoteLink, with_hints};
pub use injection::Injection;
pub use jaeger::Jaeger;
pub use lineage::LINEAGE;
pub use members::{BaggageMember, baggage_members};
pub use sampling::Sampling;
pub use sentry::Sentry;
pub use trace_context::{TraceContext, parse_traceparent, traceparent};
pub use xray::{XRay, XRayLineage, parse_xray_trace_id, xray_header, xray_trace_id};
