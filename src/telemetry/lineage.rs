//! What a message that is not tried again tells of where it comes from, in headers of ours.

use opentelemetry::Context;
use opentelemetry::trace::{SpanContext, TraceContextExt};
use tracehop_propagation::{parse_traceparent, traceparent};

use crate::contract::Destination;

/// Stands in the parent context of a send whose message has lineage headers (`tracehop-*`) that
/// were written for it. Without it they are of the message in hand, and stale.
#[derive(Clone, Copy, Debug)]
pub(crate) struct FreshLineage;

/// Where a dead letter comes from.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Lineage<'a> {
    pub(crate) origin: &'a Destination,
    /// How many attempts it had.
    pub(crate) attempt: u32,
    /// Why the last attempt failed. At most [`LONGEST_ERROR`] bytes of it are told.
    pub(crate) error: &'a str,
    /// The context of the process span of the last attempt.
    pub(crate) process: &'a Context,
}

const LONGEST_ERROR: usize = 256;

/// The process span of the attempt before, as a `traceparent`.
pub(crate) const PREVIOUS: &str = "tracehop-previous";

impl Lineage<'_> {
    /// The headers, each with what it is set to; one without a value is to be removed.
    pub(crate) fn headers(&self) -> [(&'static str, Option<String>); 4] {
        let error = &self.error[..self.error.floor_char_boundary(LONGEST_ERROR)];
        [
            ("tracehop-origin", Some(self.origin.to_string())),
            ("tracehop-attempt", Some(self.attempt.to_string())),
            ("tracehop-error", Some(error.to_owned())),
            (PREVIOUS, traceparent(self.process.span().span_context())),
        ]
    }
}

/// Reads the header [`PREVIOUS`]; `None` where it is malformed.
pub(crate) fn previous(header: &str) -> Option<SpanContext> {
    parse_traceparent(header)
}
