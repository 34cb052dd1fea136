use opentelemetry::{
    Context,
    trace::{SpanContext, SpanId, TraceContextExt, TraceFlags, TraceId, TraceState},
};
use tracehop_propagation::{
    Composite, Deferred, Extracted, RemoteLink, TraceContext, XRay, XRayLineage,
    parse_xray_trace_id, xray_header, xray_trace_id,
};

use crate::{Headers, extract, inject, parent, with_parent};

const ROOT: &str = "Root=1-5759e988-bd862e3fe1be46a994272793";
const PARENT: &str = "Parent=53995c3f42cd8ad8";
const TRACEPARENT: &str = "00-5759e988bd862e3fe1be46a994272793-53995c3f42cd8ad8-01";

fn read(header: &str) -> Context {
    extract(&XRay, &[("x-amzn-trace-id", header)])
}

fn reported(header: &str) -> Extracted {
    let headers = [("x-amzn-trace-id", header)];
    Composite::none()
        .with(XRay)
        .extract_reported(&Context::new(), &Headers(&headers))
}

#[test]
fn a_header_is_read_in_any_order_and_spacing() {
    let expected = SpanContext::new(
        TraceId::from(0x5759_e988_bd86_2e3f_e1be_46a9_9427_2793),
        SpanId::from(0x5399_5c3f_42cd_8ad8),
        TraceFlags::SAMPLED,
        true,
        TraceState::NONE,
    );
    for header in [
        format!("{ROOT};{PARENT};Sampled=1"),
        format!("Sampled=1;{PARENT};{ROOT}"),
        format!("Self=1-67891234-12456789abcdef012345678; {ROOT} ; {PARENT}; Sampled=1;"),
        format!("{ROOT};{PARENT};Sampled=1;Lineage=1:a87bd80c:0;CalledFrom=app;junk"),
    ] {
        assert_eq!(parent(&read(&header)), expected, "{header}");
    }
}

#[test]
fn sampled_touches_the_sampled_bit_alone() {
    assert_eq!(
        parent(&read(&format!("{ROOT};{PARENT};Sampled=1")))
            .trace_flags()
            .to_u8(),
        0x01
    );
    assert_eq!(
        parent(&read(&format!("{ROOT};{PARENT};Sampled=0")))
            .trace_flags()
            .to_u8(),
        0x00
    );
    for (flags, sampled) in [("00", '0'), ("01", '1'), ("02", '0'), ("03", '1')] {
        let cx = with_parent(&format!("{}{flags}", &TRACEPARENT[..53]));
        assert_eq!(
            xray_header(&cx).unwrap(),
            format!("{ROOT};{PARENT};Sampled={sampled}")
        );
    }
}

#[test]
fn a_deferred_decision_is_an_unsampled_parent_with_a_hint() {
    for header in [
        format!("{ROOT};{PARENT};Sampled=?"),
        format!("{ROOT};{PARENT}"),
    ] {
        let cx = read(&header);
        assert!(parent(&cx).is_valid() && !parent(&cx).is_sampled());
        assert_eq!(
            parent(&cx).trace_flags().to_u8(),
            0x00,
            "not the bit of W3C's random trace id"
        );
        assert!(Deferred::is_set(&cx));
        assert_eq!(
            xray_header(&cx).unwrap(),
            format!("{ROOT};{PARENT};Sampled=?"),
            "passed on"
        );
    }
    assert!(!Deferred::is_set(&read(&format!(
        "{ROOT};{PARENT};Sampled=0"
    ))));
}

#[test]
fn a_new_span_clears_deferred() {
    let cx = read(&format!("{ROOT};{PARENT};Sampled=?"));
    let child = SpanContext::new(
        parent(&cx).trace_id(),
        7.into(),
        TraceFlags::NOT_SAMPLED,
        false,
        TraceState::NONE,
    );
    let local = cx.with_remote_span_context(child);
    assert!(!Deferred::is_set(&local));
    assert!(xray_header(&local).unwrap().ends_with("Sampled=0"));
    assert!(!Deferred::is_set(&Context::new()));
}

#[test]
fn root_without_parent_is_no_parent() {
    for header in [
        ROOT.to_owned(),
        format!("{ROOT};Sampled=1"),
        format!("{ROOT};Sampled=1;Lineage=1:a:0"),
        String::new(),
    ] {
        let extracted = reported(&header);
        assert!(!parent(&extracted.context).is_valid(), "{header}");
        assert!(
            extracted.is_missing(),
            "{header}: no parent, and nothing wrong either"
        );
    }
}

/// opentelemetry-rust's composite let `Root=` without `Parent` replace a valid W3C parent.
#[test]
fn root_without_parent_replaces_no_other_parent() {
    let headers = [
        ("traceparent", TRACEPARENT),
        (
            "x-amzn-trace-id",
            "Root=1-67891233-abcdef012345678912345678",
        ),
    ];
    for composite in [
        Composite::none().with(TraceContext).with(XRay),
        Composite::none().with(XRay).with(TraceContext),
    ] {
        let extracted = composite.extract_reported(&Context::new(), &Headers(&headers));
        assert_eq!(
            parent(&extracted.context),
            parent(&with_parent(TRACEPARENT))
        );
        assert_eq!(extracted.format, Some("tracecontext"));
    }
}

