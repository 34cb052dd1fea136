//! Messages whose context is as bad as it gets, in every format: each is handled, and the counters
//! say why it has no parent.

use std::collections::BTreeMap;
use std::time::Duration;

use opentelemetry::Context;
use opentelemetry::baggage::BaggageExt as _;
use tokio::sync::mpsc;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;
use tracehop::contract::{Message, Sink, Source};
use tracehop::telemetry::Instrumentation;
use tracehop::testing::Recorder;
use tracehop::worker::{Failure, Incoming, Worker};
use tracehop_propagation::Composite;

const LIMIT: Duration = Duration::from_secs(30);

/// How large a header may be, and how many a message may have, where the broker has bounds.
#[derive(Clone, Copy)]
pub(crate) struct Most {
    pub(crate) bytes: usize,
    pub(crate) headers: usize,
}

/// An instrumentation that reads every format.
pub(crate) fn instrumentation(recorder: &Recorder) -> Instrumentation {
    let formats = "tracecontext,baggage,b3,b3multi,jaeger,xray,datadog,gcp,sentry";
    let formats = Composite::from_names(formats);
    recorder.builder().propagator(formats).build()
}

struct Case {
    about: String,
    headers: Vec<(String, String)>,
    /// Whether there is a parent all the same.
    parent: bool,
    /// How many members of baggage are kept.
    members: usize,
    malformed: Vec<&'static str>,
    dropped: Option<(&'static str, u32)>,
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

fn cases(most: Most) -> Vec<Case> {
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

/// Sends each message as it is, and has a worker handle it.
pub(crate) async fn is_survived<S: Source>(
    source: S,
    sink: &impl Sink,
    instrumentation: Instrumentation,
    recorder: &Recorder,
    most: Most,
) {
    let (seen, mut handled) = mpsc::unbounded_channel();
    let worker = Worker::new(source, move |incoming: Incoming| {
        let sent = seen.send(incoming);
        async move { sent.map_err(Failure::from) }
    });
    let stop = CancellationToken::new();
    let check = async {
        for case in cases(most) {
            let before = counted(recorder);
            send(sink, &case).await;
            let incoming = timeout(LIMIT, handled.recv()).await;
            let incoming = incoming.expect(&case.about).unwrap();
            case.check(&incoming, &before, &counted(recorder));
        }
        stop.cancel();
    };
    let worker = worker.instrumentation(instrumentation);
    let (worker, ()) = tokio::join!(worker.run_until(stop.cancelled()), check);
    worker.unwrap();
}

/// As it comes from elsewhere: nothing of ours is put on it.
async fn send(sink: &impl Sink, case: &Case) {
    let mut message = Message::new(case.about.clone());
    for (name, value) in &case.headers {
        message = message.with_header(name.clone(), value.clone());
    }
    let quiet = Context::new().with_telemetry_suppressed();
    let confirm = sink.enqueue(message, &quiet).await;
    confirm.expect(&case.about).await.expect(&case.about);
}

/// What propagation has counted until now: by metric, and by what it was about.
type Counted = BTreeMap<(&'static str, String), f64>;

fn counted(recorder: &Recorder) -> Counted {
    let mut counted = Counted::new();
    for (metric, by) in [
        ("tracehop.propagation.extracted", ""),
        ("tracehop.propagation.missing", ""),
        ("tracehop.propagation.malformed", "tracehop.format"),
        ("tracehop.baggage.dropped", "tracehop.reason"),
    ] {
        for series in recorder.metric(metric) {
            let about = series.attributes.get(by).cloned().unwrap_or_default();
            *counted.entry((metric, about)).or_default() += series.value;
        }
    }
    counted
}

impl Case {
    fn check(&self, incoming: &Incoming, before: &Counted, after: &Counted) {
        let about = &self.about;
        assert_eq!(incoming.text(), Some(about.as_str()));
        assert_eq!(incoming.trace().parent.is_some(), self.parent, "{about}");
        let kept = incoming.creation_context().baggage().len();
        assert_eq!(kept, self.members, "{about}");

        let mut said = after.clone();
        for (key, count) in before {
            *said.get_mut(key).unwrap() -= count;
        }
        said.retain(|_, count| *count > 0.0);
        let mut expected: Counted = self
            .malformed
            .iter()
            .map(|format| {
                (
                    ("tracehop.propagation.malformed", (*format).to_owned()),
                    1.0,
                )
            })
            .collect();
        if let Some((reason, members)) = self.dropped {
            let key = ("tracehop.baggage.dropped", reason.to_owned());
            expected.insert(key, members.into());
        }
        let is_missing = self.malformed.iter().all(|format| *format == "baggage");
        if self.parent {
            expected.insert(("tracehop.propagation.extracted", String::new()), 1.0);
        } else if is_missing {
            expected.insert(("tracehop.propagation.missing", String::new()), 1.0);
        }
        assert_eq!(said, expected, "{about}");
    }
}
