//! What a message may bring at the worst: it costs no more than a few times its own size, and a
//! number of allocations that does not grow with it.

use std::cell::Cell;

use allocation_counter::{AllocationInfo, measure};
use opentelemetry::{Context, baggage::BaggageExt, propagation::Extractor};
use tracehop_propagation::{Carrier, Composite, Extracted, owns};

use crate::{
    Headers,
    any_input::{FIELDS, NAMES},
    inject,
};

const MEGABYTE: usize = 1 << 20;

/// Members that are kept (64, each a key, a value and properties), with what holds them.
const ALLOCATIONS: u64 = 400;

/// Fields that are looked up in one message: each is a search through all that it has.
const LOOKUPS: usize = 300;

/// What is allocated beside copies of the input.
const BYTES: usize = 64 << 10;

fn read(format: &str, headers: &[(&str, &str)]) -> (Extracted, AllocationInfo) {
    let composite = Composite::from_names(format);
    let mut extracted = None;
    let cost = measure(|| {
        let carrier = &Headers(headers);
        extracted = Some(composite.extract_reported(&Context::new(), Carrier::once(carrier)));
    });
    (extracted.unwrap(), cost)
}

/// A carrier that counts how often it is asked for a field.
struct Counting<'a>(Headers<'a>, Cell<usize>);

impl Extractor for Counting<'_> {
    fn get(&self, key: &str) -> Option<&str> {
        self.1.set(self.1.get() + 1);
        self.0.get(key)
    }

    fn keys(&self) -> Vec<&str> {
        self.0.keys()
    }
}

fn lookups(format: &str, headers: &[(&str, &str)]) -> usize {
    let carrier = Counting(Headers(headers), Cell::new(0));
    Composite::from_names(format).extract_reported(&Context::new(), Carrier::once(&carrier));
    carrier.1.get()
}

/// Reads, and writes what was read, within the bounds.
pub(crate) fn read_within(format: &str, headers: &[(&str, &str)]) -> Extracted {
    let input: usize = headers.iter().map(|(_, value)| value.len()).sum();
    let (extracted, cost) = read(format, headers);
    let shown: String = headers[0].1.chars().take(9).collect();
    let about = format!("{format}: {} with {shown:?}", headers[0].0);
    // The header of baggage is kept; a value that is decoded is another copy.
    assert!(
        cost.bytes_max <= (2 * input + BYTES) as u64,
        "{about}: {cost:?}"
    );
    assert!(cost.count_total <= ALLOCATIONS, "{about}: {cost:?}");
    assert!(extracted.context.baggage().len() <= 64, "{about}");

    let composite = Composite::from_names(format);
    let cost = measure(|| drop(inject(&composite, &extracted.context)));
    assert!(cost.bytes_max <= 2 * BYTES as u64, "{about}: {cost:?}");
    assert!(cost.count_total <= 2 * ALLOCATIONS, "{about}: {cost:?}");
    extracted
}

/// Text of many kinds, a megabyte each.
fn megabytes() -> impl Iterator<Item = String> {
    let pieces = [
        "a=1,",
        ",",
        ";",
        "=",
        "%",
        "-",
        ":",
        "/",
        "%3A",
        "0",
        "1",
        "_dd.p.a=1,",
        "é",
        " ",
    ];
    let repeated = pieces.map(|piece| piece.repeat(MEGABYTE / piece.len()));
    let nested = format!("{{\"ot-baggage-a\":{}", "[".repeat(MEGABYTE));
    let object = format!("{{{}\"a\":1}}", "\"ot-baggage-a\":\"1\",".repeat(50_000));
    repeated.into_iter().chain([nested, object])
}

#[test]
fn a_megabyte_in_any_field_of_any_format_yields_no_parent_and_costs_no_more() {
    for value in megabytes() {
        for format in NAMES.split(',') {
            let composite = Composite::from_names(format);
            let fields = FIELDS.map(|(field, _)| field).into_iter();
            for field in fields.filter(|field| owns(&composite, field)) {
                let extracted = read_within(format, &[(field, &value)]);
                assert_eq!(extracted.format, None, "{format}: {field}");
            }
        }
    }
}

#[test]
fn a_megabyte_behind_a_valid_field_hides_nothing() {
    for format in NAMES.split(',').filter(|format| *format != "baggage") {
        let valid = FIELDS.map(|(field, value)| (field, value.to_owned()));
        let (expected, _) = read(format, &borrowed(&valid));
        let long = [("baggage", "a=1,".repeat(MEGABYTE / 4))];
        let long = [&valid[..2], &valid[3..], &long].concat();
        let extracted = read_within(format, &borrowed(&long));
        assert_eq!(extracted.format, Some(format));
        assert_eq!(extracted.malformed, expected.malformed, "{format}");
    }
}

