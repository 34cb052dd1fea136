use opentelemetry::{
    Context,
    trace::{SpanContext, TraceContextExt, TraceFlags, TraceId, TraceState},
};
use tracehop_propagation::TraceContext;

use crate::{extract, inject, parent};

const TRACEPARENT: (&str, &str) = (
    "traceparent",
    "00-12345678901234567890123456789012-1234567890123456-00",
);

fn read(headers: &[&str]) -> String {
    let headers: Vec<_> = [TRACEPARENT]
        .into_iter()
        .chain(headers.iter().map(|header| ("tracestate", *header)))
        .collect();
    let read = parent(&extract(&TraceContext, &headers));
    assert!(
        read.is_valid(),
        "a bad tracestate must not cost the parent: {headers:?}"
    );
    read.trace_state().header()
}

/// The table of the W3C suite (w3c/trace-context, folder test).
#[test]
fn a_valid_tracestate_is_kept_in_order() {
    assert_eq!(read(&["foo=1,bar=2"]), "foo=1,bar=2");
    assert_eq!(
        read(&["foo=1,bar=2", "rojo=1,congo=2", "baz=3"]),
        "foo=1,bar=2,rojo=1,congo=2,baz=3"
    );
    for spaced in [
        "foo=1 \t , \t bar=2, \t baz=3",
        "foo=1\t \t,\t \tbar=2,\t \tbaz=3",
    ] {
        assert_eq!(read(&[spaced]), "foo=1,bar=2,baz=3");
    }
    for spaced in [" foo=1", "\tfoo=1", "foo=1 ", "foo=1\t", "\t foo=1 \t"] {
        assert_eq!(read(&[spaced]), "foo=1");
    }
    assert_eq!(
        read(&["foo= leading space stays"]),
        "foo= leading space stays"
    );
    assert_eq!(read(&["0a@b=1"]), "0a@b=1");
    let every_value: String = (' '..='~').filter(|c| !matches!(c, ',' | '=')).collect();
    let every_key = "abcdefghijklmnopqrstuvwxyz0123456789_-*/";
    assert_eq!(
        read(&[&format!("{every_key}={every_value}")]),
        format!("{every_key}={every_value}")
    );
    let (key, value) = ("z".repeat(256), "v".repeat(256));
    assert_eq!(read(&[&format!("{key}={value}")]), format!("{key}={value}"));
}

#[test]
fn empty_members_are_skipped() {
    assert_eq!(read(&["", "foo=1"]), "foo=1");
    assert_eq!(read(&["foo=1", ""]), "foo=1");
    assert_eq!(read(&["foo=1,, \t ,bar=2,"]), "foo=1,bar=2");
    assert_eq!(read(&[",,,"]), "");
}

#[test]
fn an_invalid_tracestate_is_dropped_alone() {
    for invalid in [
        "foo =1",
        "FOO=1",
        "foo.bar=1",
        "@foo=1,bar=2",
        "foo=bar=baz",
        "foo=,bar=3",
        "=1",
        "foo",
        "foo=a\u{7f}",
        "foo=a\nb",
        "foo=é",
        "fóo=1",
        "_foo=1",
        "-foo=1",
        "foo\t=1",
        "foo=a\tb",
    ] {
        assert_eq!(read(&[invalid]), "", "{invalid:?}");
        assert_eq!(
            read(&["good=1", invalid]),
            "",
            "a list is never kept in part"
        );
    }
    assert_eq!(read(&[&format!("{}=1", "z".repeat(257))]), "");
    assert_eq!(read(&[&format!("z={}", "v".repeat(257))]), "");
}

#[test]
fn of_a_key_that_comes_twice_the_first_counts() {
    for (headers, kept) in [
        (&["foo=1,foo=1"][..], "foo=1"),
        (&["foo=1,foo=2"], "foo=1"),
        (&["foo=1", "foo=1"], "foo=1"),
        (&["foo=1", "bar=1,foo=2"], "foo=1,bar=1"),
    ] {
        assert_eq!(read(headers), kept, "{headers:?}");
    }
}

/// Level 2 allows more of a key than OpenTelemetry's API (0.33.1) does.
#[test]
fn a_key_that_the_api_refuses_is_passed_on_all_the_same() {
    let too_long_a_vendor = format!("t@{}=1", "v".repeat(15));
    for header in [
        "foo@@bar=1,bar=2",
        "bar=2,foo@bar@baz=1",
        &too_long_a_vendor,
    ] {
        let received = extract(&TraceContext, &[TRACEPARENT, ("tracestate", header)]);
        assert_eq!(inject(&TraceContext, &received)["tracestate"], header);

        let state = parent(&received).trace_state().clone();
        let span = |trace_id: TraceId, state| {
            let flags = TraceFlags::SAMPLED;
            let span = SpanContext::new(trace_id, 2.into(), flags, false, state);
            received.with_remote_span_context(span)
        };
        let child = span(parent(&received).trace_id(), state.clone());
        assert_eq!(inject(&TraceContext, &child)["tracestate"], header);
        let changed = span(
            parent(&received).trace_id(),
            state.insert("foo", "3").unwrap(),
        );
        assert_eq!(
            inject(&TraceContext, &changed)["tracestate"]
                .split(',')
                .next(),
            Some("foo=3")
        );
        let root = span(7.into(), TraceState::NONE);
        assert_eq!(inject(&TraceContext, &root).get("tracestate"), None);
    }
}

#[test]
fn the_33rd_member_drops_the_tracestate_alone() {
    let list = |n: usize| {
        (0..n)
            .map(|i| format!("bar{i:02}={i}"))
            .collect::<Vec<_>>()
            .join(",")
    };
    assert_eq!(read(&[&list(32)]), list(32));
    assert_eq!(read(&[&list(33)]), "");
    assert_eq!(read(&[&list(30), "a=1,b=2"]), list(30) + ",a=1,b=2");
    assert_eq!(read(&[&list(30), "a=1,b=2,c=3"]), "");
}

/// The SDK's propagator always sets it, and SQS refuses empty values.
#[test]
fn tracestate_is_never_written_empty() {
    let cx = extract(&TraceContext, &[TRACEPARENT]);
    assert_eq!(
        inject(&TraceContext, &cx).keys().collect::<Vec<_>>(),
        ["traceparent"]
    );
}

#[test]
fn what_the_api_takes_and_no_header_may_contain_is_not_written() {
    let inject = |members: &[(&str, &str)]| {
        let state = TraceState::from_key_value(members.iter().copied()).unwrap();
        let span = SpanContext::new(1.into(), 2.into(), TraceFlags::SAMPLED, false, state);
        inject(
            &TraceContext,
            &Context::new().with_remote_span_context(span),
        )
        .remove("tracestate")
    };
    assert_eq!(
        inject(&[
            ("a", "1"),
            ("b", "line\nbreak"),
            ("c", ""),
            ("d", "é"),
            ("e", "2"),
            ("f", "trailing ")
        ])
        .unwrap(),
        "a=1,e=2"
    );
    assert_eq!(inject(&[("a", "\0")]), None);
    assert_eq!(inject(&[("", "x")]), None);
}

#[test]
fn tracestate_without_traceparent_is_nothing() {
    assert!(!parent(&extract(&TraceContext, &[("tracestate", "foo=1")])).is_valid());
}