#[test]
fn a_malformed_header_is_reported_and_yields_nothing() {
    for header in [
        "Root=1-5759e988-bd862e3fe1be46a99427279",
        "Root=2-5759e988-bd862e3fe1be46a994272793;Parent=53995c3f42cd8ad8",
        "Root=1-5759E988-bd862e3fe1be46a994272793;Parent=53995c3f42cd8ad8",
        "Root=1-00000000-000000000000000000000000;Parent=53995c3f42cd8ad8",
        "Root=1-5759e988-bd862e3fe1be46a994272793;Parent=0000000000000000",
        "Root=1-5759e988-bd862e3fe1be46a994272793;Parent=53995c3f42cd8ad",
        "Root=1-5759e988-bd862e3fe1be46a994272793;Parent=53995c3f42cd8ad8;Sampled=2",
        "Root=1-5759e988-bd862e3fe1be46a994272793;Parent=53995c3f42cd8ad8;Parent=53995c3f42cd8ad9",
        "Parent=53995c3f42cd8ad8;Sampled=1",
    ] {
        let extracted = reported(header);
        assert!(!parent(&extracted.context).is_valid(), "{header}");
        assert_eq!(extracted.malformed, ["xray"], "{header}");
    }
}

#[test]
fn ids_convert_both_ways() {
    let id = TraceId::from(0x5759_e988_bd86_2e3f_e1be_46a9_9427_2793);
    assert_eq!(xray_trace_id(id), "1-5759e988-bd862e3fe1be46a994272793");
    assert_eq!(
        parse_xray_trace_id("1-5759e988-bd862e3fe1be46a994272793"),
        Some(id)
    );
    // 64-bit ids are left-padded with zeros.
    assert_eq!(
        xray_trace_id(TraceId::from(0xff)),
        "1-00000000-0000000000000000000000ff"
    );
    for wrong in [
        "",
        "1-",
        "1-5759e988",
        "1-5759e988-",
        "1-5759e988bd862e3fe1be46a994272793",
        "1--",
        "1-5759e988-bd862e3fe1be46a994272793-",
        "1-é",
    ] {
        assert_eq!(parse_xray_trace_id(wrong), None, "{wrong:?}");
    }
}

#[test]
fn lineage_is_kept_and_nothing_else_is_written() {
    let header =
        format!("{ROOT};{PARENT};Sampled=1;Lineage=1:a87bd80c:0|2:68fd508a:5;CalledFrom=app");
    let cx = read(&header);
    assert_eq!(XRayLineage::of(&cx), Some("1:a87bd80c:0|2:68fd508a:5"));
    let written = format!("{ROOT};{PARENT};Sampled=1;Lineage=1:a87bd80c:0|2:68fd508a:5");
    assert_eq!(inject(&XRay, &cx)["x-amzn-trace-id"], written);
    let without_parent = read("Root=1-5759e988-bd862e3fe1be46a994272793;Lineage=1:a87bd80c:0");
    assert_eq!(XRayLineage::of(&without_parent), Some("1:a87bd80c:0"));
}

#[test]
fn a_lineage_that_is_none_is_dropped_alone() {
    for lineage in ["", "a b", "a\nb", "a,b", "é", &"x".repeat(257)] {
        let cx = read(&format!("{ROOT};{PARENT};Sampled=1;Lineage={lineage}"));
        assert!(parent(&cx).is_valid());
        assert_eq!(XRayLineage::of(&cx), None, "{lineage:?}");
    }
}

#[test]
fn tracestate_never_enters_the_header() {
    let both = Composite::none().with(TraceContext).with(XRay);
    let cx = extract(
        &both,
        &[
            ("traceparent", TRACEPARENT),
            ("tracestate", "a=1,Lineage=1"),
        ],
    );
    let cx2 = extract(
        &both,
        &[("traceparent", TRACEPARENT), ("tracestate", "a=1")],
    );
    for cx in [cx, cx2] {
        assert_eq!(
            inject(&both, &cx)["x-amzn-trace-id"],
            format!("{ROOT};{PARENT};Sampled=1")
        );
    }
}

#[test]
fn without_a_valid_span_context_there_is_no_header() {
    assert_eq!(xray_header(&Context::new()), None);
    assert!(inject(&XRay, &Context::new()).is_empty());
}

#[test]
fn an_appended_header_is_the_parent_only_when_sampled() {
    let appended = |header: &str| {
        Composite::default()
            .extract_reported(&Context::new(), &Headers(&[]))
            .or_aws_trace_header(header)
    };

    let sampled = appended(&format!("{ROOT};{PARENT};Sampled=1"));
    assert_eq!((sampled.format, &sampled.link), (Some("xray"), &None));
    assert_eq!(parent(&sampled.context), parent(&with_parent(TRACEPARENT)));

    for decision in [";Sampled=0", ";Sampled=?", ""] {
        let linked = appended(&format!("{ROOT};{PARENT}{decision}"));
        assert!(!parent(&linked.context).is_valid());
        assert!(!Deferred::is_set(&linked.context));
        assert!(!linked.is_missing());
        let link = linked.link.unwrap();
        assert_eq!(link.span_id(), SpanId::from(0x5399_5c3f_42cd_8ad8));
        assert_eq!(RemoteLink::of(&linked.context), Some(&link));
        assert_eq!((linked.format, linked.malformed.len()), (None, 0));
    }

    let root_only = appended(ROOT);
    assert!(root_only.link.is_none() && root_only.is_missing());
    assert_eq!(appended("Root=nonsense;Parent=x").malformed, ["xray"]);
}

#[test]
fn an_appended_header_comes_last_but_its_lineage_is_kept() {
    let headers = [(
        "traceparent",
        "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-00",
    )];
    let extracted = Composite::default().extract_reported(&Context::new(), &Headers(&headers));
    let before = parent(&extracted.context);
    for decision in ["0", "1"] {
        let after = extracted
            .clone()
            .or_aws_trace_header(&format!("{ROOT};{PARENT};Sampled={decision};Lineage=1:a:0"));
        assert_eq!(
            (parent(&after.context), after.format, after.link),
            (before.clone(), Some("tracecontext"), None)
        );
        assert_eq!(XRayLineage::of(&after.context), Some("1:a:0"));
    }
}
