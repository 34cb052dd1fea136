//! The vector files: see `tests/vectors/README.md` for how they are written.

use std::collections::HashMap;

use opentelemetry::{
    Context,
    baggage::BaggageExt,
    trace::{SpanId, TraceId, TraceState},
};
use tracehop_propagation::{Composite, Sampling};

use crate::{Headers, inject, parent};

macro_rules! vectors {
    ($($test:ident: $format:literal;)*) => {$(
        #[test]
        fn $test() {
            check($format, include_str!(concat!("../vectors/", $format, ".txt")));
        }
    )*};
}
vectors! {
    trace_context: "tracecontext";
    w3c_baggage: "baggage";
    b3_single: "b3";
    b3_multi: "b3multi";
    jaeger: "jaeger";
    xray: "xray";
    datadog: "datadog";
    cloud_trace: "gcp";
    sentry: "sentry";
}

fn check(format: &str, file: &str) {
    let composite = Composite::from_names(format);
    assert_eq!(composite.names().collect::<Vec<_>>(), [format]);
    let cases: Vec<_> = file.split("\n## ").skip(1).map(Case::parse).collect();
    assert!(cases.len() > 5, "{format}: {} cases", cases.len());
    for case in cases {
        case.check(format, &composite);
    }
}

#[derive(Debug, Default)]
struct Case<'a> {
    title: &'a str,
    fields: Vec<(&'a str, &'a str)>,
    parent: Option<(TraceId, SpanId, Sampling)>,
    malformed: bool,
    tracestate: Vec<(&'a str, &'a str)>,
    baggage: HashMap<&'a str, &'a str>,
    writes: HashMap<&'a str, &'a str>,
}

impl<'a> Case<'a> {
    fn parse(text: &'a str) -> Self {
        let mut lines = text.lines();
        let mut case = Self {
            title: lines.next().unwrap(),
            ..Self::default()
        };
        for line in lines.filter(|line| !line.is_empty()) {
            match line.strip_prefix("> ") {
                None => case.fields.push(line.split_once(": ").unwrap()),
                Some(expected) => case.expect(expected),
            }
        }
        case
    }

    fn expect(&mut self, expected: &'a str) {
        match expected.split_once(' ') {
            None if expected == "nothing" => {}
            None if expected == "malformed" => self.malformed = true,
            Some(("tracestate", members)) => {
                let members = members.split(',').map(|member| member.split_once('='));
                self.tracestate.extend(members.map(Option::unwrap));
            }
            Some(("baggage", member)) => self.baggage.extend(member.split_once('=')),
            Some(("writes", field)) => self.writes.extend(field.split_once(": ")),
            Some((trace_id, rest)) => {
                let (span_id, sampling) = rest.split_once(' ').unwrap();
                let sampling = match sampling {
                    "sampled" => Sampling::Sampled,
                    "unsampled" => Sampling::NotSampled,
                    "deferred" => Sampling::Deferred,
                    "debug" => Sampling::Debug,
                    _ => panic!("{expected}"),
                };
                let trace_id = TraceId::from_hex(trace_id).unwrap();
                self.parent = Some((trace_id, SpanId::from_hex(span_id).unwrap(), sampling));
            }
            None => panic!("{expected}"),
        }
    }

    fn check(&self, format: &str, composite: &Composite) {
        let Self { title, fields, .. } = self;
        let found = composite.extract_reported(&Context::new(), &Headers(fields));
        let cx = &found.context;
        let read = parent(cx);
        let said = read
            .is_valid()
            .then(|| (read.trace_id(), read.span_id(), Sampling::of(cx)));
        assert_eq!(said, self.parent, "{format}: {title}");
        assert_eq!(found.format.is_some(), said.is_some(), "{format}: {title}");
        let malformed = found.malformed == [format];
        assert_eq!(malformed, self.malformed, "{format}: {title}: {found:?}");
        assert!(malformed || found.malformed.is_empty(), "{format}: {title}");
        let state = TraceState::from_key_value(self.tracestate.iter().copied()).unwrap();
        assert_eq!(*read.trace_state(), state, "{format}: {title}");

        let baggage = cx.baggage().iter();
        let baggage: HashMap<_, _> = baggage
            .map(|(key, (value, _))| (key.as_str(), value.as_str()))
            .collect();
        assert_eq!(baggage, self.baggage, "{format}: {title}");

        let written = inject(composite, cx);
        let written: HashMap<_, _> = written
            .iter()
            .map(|(field, value)| (field.as_str(), value.as_str()))
            .collect();
        if !self.writes.is_empty() {
            assert_eq!(written, self.writes, "{format}: {title}");
        }
    }
}
