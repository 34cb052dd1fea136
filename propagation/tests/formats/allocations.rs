//! What is allocated in reading a message: what the `Context` is made of, and nothing else.

use allocation_counter::measure;
use opentelemetry::{Context, propagation::Extractor, trace::TraceContextExt};
use tracehop_propagation::{Carrier, Composite};

use crate::any_input::FIELDS;

/// A carrier that allocates nothing itself, and shows each field once.
struct Fields(Vec<(&'static str, &'static str)>);

impl Extractor for Fields {
    fn get(&self, key: &str) -> Option<&str> {
        let found = self.0.iter().find(|(name, _)| *name == key);
        found.map(|(_, value)| *value)
    }

    fn keys(&self) -> Vec<&str> {
        self.0.iter().map(|(name, _)| *name).collect()
    }
}

fn fields(names: &[&str]) -> Fields {
    let fields = FIELDS.into_iter();
    Fields(fields.filter(|(name, _)| names.contains(name)).collect())
}

fn allocated(formats: &str, carrier: &Fields) -> u64 {
    let composite = Composite::from_names(formats);
    let empty = Context::new();
    let mut extracted = None;
    let cost = measure(|| {
        extracted = Some(composite.extract_reported(&empty, Carrier::once(carrier)));
    });
    let extracted = extracted.unwrap();
    assert_eq!(
        extracted.context.has_active_span(),
        extracted.format.is_some()
    );
    cost.count_total
}

#[test]
fn a_parent_is_one_allocation_the_span_of_the_context() {
    for (format, names) in [
        ("tracecontext", &["traceparent"][..]),
        ("tracecontext,baggage", &["traceparent"]),
        ("b3", &["b3"]),
        ("b3multi", &["x-b3-traceid", "x-b3-spanid", "x-b3-sampled"]),
        ("gcp", &["x-cloud-trace-context"]),
        ("sentry", &["sentry-trace"]),
    ] {
        assert_eq!(allocated(format, &fields(names)), 1, "{format}");
    }
}

#[test]
fn a_message_without_context_allocates_nothing() {
    let others = fields(&["x-datadog-trace-id", "uberctx-tenant"]);
    for format in [
        "tracecontext,baggage",
        "b3",
        "b3multi",
        "xray",
        "gcp",
        "sentry",
    ] {
        assert_eq!(allocated(format, &others), 0, "{format}");
    }
}

/// Of state: the list, which grows once, and two texts a member.
#[test]
fn state_is_copied_once() {
    let carrier = fields(&["traceparent", "tracestate"]);
    assert_eq!(allocated("tracecontext", &carrier), 1 + 1 + 2 * 2);
}

/// Of baggage: a map, and a key and a value a member; and the header as it came. Both are put into
/// the context, which is a shared map of shared values, and is copied for the second.
#[test]
fn baggage_is_copied_once_and_so_is_its_header() {
    let carrier = Fields(vec![("baggage", "tenant=acme,plan=gold")]);
    let put = 3;
    let (baggage, header) = (1 + 2 * 2, 1);
    assert_eq!(allocated("baggage", &carrier), baggage + put + header + put);
}
