use opentelemetry::{
    Context,
    trace::{SpanContext, SpanId, TraceContextExt, TraceFlags, TraceId, TraceState},
};
use tracehop_propagation::{
    Composite, TraceContext, W3cBaggage, parse_traceparent, traceparent, with_hints,
};

use crate::{Headers, extract, inject, parent, with_parent};

const IDS: &str = "12345678901234567890123456789012-1234567890123456";

/// The table of the W3C suite (w3c/trace-context, folder test), and what it leaves out.
#[test]
fn a_traceparent_is_read_by_its_version() {
    let cases = [
        ("00-{}-01", true, "as written here"),
        ("00-{}-01.", false, "00 has one length"),
        (
            "00-{}-01-what-the-future-will-be-like",
            false,
            "00 has one length",
        ),
        ("00-{}-01-", false, "00 has one length"),
        ("01-{}-01", true, "a later version of the same length"),
        ("cc-{}-01", true, "a later version of the same length"),
        ("fe-{}-01", true, "the last version there can be"),
        (
            "cc-{}-01-what-the-future-will-be-like",
            true,
            "a later version may go on after a dash",
        ),
        ("cc-{}-01-", true, "a later version may go on after a dash"),
        (
            "cc-{}-01.what-the-future-will-be-like",
            false,
            "a later version goes on after a dash",
        ),
        ("cc-{}-011", false, "flags are two digits"),
        ("ff-{}-01", false, "ff is forbidden"),
        ("FF-{}-01", false, "digits are lower case"),
        ("Cc-{}-01", false, "digits are lower case"),
        (".0-{}-01", false, "not a digit"),
        ("0.-{}-01", false, "not a digit"),
        ("000-{}-01", false, "version too long"),
        ("0000-{}-01", false, "version too long"),
        ("0-{}-01", false, "version too short"),
        ("00-{}-.0", false, "not a digit"),
        ("00-{}-0.", false, "not a digit"),
        ("00-{}-001", false, "flags too long"),
        ("00-{}-1", false, "flags too short"),
        ("00-{}-", false, "flags missing"),
        ("00-{}", false, "flags missing"),
        ("00_{}-01", false, "not a dash"),
        (" 00-{}-01", true, "white space is no part of the value"),
        (
            "\t 00-{}-01 \t",
            true,
            "white space is no part of the value",
        ),
        (
            "00-{}-01\n",
            false,
            "a line break is no white space of HTTP",
        ),
        ("", false, "nothing"),
    ];
    for (pattern, valid, why) in cases {
        let header = pattern.replace("{}", IDS);
        assert_eq!(
            parse_traceparent(&header).is_some(),
            valid,
            "{header:?}: {why}"
        );
    }
}

#[test]
fn ids_are_exact_lower_case_and_not_zero() {
    for ids in [
        "00000000000000000000000000000000-1234567890123456",
        "12345678901234567890123456789012-0000000000000000",
        ".2345678901234567890123456789012-1234567890123456",
        "1234567890123456789012345678901.-1234567890123456",
        "123456789012345678901234567890123-1234567890123456",
        "1234567890123456789012345678901-1234567890123456",
        "12345678901234567890123456789012-.234567890123456",
        "12345678901234567890123456789012-123456789012345.",
        "12345678901234567890123456789012-12345678901234567",
        "12345678901234567890123456789012-123456789012345",
        "123456789012345678901234567890AB-1234567890123456",
        "12345678901234567890123456789012-12345678901234AB",
        "12345678901234567890123456789012_1234567890123456",
        "+2345678901234567890123456789012-1234567890123456",
        "1234567890123456789012345678901é-1234567890123456",
    ] {
        assert_eq!(parse_traceparent(&format!("00-{ids}-01")), None, "{ids}");
    }
}

#[test]
fn the_parent_is_remote_and_has_the_ids_of_the_header() {
    let read =
        parse_traceparent("00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01").unwrap();
    assert_eq!(
        read,
        SpanContext::new(
            TraceId::from(0x4bf9_2f35_77b3_4da6_a3ce_929d_0e0e_4736),
            SpanId::from(0x00f0_67aa_0ba9_02b7),
            TraceFlags::SAMPLED,
            true,
            TraceState::NONE,
        )
    );
}

