//! Which fields of a message belong to a propagator: for carriers, which replace what is stale.

use opentelemetry::propagation::TextMapPropagator;

/// Whether a message's field of that name is one of the propagator's: the same in any case, or one
/// of those that a field with `*` at its end stands for.
///
/// ```
/// use tracehop_propagation::{Jaeger, owns};
///
/// assert!(owns(&Jaeger, "Uber-Trace-Id") && owns(&Jaeger, "uberctx-tenant"));
/// assert!(!owns(&Jaeger, "uber"));
/// ```
pub fn owns(propagator: &dyn TextMapPropagator, name: impl AsRef<[u8]>) -> bool {
    let name = name.as_ref();
    propagator
        .fields()
        .any(|field| match field.strip_suffix('*') {
            None => field.as_bytes().eq_ignore_ascii_case(name),
            Some(prefix) => starts_with(name, prefix),
        })
}

/// Whether a field of that name carries baggage alone, in any of this crate's formats.
///
/// ```
/// use tracehop_propagation::is_baggage_field;
///
/// assert!(is_baggage_field("baggage") && is_baggage_field("ot-baggage-tenant"));
/// assert!(!is_baggage_field("traceparent") && !is_baggage_field("_datadog"));
/// ```
pub fn is_baggage_field(name: impl AsRef<[u8]>) -> bool {
    let name = name.as_ref();
    name.eq_ignore_ascii_case(b"baggage")
        || starts_with(name, "ot-baggage-")
        || starts_with(name, "uberctx-")
}

fn starts_with(name: &[u8], prefix: &str) -> bool {
    let start = name.get(..prefix.len());
    start.is_some_and(|start| start.eq_ignore_ascii_case(prefix.as_bytes()))
}
