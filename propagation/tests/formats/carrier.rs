//! Carriers that can show a field more than once, and carriers that cannot.

use opentelemetry::{Context, baggage::BaggageExt, propagation::Extractor};
use tracehop_propagation::{Carrier, Composite, Extracted};

use crate::{Headers, parent};

/// A field of each format that has a parent in it.
const PARENTS: [(&str, &[(&str, &str)]); 8] = [
    (
        "tracecontext",
        &[(
            "traceparent",
            "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
        )],
    ),
    (
        "b3",
        &[("b3", "4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-1")],
    ),
    (
        "b3multi",
        &[
            ("x-b3-traceid", "4bf92f3577b34da6a3ce929d0e0e4736"),
            ("x-b3-spanid", "00f067aa0ba902b7"),
        ],
    ),
    (
        "jaeger",
        &[(
            "uber-trace-id",
            "4bf92f3577b34da6a3ce929d0e0e4736:00f067aa0ba902b7:0:1",
        )],
    ),
    (
        "xray",
        &[(
            "x-amzn-trace-id",
            "Root=1-4bf92f35-77b34da6a3ce929d0e0e4736;Parent=00f067aa0ba902b7;Sampled=1",
        )],
    ),
    (
        "datadog",
        &[
            ("x-datadog-trace-id", "11803532876627986230"),
            ("x-datadog-parent-id", "67667974448284343"),
        ],
    ),
    (
        "gcp",
        &[(
            "x-cloud-trace-context",
            "4bf92f3577b34da6a3ce929d0e0e4736/67667974448284343;o=1",
        )],
    ),
    (
        "sentry",
        &[(
            "sentry-trace",
            "4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-1",
        )],
    ),
];

fn read<'a>(format: &str, carrier: impl Into<Carrier<'a>>) -> Extracted {
    Composite::from_names(format).extract_reported(&Context::new(), carrier)
}

#[test]
fn nothing_says_which_of_two_parents_would_count() {
    for (format, fields) in PARENTS {
        let once = read(format, &Headers(fields));
        assert_eq!((once.format, once.malformed), (Some(format), vec![]));
        let twice = read(format, &Headers(&[fields, fields].concat()));
        assert_eq!(
            (twice.format, twice.malformed),
            (None, vec![format]),
            "{format}"
        );
    }
}

/// A carrier that would have to make a list of what it has one of.
struct OneEach<'a>(Headers<'a>);

impl Extractor for OneEach<'_> {
    fn get(&self, key: &str) -> Option<&str> {
        self.0.get(key)
    }

    fn keys(&self) -> Vec<&str> {
        self.0.keys()
    }

    fn get_all(&self, key: &str) -> Option<Vec<&str>> {
        panic!("asked for all of {key}")
    }
}

#[test]
fn a_carrier_that_shows_each_field_once_is_asked_for_no_list() {
    for (format, fields) in PARENTS {
        let carrier = OneEach(Headers(fields));
        let asked_once = read(format, Carrier::once(&carrier));
        let asked_for_all = read(format, &Headers(fields));
        assert_eq!(asked_once.format, Some(format));
        assert_eq!(parent(&asked_once.context), parent(&asked_for_all.context));
    }
    let carrier = OneEach(Headers(&[("baggage", "a=1,b=2")]));
    let found = read("baggage", Carrier::once(&carrier));
    assert_eq!(found.context.baggage().len(), 2);
}
