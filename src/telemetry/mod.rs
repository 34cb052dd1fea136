//! Spans, metrics and context: the only place that names any of them, by the OpenTelemetry
//! semantic conventions v1.44.0.
//!
//! Clients, sources and the worker say what happened; [`Instrumentation`] decides what of it is
//! written. A span that is dropped before it was ended ends as `cancelled`.

mod counters;
mod facts;
mod headers;
mod instrumentation;
mod interned;
mod lineage;
mod links;
mod marked;
mod metrics;
mod names;
mod options;
mod place;
mod prepared;
mod process;
mod propagator;
mod receive;
mod run;
mod send;
mod span;
mod start;
mod started;

pub use counters::InFlight;
pub use facts::{MessageFacts, MessageLink, OperationError};
pub use instrumentation::{Instrumentation, queue_time};
pub use lineage::{FreshLineage, HOPS, Lineage, PREVIOUS, previous};
pub use marked::{Marked, fresh_lineage};
#[cfg(feature = "setup")]
pub(crate) use metrics::observe_dropped_spans;
pub use names::{ClientOperation, LinkType};
pub use options::{Correlation, InstrumentationBuilder};
pub use place::Scope;
pub use process::{ProcessSpan, ProcessStart, Processed, Trace};
pub use propagator::Propagator;
pub use receive::{Puller, Receive, SettleSpan, SettleStart};
pub use send::{CreateSpan, Outcome, Outgoing, SendSpan, SendStart};
pub use started::Started;

/// What the user plugged in answers, and nothing where it panics: telemetry fails no message.
fn guarded<T>(users: impl FnOnce() -> T) -> Option<T> {
    let answer = std::panic::catch_unwind(std::panic::AssertUnwindSafe(users));
    if answer.is_err() {
        tracing::error!("what was plugged into telemetry panicked, and is passed over");
    }
    answer.ok()
}
