//! What it costs to write and to read each format: time and allocations, beside the propagator of
//! the same format upstream, where there is one that works with the same OpenTelemetry.
//!
//! `cargo bench -p tracehop-propagation`

use std::collections::HashMap;
use std::fmt;

use divan::{AllocProfiler, Bencher, black_box};
use opentelemetry::Context;
use opentelemetry::propagation::{Extractor, TextMapPropagator};
use opentelemetry_aws::trace::XrayPropagator;
use opentelemetry_propagator_b3::{B3Encoding, Propagator as B3Propagator};
use opentelemetry_sdk::propagation::{BaggagePropagator, TraceContextPropagator};
use tracehop_propagation::{Carrier, Composite};

#[global_allocator]
static ALLOCATIONS: AllocProfiler = AllocProfiler::system();

fn main() {
    divan::Divan::from_args().sample_size(1_000).main();
}

const TRACEPARENT: (&str, &str) = (
    "traceparent",
    "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
);

/// One message: what it is called, and the fields that it came with.
#[derive(Clone, Copy)]
struct Case {
    name: &'static str,
    format: &'static str,
    fields: &'static [(&'static str, &'static str)],
}

impl fmt::Display for Case {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name)
    }
}

const CASES: [Case; 11] = [
    Case {
        name: "tracecontext",
        format: "tracecontext",
        fields: &[TRACEPARENT],
    },
    Case {
        name: "tracecontext, tracestate",
        format: "tracecontext",
        fields: &[
            TRACEPARENT,
            ("tracestate", "congo=t61rcWkgMzE,rojo=00f067aa0ba902b7"),
        ],
    },
    Case {
        name: "baggage",
        format: "baggage",
        fields: &[("baggage", "tenant=acme,plan=gold")],
    },
    Case {
        name: "baggage, encoded",
        format: "baggage",
        fields: &[("baggage", "tenant=Caf%C3%A9%20West,plan=gold;ttl=5")],
    },
    Case {
        name: "b3",
        format: "b3",
        fields: &[("b3", "4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-1")],
    },
    Case {
        name: "b3multi",
        format: "b3multi",
        fields: &[
            ("x-b3-traceid", "4bf92f3577b34da6a3ce929d0e0e4736"),
            ("x-b3-spanid", "00f067aa0ba902b7"),
            ("x-b3-sampled", "1"),
        ],
    },
    Case {
        name: "jaeger",
        format: "jaeger",
        fields: &[
            (
                "uber-trace-id",
                "4bf92f3577b34da6a3ce929d0e0e4736:00f067aa0ba902b7:0:1",
            ),
            ("uberctx-tenant", "acme"),
        ],
    },
    Case {
        name: "xray",
        format: "xray",
        fields: &[(
            "x-amzn-trace-id",
            "Root=1-4bf92f35-77b34da6a3ce929d0e0e4736;Parent=00f067aa0ba902b7;Sampled=1",
        )],
    },
    Case {
        name: "datadog",
        format: "datadog",
        fields: &[
            ("x-datadog-trace-id", "11803532876627986230"),
            ("x-datadog-parent-id", "67667974448284343"),
            ("x-datadog-sampling-priority", "1"),
            ("x-datadog-tags", "_dd.p.dm=-1,_dd.p.tid=4bf92f3577b34da6"),
        ],
    },
    Case {
        name: "gcp",
        format: "gcp",
        fields: &[(
            "x-cloud-trace-context",
            "4bf92f3577b34da6a3ce929d0e0e4736/67667974448284343;o=1",
        )],
    },
    Case {
        name: "sentry",
        format: "sentry",
        fields: &[(
            "sentry-trace",
            "4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-1",
        )],
    },
];

impl Case {
    fn ours(self) -> Composite {
        Composite::from_names(self.format)
    }