/// Level 2: a trace whose id is random stays so in all outgoing headers. The SDK (0.33.1) forgets it
/// of a span that it does not sample.
#[test]
fn the_random_flag_goes_with_the_trace_whoever_forgets_it() {
    let child = |flags: &str, trace_id: Option<TraceId>| {
        let header = format!("00-{IDS}-{flags}");
        let received = extract(&TraceContext, &[("traceparent", &header)]);
        let span = SpanContext::new(
            trace_id.unwrap_or(parent(&received).trace_id()),
            7.into(),
            TraceFlags::NOT_SAMPLED,
            false,
            TraceState::NONE,
        );
        let cx = with_hints(&Context::new(), &received).with_remote_span_context(span);
        inject(&TraceContext, &cx)["traceparent"][53..].to_owned()
    };
    assert_eq!(child("02", None), "02");
    assert_eq!(child("03", None), "02");
    assert_eq!(child("00", None), "00");
    assert_eq!(child("01", None), "00");
    assert_eq!(child("02", Some(7.into())), "00", "another trace");
}

/// Python's SDK 1.45 writes `03`: unknown bits must not lose the context.
#[test]
fn sampled_and_random_flags_are_kept_and_the_others_cleared() {
    for (received, sent) in [
        ("00", "00"),
        ("01", "01"),
        ("02", "02"),
        ("03", "03"),
        ("ff", "03"),
        ("fc", "00"),
        ("a5", "01"),
    ] {
        let cx = extract(
            &TraceContext,
            &[("traceparent", &format!("00-{IDS}-{received}"))],
        );
        assert_eq!(
            inject(&TraceContext, &cx)["traceparent"],
            format!("00-{IDS}-{sent}"),
            "{received}"
        );
    }
    let local = SpanContext::new(
        1.into(),
        2.into(),
        TraceFlags::new(0xff),
        false,
        TraceState::NONE,
    );
    assert!(traceparent(&local).unwrap().ends_with("-03"));
}

#[test]
fn a_later_version_is_written_back_as_00() {
    let cx = extract(
        &TraceContext,
        &[("traceparent", &format!("cc-{IDS}-01-more"))],
    );
    assert_eq!(
        inject(&TraceContext, &cx)["traceparent"],
        format!("00-{IDS}-01")
    );
}

#[test]
fn two_traceparents_are_malformed() {
    let one = format!("00-{IDS}-01");
    let two = [("traceparent", one.as_str()), ("traceparent", one.as_str())];
    let extracted = Composite::default().extract_reported(&Context::new(), &Headers(&two));
    assert!(!parent(&extracted.context).is_valid());
    assert_eq!(extracted.malformed, ["tracecontext"]);
}

#[test]
fn an_unsampled_span_is_injected_with_flags_00() {
    let cx = with_parent(&format!("00-{IDS}-00"));
    assert_eq!(
        inject(&TraceContext, &cx)["traceparent"],
        format!("00-{IDS}-00")
    );
}

#[test]
fn without_a_valid_span_context_only_baggage_is_injected() {
    use opentelemetry::{KeyValue, baggage::BaggageExt};

    for span in [
        SpanContext::NONE,
        SpanContext::new(
            1.into(),
            SpanId::INVALID,
            TraceFlags::SAMPLED,
            false,
            TraceState::NONE,
        ),
    ] {
        let cx = Context::new()
            .with_remote_span_context(span)
            .with_baggage([KeyValue::new("k", "v")]);
        let headers = inject(&Composite::none().with(TraceContext).with(W3cBaggage), &cx);
        assert_eq!(
            headers.into_iter().collect::<Vec<_>>(),
            [("baggage".to_owned(), "k=v".to_owned())]
        );
    }
}

#[test]
fn a_malformed_traceparent_leaves_the_context_as_it_was() {
    let before = with_parent(&format!("00-{IDS}-01"));
    let headers = [("traceparent", "00-nonsense"), ("tracestate", "a=1")];
    let extracted = Composite::default().extract_reported(&before, &Headers(&headers));
    assert_eq!(parent(&extracted.context), parent(&before));
    assert_eq!(
        (extracted.format, extracted.malformed),
        (None, vec!["tracecontext"])
    );
}
