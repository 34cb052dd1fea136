//! What a message may bring: too long, too large, of zeros, too many, too deep, and mixed.

use super::Most;

/// A message, and what becomes of it.
pub(super) struct Case {
    pub(super) about: String,
    pub(super) headers: Vec<(String, String)>,
    /// Whether there is a parent all the same.
    pub(super) parent: bool,
    /// How many members of baggage are kept.
    pub(super) members: usize,
    pub(super) malformed: Vec<&'static str>,
    pub(super) dropped: Option<(&'static str, u32)>,
}

impl Case {
    fn new<N: Into<String>, V: Into<String>>(
        about: &str,
        headers: impl IntoIterator<Item = (N, V)>,
        malformed: &[&'static str],
    ) -> Self {
        let headers = headers.into_iter();
        Self {
            about: about.to_owned(),
            headers: headers
                .map(|(name, value)| (name.into(), value.into()))
                .collect(),
            parent: false,
            members: 0,
            malformed: malformed.to_vec(),
            dropped: None,
        }
    }

    fn with_parent(mut self) -> Self {
        self.parent = true;
        self
    }

    fn keeping(mut self, members: usize, dropped: (&'static str, u32)) -> Self {
        (self.members, self.dropped) = (members, Some(dropped));
        self
    }
}

/// What is read of a header whose value is nonsense: both formats of B3 read both encodings.
const FIELDS: [(&str, &str, &[&str]); 9] = [
    ("traceparent", "", &["tracecontext"]),
    ("b3", "", &["b3", "b3multi"]),
    ("x-b3-traceid", "", &["b3", "b3multi"]),
    ("uber-trace-id", "", &["jaeger"]),
    ("x-amzn-trace-id", "Root=", &["xray"]),
    ("x-datadog-trace-id", "", &["datadog"]),
    ("_datadog", "", &["datadog"]),
    ("x-cloud-trace-context", "", &["gcp"]),
    ("sentry-trace", "", &["sentry"]),
];

const OVER: &str = "18446744073709551616";
const HEX: &str = "14bf92f3577b34da6a3ce929d0e0e4736";

pub(super) fn cases(most: Most) -> Vec<Case> {
    let mut cases = Vec::new();
    for (field, before, malformed) in FIELDS {
        let long = format!("{before}{}", "1".repeat(most.bytes));
        cases.push(Case::new(
            &format!("a long {field}"),
            [(field, long)],
            malformed,
        ));
    }
    let long = Case::new(
        "long baggage",
        [("baggage", "%".repeat(most.bytes))],
        &["baggage"],
    );
    cases.push(long.keeping(0, ("malformed", 1)));
    cases.extend(overflowing());
    cases.extend(zeros());
    cases.extend(many_members(most));
    cases.extend(nested(most));
    cases.push(mixed());
    cases
}

/// Numbers and digits that are too many.
fn overflowing() -> Vec<Case> {
    let ids = format!("{HEX}-00f067aa0ba902b7-01");
    [
        ("traceparent", format!("00-{ids}"), &["tracecontext"][..]),
        ("b3", ids.clone(), &["b3", "b3multi"]),
        ("uber-trace-id", "1:1:0:100".to_owned(), &["jaeger"]),
        (
            "x-amzn-trace-id",
            format!("Root=1-{HEX}-1;Parent=1"),
            &["xray"],
        ),
        ("x-datadog-trace-id", OVER.to_owned(), &["datadog"]),
        (
            "_datadog",
            format!(r#"{{"x-datadog-trace-id":"{OVER}"}}"#),
            &["datadog"],
        ),
        (
            "x-cloud-trace-context",
            format!("{}/{OVER};o=1", &HEX[1..]),
            &["gcp"],
        ),
        ("sentry-trace", ids.clone(), &["sentry"]),
    ]
    .into_iter()
    .map(|(field, value, malformed)| {
        Case::new(
            &format!("an overflow in {field}"),
            [(field, value)],
            malformed,
        )
    })
    .collect()
}

fn zeros() -> Vec<Case> {
    let (trace_id, span_id) = ("0".repeat(32), "0".repeat(16));
    [
        (
            "traceparent",
            format!("00-{trace_id}-{span_id}-01"),
            &["tracecontext"][..],
        ),
        ("b3", format!("{trace_id}-{span_id}-1"), &["b3", "b3multi"]),
        ("uber-trace-id", "0:0:0:1".to_owned(), &["jaeger"]),
        (
            "x-amzn-trace-id",
            format!(
                "Root=1-{}-{};Parent={span_id};Sampled=1",
                &trace_id[..8],
                &trace_id[8..]
            ),
            &["xray"],
        ),
        (
            "_datadog",
            r#"{"x-datadog-trace-id":"0","x-datadog-parent-id":"0"}"#.to_owned(),
            &["datadog"],
        ),
        (
            "x-cloud-trace-context",
            format!("{trace_id}/0;o=1"),
            &["gcp"],
        ),
        (
            "sentry-trace",
            format!("{trace_id}-{span_id}-1"),
            &["sentry"],
        ),
    ]
    .into_iter()
    .map(|(field, value, malformed)| {
        Case::new(&format!("zeros in {field}"), [(field, value)], malformed)
    })
    .collect()
}

/// Ten thousand members, in one header and in headers of their own.
fn many_members(most: Most) -> Vec<Case> {
    let list: Vec<_> = (0..10_000).map(|i| format!("k{i}=v")).collect();
    let list = Case::new("ten thousand members", [("baggage", list.join(","))], &[]);
    let fields = |prefix: &str| {
        let fields = (0..10_000).map(|i| (format!("{prefix}k{i}"), "v"));
        Case::new(&format!("ten thousand {prefix}"), fields, &[])
    };
    let cases = [list, fields("uberctx-"), fields("ot-baggage-")].into_iter();
    cases
        .filter(|case| case.headers.len() <= most.headers)
        .map(|case| case.keeping(64, ("members", 10_000 - 64)))
        .collect()
}

fn nested(most: Most) -> [Case; 3] {
    let json = |inner: &str| {
        let json = format!(r#"{{"x-datadog-trace-id":"1","a":{inner},"x-datadog-parent-id":"2"}}"#);
        [("_datadog", json)]
    };
    let arrays = |depth: usize| format!("{}1{}", "[".repeat(depth), "]".repeat(depth));
    let objects = format!("{}1{}", r#"{"a":"#.repeat(4_000), "}".repeat(4_000));
    [
        Case::new("nested arrays", json(&arrays(10_000)), &[]).with_parent(),
        Case::new("nested objects", json(&objects), &[]).with_parent(),
        Case::new(
            "arrays nested too long",
            json(&arrays(most.bytes / 2 - 50)),
            &["datadog"],
        ),
    ]
}

/// One valid format among broken ones.
fn mixed() -> Case {
    let headers = [
        ("traceparent", "00-0-0-01"),
        ("b3", "80f198ee56343ba864fe8b2a57d3eff7-0000000000000000-1"),
        ("uber-trace-id", "1:2:3"),
        ("x-datadog-trace-id", OVER),
        (
            "x-cloud-trace-context",
            "105445aa7843bc8bf206b12000100000/1;o=1",
        ),
        ("sentry-trace", "nonsense"),
    ];
    let malformed = [
        "tracecontext",
        "b3",
        "b3multi",
        "jaeger",
        "datadog",
        "sentry",
    ];
    Case::new("one valid format among broken ones", headers, &malformed).with_parent()
}