    fn upstream(self) -> Option<Box<dyn TextMapPropagator>> {
        Some(match self.format {
            "tracecontext" => Box::new(TraceContextPropagator::new()),
            "baggage" => Box::new(BaggagePropagator::new()),
            "xray" => Box::new(XrayPropagator::new()),
            "b3" => Box::new(B3Propagator::with_encoding(B3Encoding::SingleHeader)),
            "b3multi" => Box::new(B3Propagator::with_encoding(B3Encoding::MultipleHeader)),
            _ => return None,
        })
    }

    fn context(self, propagator: &dyn TextMapPropagator) -> Context {
        propagator.extract_with_context(&Context::new(), &Fields(self.fields))
    }

    fn map(self) -> HashMap<String, String> {
        let fields = self.fields.iter();
        fields
            .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
            .collect()
    }
}

fn with_upstream() -> impl Iterator<Item = Case> {
    CASES.into_iter().filter(|case| case.upstream().is_some())
}

/// A carrier that allocates nothing when it is asked for a field; a `HashMap` makes a lower-case
/// copy of its name.
struct Fields(&'static [(&'static str, &'static str)]);

impl Extractor for Fields {
    fn get(&self, key: &str) -> Option<&str> {
        let found = self.0.iter().find(|(name, _)| *name == key);
        found.map(|(_, value)| *value)
    }

    fn keys(&self) -> Vec<&str> {
        self.0.iter().map(|(name, _)| *name).collect()
    }
}

fn inject(bencher: Bencher, propagator: &dyn TextMapPropagator, cx: &Context) {
    bencher.bench_local(|| {
        let mut map = HashMap::new();
        propagator.inject_context(black_box(cx), &mut map);
        map
    });
}

fn extract(bencher: Bencher, propagator: &dyn TextMapPropagator, carrier: &dyn Extractor) {
    let empty = Context::new();
    bencher.bench_local(|| propagator.extract_with_context(&empty, black_box(carrier)));
}

/// As the brokers' carriers are read: none of them shows a field twice.
fn extract_once(bencher: Bencher, composite: &Composite, carrier: &dyn Extractor) {
    let empty = Context::new();
    bencher.bench_local(|| {
        let carrier = Carrier::once(black_box(carrier));
        composite.extract_reported(&empty, carrier).context
    });
}

/// Into an empty `HashMap`.
#[divan::bench_group(name = "inject")]
mod inject_group {
    use super::{Bencher, CASES, Case, inject, with_upstream};

    #[divan::bench(args = CASES)]
    fn tracehop(bencher: Bencher, case: Case) {
        inject(bencher, &case.ours(), &case.context(&case.ours()));
    }

    #[divan::bench(args = with_upstream())]
    fn upstream(bencher: Bencher, case: Case) {
        let propagator = case.upstream().expect("there is one");
        inject(bencher, &*propagator, &case.context(&*propagator));
    }
}

/// Out of a `HashMap`.
#[divan::bench_group(name = "extract")]
mod extract_group {
    use super::{Bencher, CASES, Case, extract, with_upstream};

    #[divan::bench(args = CASES)]
    fn tracehop(bencher: Bencher, case: Case) {
        extract(bencher, &case.ours(), &case.map());
    }

    #[divan::bench(args = with_upstream())]
    fn upstream(bencher: Bencher, case: Case) {
        let propagator = case.upstream().expect("there is one");
        extract(bencher, &*propagator, &case.map());
    }
}

/// Out of a carrier that allocates nothing itself.
#[divan::bench_group]
mod extract_alone {
    use super::{Bencher, CASES, Case, Fields, extract, extract_once, with_upstream};

    #[divan::bench(args = CASES)]
    fn tracehop_once(bencher: Bencher, case: Case) {
        extract_once(bencher, &case.ours(), &Fields(case.fields));
    }

    #[divan::bench(args = CASES)]
    fn tracehop(bencher: Bencher, case: Case) {
        extract(bencher, &case.ours(), &Fields(case.fields));
    }

    #[divan::bench(args = with_upstream())]
    fn upstream(bencher: Bencher, case: Case) {
        let propagator = case.upstream().expect("there is one");
        extract(bencher, &*propagator, &Fields(case.fields));
    }
}
