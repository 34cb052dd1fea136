//! What a message that is not tried again tells of where it comes from, in headers of ours.

use opentelemetry::Context;
use opentelemetry::trace::{SpanContext, TraceContextExt};
use tracehop_propagation::{parse_traceparent, traceparent};

use crate::contract::{Attributes, Destination};

/// Stands in the parent context of a send whose message has lineage headers (`tracehop-*`) that
/// were written for it. Without it they are of the message in hand, and stale.
#[derive(Clone, Copy, Debug)]
pub struct FreshLineage;

/// Where a dead letter comes from.
#[derive(Clone, Copy, Debug)]
pub struct Lineage<'a> {
    /// What it was read from.
    pub origin: &'a Destination,
    /// Where it stood there, as far as the broker says.
    pub attributes: &'a Attributes,
    /// How many attempts it had.
    pub attempt: u32,
    /// Why the last attempt failed. At most 256 bytes of it are told.
    pub error: &'a str,
    /// The context of the process span of the last attempt.
    pub process: &'a Context,
}

/// In bytes.
const LONGEST_ERROR: usize = 256;

/// How often a message was relayed, in decimal digits.
pub const HOPS: &str = "tracehop-hops";

/// The process span of the attempt before, as a `traceparent`.
pub const PREVIOUS: &str = "tracehop-previous";

impl Lineage<'_> {
    /// The headers, each with what it is set to; one without a value is to be removed.
    pub fn headers(&self) -> [(&'static str, Option<String>); 6] {
        let error = &self.error[..self.error.floor_char_boundary(LONGEST_ERROR)];
        [
            ("tracehop-origin", Some(self.origin.to_string())),
            (
                "tracehop-origin-partition",
                self.attributes.partition.map(|n| n.to_string()),
            ),
            (
                "tracehop-origin-offset",
                self.attributes.offset.map(|n| n.to_string()),
            ),
            ("tracehop-attempt", Some(self.attempt.to_string())),
            ("tracehop-error", Some(error.to_owned())),
            (PREVIOUS, traceparent(self.process.span().span_context())),
        ]
    }
}

/// Reads the header [`PREVIOUS`]; `None` where it is malformed.
pub fn previous(header: &str) -> Option<SpanContext> {
    parse_traceparent(header)
}
