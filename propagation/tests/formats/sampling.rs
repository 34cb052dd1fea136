//! Every decision of every format, as every format writes it: the table of [`Sampling`].

use opentelemetry::{
    Context,
    trace::{SpanContext, TraceContextExt, TraceFlags, TraceState},
};
use tracehop_propagation::{Composite, DebugFlag, Deferred, Sampling};

use crate::{Headers, inject, parent};

const STATES: [Sampling; 4] = [
    Sampling::NotSampled,
    Sampling::Sampled,
    Sampling::Deferred,
    Sampling::Debug,
];

/// One row of the table: what the format writes in each state, in the order of [`STATES`].
struct Row {
    format: &'static str,
    ids: &'static [(&'static str, &'static str)],
    /// The field with the decision, and the text before it.
    field: (&'static str, &'static str),
    /// `None`: the field is as if it said nothing.
    written: [Option<&'static str>; 4],
    /// What is read back of each.
    read: [Sampling; 4],
}

const ALL: [Sampling; 4] = STATES;
const NO_DEBUG: [Sampling; 4] = [
    Sampling::NotSampled,
    Sampling::Sampled,
    Sampling::Deferred,
    Sampling::Sampled,
];

const TABLE: [Row; 8] = [
    Row {
        format: "tracecontext",
        ids: &[],
        field: (
            "traceparent",
            "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-",
        ),
        written: [Some("00"), Some("01"), Some("00"), Some("01")],
        read: [
            Sampling::NotSampled,
            Sampling::Sampled,
            Sampling::NotSampled,
            Sampling::Sampled,
        ],
    },
    Row {
        format: "xray",
        ids: &[],
        field: (
            "x-amzn-trace-id",
            "Root=1-4bf92f35-77b34da6a3ce929d0e0e4736;Parent=00f067aa0ba902b7;Sampled=",
        ),
        written: [Some("0"), Some("1"), Some("?"), Some("1")],
        read: NO_DEBUG,
    },
    Row {
        format: "datadog",
        ids: &[
            ("x-datadog-trace-id", "11803532876627986230"),
            ("x-datadog-parent-id", "67667974448284343"),
            ("x-datadog-tags", "_dd.p.tid=4bf92f3577b34da6"),
        ],
        field: ("x-datadog-sampling-priority", ""),
        written: [Some("0"), Some("1"), None, Some("2")],
        read: NO_DEBUG,
    },
    Row {
        format: "gcp",
        ids: &[],
        field: (
            "x-cloud-trace-context",
            "4bf92f3577b34da6a3ce929d0e0e4736/67667974448284343",
        ),
        written: [Some(";o=0"), Some(";o=1"), Some(""), Some(";o=1")],
        read: NO_DEBUG,
    },
    Row {
        format: "b3",
        ids: &[],
        field: ("b3", "4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7"),
        written: [Some("-0"), Some("-1"), Some(""), Some("-d")],
        read: ALL,
    },
    Row {
        format: "b3multi",
        ids: &[
            ("x-b3-traceid", "4bf92f3577b34da6a3ce929d0e0e4736"),
            ("x-b3-spanid", "00f067aa0ba902b7"),
        ],
        field: ("x-b3-sampled", ""),
        written: [Some("0"), Some("1"), None, None],
        read: ALL,
    },
    Row {
        format: "jaeger",
        ids: &[],
        field: (
            "uber-trace-id",
            "4bf92f3577b34da6a3ce929d0e0e4736:00f067aa0ba902b7:0:",
        ),
        written: [Some("0"), Some("1"), Some("0"), Some("3")],
        read: [
            Sampling::NotSampled,
            Sampling::Sampled,
            Sampling::NotSampled,
            Sampling::Debug,
        ],
    },
    Row {
        format: "sentry",
        ids: &[],
        field: (
            "sentry-trace",
            "4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7",
        ),
        written: [Some("-0"), Some("-1"), Some(""), Some("-1")],
        read: NO_DEBUG,
    },
];

impl Row {
    /// All the fields of one state, sorted.
    fn fields(&self, state: usize) -> Vec<(&'static str, String)> {
        let (name, before) = self.field;
        let ids = self.ids.iter().map(|(name, id)| (*name, (*id).to_owned()));
        let decision = self.written[state].map(|decision| (name, format!("{before}{decision}")));
        let mut fields: Vec<_> = ids.chain(decision).collect();
        if self.format == "b3multi" && STATES[state] == Sampling::Debug {
            fields.push(("x-b3-flags", "1".to_owned()));
        }
        fields.sort();
        fields
    }
}

pub(crate) fn read(format: &str, fields: &[(&str, String)]) -> Context {
    let fields: Vec<_> = fields
        .iter()
        .map(|(name, value)| (*name, value.as_str()))
        .collect();
    Composite::from_names(format)
        .extract_reported(&Context::new(), &Headers(&fields))
        .context
}

fn written(format: &str, cx: &Context) -> Vec<(String, String)> {
    let fields = inject(&Composite::from_names(format), cx);
    let mut fields: Vec<_> = fields.into_iter().collect();
    fields.sort();
    fields
}

fn owned(fields: Vec<(&str, String)>) -> Vec<(String, String)> {
    let owned = |(name, value): (&str, String)| (name.to_owned(), value);
    fields.into_iter().map(owned).collect()
}

#[test]
fn each_decision_of_each_format_is_the_right_one_in_every_other() {
    for from in &TABLE {
        for (index, state) in STATES.into_iter().enumerate() {
            let cx = read(from.format, &from.fields(index));
            let said = Sampling::of(&cx);
            assert_eq!(said, from.read[index], "{state:?} of {}", from.format);
            let column = STATES.into_iter().position(|state| state == said).unwrap();
            let is_datadogs = (from.format, state) == ("datadog", Sampling::Debug);
            for to in &TABLE {
                let mut expected = owned(to.fields(column));
                if is_datadogs {
                    keep_priority(to.format, &mut expected);
                }
                assert_eq!(
                    written(to.format, &cx),
                    expected,
                    "{state:?} of {} in {}",
                    from.format,
                    to.format
                );
            }
        }
    }
}

/// Datadog's 2 is sampled to all others, and stays 2 where tracestate is.
fn keep_priority(format: &str, fields: &mut Vec<(String, String)>) {
    match format {
        "tracecontext" => fields.push(("tracestate".to_owned(), "dd=s:2".to_owned())),
        "datadog" => {
            let mut fields = fields.iter_mut();
            let priority = fields.find(|(name, _)| name == "x-datadog-sampling-priority");
            "2".clone_into(&mut priority.unwrap().1);
        }
        _ => {}
    }
}

#[test]
fn whoever_does_not_ask_for_hints_sees_a_plain_decision() {
    for (row, state) in TABLE
        .iter()
        .flat_map(|row| STATES.map(|state| (row, state)))
    {
        let index = STATES.into_iter().position(|known| known == state).unwrap();
        let cx = read(row.format, &row.fields(index));
        let sampled = matches!(state, Sampling::Sampled | Sampling::Debug);
        assert_eq!(
            parent(&cx).is_sampled(),
            sampled,
            "{state:?} {}",
            row.format
        );
        // No bit but the sampled one: 0x02 is W3C's random trace id.
        assert_eq!(parent(&cx).trace_flags(), state.flags());
    }
}

fn child(cx: &Context, trace_id: u128, sampled: bool) -> Context {
    let flags = TraceFlags::default().with_sampled(sampled);
    let child = SpanContext::new(trace_id.into(), 7.into(), flags, false, TraceState::NONE);
    cx.with_remote_span_context(child)
}

pub(crate) const TRACE: u128 = 0x4bf9_2f35_77b3_4da6_a3ce_929d_0e0e_4736;

#[test]
fn debug_holds_for_the_trace_and_for_no_other() {
    let debug = read("b3", &TABLE[4].fields(3));
    assert!(DebugFlag::is_set(&debug));
    let ours = child(&debug, TRACE, true);
    assert_eq!(Sampling::of(&ours), Sampling::Debug, "{ours:?}");
    assert!(written("b3", &ours)[0].1.ends_with("-0000000000000007-d"));
    for other in [child(&debug, TRACE, false), child(&debug, 1, true)] {
        assert!(!DebugFlag::is_set(&other));
    }
}

#[test]
fn deferred_ends_with_the_next_span() {
    let deferred = read("sentry", &TABLE[7].fields(2));
    assert!(Deferred::is_set(&deferred));
    let ours = child(&deferred, TRACE, false);
    assert_eq!(Sampling::of(&ours), Sampling::NotSampled);
    let decided = child(&deferred, TRACE, true);
    assert_eq!(Sampling::of(&decided), Sampling::Sampled);
}