fn borrowed<'a>(headers: &'a [(&'a str, String)]) -> Vec<(&'a str, &'a str)> {
    let headers = headers.iter();
    headers
        .map(|(name, value)| (*name, value.as_str()))
        .collect()
}

/// Ten thousand members, in each way in which a format has them.
#[test]
fn of_ten_thousand_members_the_first_are_kept_and_the_rest_counted() {
    let numbers = || 0..10_000;
    let list: Vec<_> = numbers().map(|i| format!("k{i}=v")).collect();
    let list = list.join(",");
    let sentrys = list.replace('k', "sentry-k");
    let attribute = format!(r#"{{"baggage":"{list}"}}"#);
    for (format, field, value) in [
        ("baggage", "baggage", &list),
        ("datadog", "baggage", &list),
        ("sentry", "baggage", &sentrys),
    ] {
        let extracted = read_within(format, &[(field, value)]);
        assert_eq!(extracted.context.baggage().len(), 64, "{format}");
        assert_eq!(extracted.baggage_dropped.members, 10_000 - 64, "{format}");
        assert_eq!(extracted.baggage_dropped.total(), 10_000 - 64, "{format}");
        assert_eq!(extracted.malformed, [""; 0], "{format}");
    }
    // As much of JSON is not Datadog's, and is not read at all.
    let extracted = read_within("datadog", &[("_datadog", &attribute)]);
    assert_eq!(extracted.context.baggage().len(), 0);
    assert_eq!(extracted.malformed, ["datadog"]);

    for (format, prefix) in [("jaeger", "uberctx-"), ("datadog", "ot-baggage-")] {
        let fields: Vec<_> = numbers().map(|i| format!("{prefix}k{i}")).collect();
        let fields: Vec<_> = fields.iter().map(|field| (field.as_str(), "v")).collect();
        let (extracted, cost) = read(format, &fields);
        assert!(cost.count_total <= ALLOCATIONS, "{format}: {cost:?}");
        let lookups = lookups(format, &fields);
        assert!(lookups <= LOOKUPS, "{format}: {lookups}");
        assert_eq!(extracted.context.baggage().len(), 64, "{format}");
        assert_eq!(extracted.baggage_dropped.members, 10_000 - 64, "{format}");
    }
}

/// Members of trace context: those that are no baggage.
#[test]
fn ten_thousand_members_of_state_and_tags_are_dropped_and_the_parent_stays() {
    let list: Vec<_> = (0..10_000).map(|i| format!("k{i}=v")).collect();
    let traceparent = FIELDS[0];
    let extracted = read_within(
        "tracecontext",
        &[traceparent, ("tracestate", &list.join(","))],
    );
    assert_eq!(extracted.format, Some("tracecontext"));

    let tags: Vec<_> = (0..10_000).map(|i| format!("_dd.p.k{i}=v")).collect();
    let tags = [
        ("x-datadog-trace-id", "1"),
        ("x-datadog-parent-id", "2"),
        ("x-datadog-tags", &tags.join(",")),
    ];
    assert_eq!(read_within("datadog", &tags).format, Some("datadog"));

    let header = format!("{};{}", FIELDS[3].1, "Lineage=1:a:0;k=v;".repeat(10_000));
    let extracted = read_within("xray", &[("x-amzn-trace-id", &header)]);
    assert_eq!(extracted.format, Some("xray"));
}

#[test]
fn a_member_over_the_limit_of_bytes_is_dropped_alone() {
    let long = "v".repeat(9_000);
    let headers = [
        ("uberctx-a", long.as_str()),
        ("ot-baggage-b", "1"),
        ("baggage", "c=2"),
    ];
    let extracted = read_within(NAMES, &headers);
    assert_eq!(extracted.context.baggage().len(), 2);
    assert_eq!(extracted.baggage_dropped.bytes, 1);
}

#[test]
fn json_that_is_too_long_is_malformed_and_deep_values_are_passed_over() {
    let with = |value: &str| {
        let json = format!(r#"{{"x-datadog-trace-id":"1","a":{value},"x-datadog-parent-id":"2"}}"#);
        let found = read_within("datadog", &[("_datadog", &json)]);
        (found.format, found.malformed)
    };
    let deep = format!("{}1{}", "[".repeat(10_000), "]".repeat(10_000));
    assert_eq!(with(&deep), (Some("datadog"), vec![]));
    let deep = format!("{}1{}", "{\"a\":".repeat(5_000), "}".repeat(5_000));
    assert_eq!(with(&deep), (Some("datadog"), vec![]));
    let long = format!("\"{}\"", "v".repeat(40_000));
    assert_eq!(with(&long), (None, vec!["datadog"]));
}
