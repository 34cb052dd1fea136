//! Finished spans, stitched over links into one picture.
//!
//! A message that crosses a queue often leaves several traces behind: one for the sender, one for
//! each batch that it was handled in, one for each gathered acknowledgement. [`stitch`] follows
//! the links between them and gives one [`Journey`] for each trace that started one; [`Waterfall`]
//! draws it for a terminal. Nothing here knows a broker: a journey is made of spans alone.
//!
//! ```
//! use opentelemetry::trace::{Span as _, Tracer, TracerProvider};
//! use opentelemetry_sdk::trace::{InMemorySpanExporter, SdkTracerProvider};
//! use tracehop::journey::{Span, Waterfall, stitch};
//!
//! let exporter = InMemorySpanExporter::default();
//! let provider = SdkTracerProvider::builder().with_simple_exporter(exporter.clone()).build();
//! provider.tracer("shop").start("place order").end();
//!
//! let spans: Vec<_> = exporter.get_finished_spans()?.iter().map(|span| Span::of("shop", span)).collect();
//! for journey in stitch(&spans) {
//!     println!("{}", Waterfall::new(&journey).width(80));
//! }
//! # Ok::<(), opentelemetry_sdk::error::OTelSdkError>(())
//! ```

mod json;
mod sdk;
mod span;
mod stitch;
#[cfg(test)]
mod tests;
mod text;

pub(crate) use span::kind_name;
pub use span::{Event, Link, Span};
pub use stitch::{Edge, Journey, MAX_SHARED, Row, stitch};
pub use text::Waterfall;
