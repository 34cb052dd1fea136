use opentelemetry::{
    Context, KeyValue,
    baggage::{Baggage, BaggageExt},
    propagation::TextMapPropagator,
    trace::TraceContextExt,
};
use tracehop_propagation::{
    Carrier, Composite, Extracted, Extraction, Format, Injection, Jaeger, TraceContext, W3cBaggage,
    XRay,
};

use crate::{Headers, extract, inject, parent, with_parent};

const W3C: (&str, &str) = (
    "traceparent",
    "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
);
const AWS: (&str, &str) = (
    "x-amzn-trace-id",
    "Root=1-5759e988-bd862e3fe1be46a994272793;Parent=53995c3f42cd8ad8;Sampled=1",
);

fn w3c_first() -> Composite {
    Composite::none()
        .with(TraceContext)
        .with(W3cBaggage)
        .with(XRay)
}

fn xray_first() -> Composite {
    Composite::none().with(XRay).with(TraceContext)
}

fn reported(composite: &Composite, headers: &[(&str, &str)]) -> Extracted {
    composite.extract_reported(&Context::new(), &Headers(headers))
}

#[test]
fn a_parent_alone_is_the_same_one_and_nothing_behind_it_is_read() {
    let baggage = ("baggage", "tenant=acme");
    for headers in [
        &[W3C, AWS, baggage][..],
        &[("traceparent", "nonsense"), AWS],
        &[baggage],
    ] {
        for composite in [w3c_first(), xray_first()] {
            let alone = composite.extract_parent(&Headers(headers));
            assert_eq!(
                parent(&alone),
                parent(&reported(&composite, headers).context)
            );
        }
    }
    let alone = w3c_first().extract_parent(&Headers(&[W3C, baggage]));
    assert!(alone.baggage().is_empty());
}

#[test]
fn the_first_format_with_a_valid_parent_wins() {
    let by_w3c = reported(&w3c_first(), &[W3C, AWS]);
    assert_eq!(by_w3c.format, Some("tracecontext"));
    assert_eq!(parent(&by_w3c.context), parent(&with_parent(W3C.1)));
    let by_aws = reported(&xray_first(), &[W3C, AWS]);
    assert_eq!(by_aws.format, Some("xray"));
    assert_eq!(
        parent(&by_aws.context).span_id().to_string(),
        "53995c3f42cd8ad8"
    );
}

#[test]
fn a_malformed_format_does_not_hide_a_valid_one() {
    let broken = (
        "traceparent",
        "00-00000000000000000000000000000000-00f067aa0ba902b7-01",
    );
    for composite in [w3c_first(), xray_first()] {
        let extracted = reported(&composite, &[broken, AWS]);
        assert_eq!(
            (extracted.format, extracted.malformed),
            (Some("xray"), vec!["tracecontext"])
        );
    }
}

#[test]
fn a_valid_remote_parent_replaces_the_current_span_and_an_invalid_one_does_not() {
    let current = with_parent("00-11111111111111111111111111111111-2222222222222222-01");
    let found = w3c_first().extract_with_context(&current, &Headers(&[W3C]));
    assert_eq!(parent(&found), parent(&with_parent(W3C.1)));
    for nothing in [&[][..], &[("traceparent", "nonsense")]] {
        let kept = w3c_first().extract_with_context(&current, &Headers(nothing));
        assert_eq!(parent(&kept), parent(&current));
    }
}

#[test]
fn nothing_found_is_missing_and_not_malformed() {
    assert!(reported(&w3c_first(), &[]).is_missing());
    assert!(reported(&w3c_first(), &[("baggage", "a=1")]).is_missing());
    assert!(reported(&w3c_first(), &[("baggage", "broken")]).is_missing());
    assert!(!reported(&w3c_first(), &[W3C]).is_missing());
    assert!(!reported(&w3c_first(), &[("traceparent", "")]).is_missing());
}

#[test]
fn all_formats_are_injected() {
    let cx = with_parent(W3C.1).with_baggage([KeyValue::new("k", "v")]);
    let mut fields: Vec<_> = inject(&w3c_first(), &cx).into_keys().collect();
    fields.sort_unstable();
    assert_eq!(fields, ["baggage", "traceparent", "x-amzn-trace-id"]);
}

/// Those of the SDK's composite come in a random order.
#[test]
fn fields_are_in_the_order_of_the_formats() {
    let fields = |composite: &Composite| composite.fields().map(str::to_owned).collect::<Vec<_>>();
    assert_eq!(
        fields(&w3c_first()),
        ["traceparent", "tracestate", "baggage", "x-amzn-trace-id"]
    );
    assert_eq!(
        fields(&xray_first()),
        ["x-amzn-trace-id", "traceparent", "tracestate"]
    );
    assert_eq!(Format::fields(&TraceContext).len(), 2);
    assert_eq!(
        TextMapPropagator::fields(&W3cBaggage).collect::<Vec<_>>(),
        ["baggage"]
    );
}

const SENTRY: &str = "sentry-trace_id=4bf92f3577b34da6a3ce929d0e0e4736,sentry-sample_rate=0.10";

#[test]
fn formats_that_share_the_baggage_header_write_it_once() {
    let header = format!("a=1,{SENTRY},b=%202");
    let headers = [W3C, ("baggage", header.as_str())];
    for names in ["tracecontext,baggage,sentry", "sentry,tracecontext,datadog"] {
        let composite = Composite::from_names(names);
        let cx = extract(&composite, &headers);
        assert_eq!(cx.baggage().len(), 4);
        assert_eq!(inject(&composite, &cx)["baggage"], header, "{names}");
    }
    let alone = Composite::from_names("tracecontext,sentry");
    let cx = extract(&alone, &headers);
    assert_eq!(inject(&alone, &cx)["baggage"], SENTRY);
}

#[test]
fn sentrys_members_go_only_with_the_trace_that_they_name() {
    let composite = Composite::from_names("tracecontext,baggage");
    let header = format!("a=1,{SENTRY}");
    let cx = extract(&composite, &[W3C, ("baggage", header.as_str())]);
    let ours = with_parent("00-4bf92f3577b34da6a3ce929d0e0e4736-1111111111111111-00");
    let same = cx.with_remote_span_context(parent(&ours));
    assert_eq!(inject(&composite, &same)["baggage"], header);
    let other = with_parent("00-11111111111111111111111111111111-1111111111111111-01");
    let other = cx.with_remote_span_context(parent(&other));
    let mut sent = std::collections::HashMap::new();
    let dropped = composite.inject_reported(&other, &mut sent);
    assert_eq!(sent["baggage"], "a=1");
    assert_eq!((dropped.other_trace, dropped.total()), (2, 2));
}

#[test]
fn fields_are_found_in_any_case_where_the_carrier_knows_no_case() {
    let headers = std::collections::HashMap::from([
        ("x-datadog-trace-id".to_owned(), "1".to_owned()),
        ("x-datadog-parent-id".to_owned(), "2".to_owned()),
        ("uberctx-plan".to_owned(), "gold".to_owned()),
    ]);
    let cx = Composite::from_names("datadog,jaeger").extract(&headers);
    assert_eq!(parent(&cx).span_id(), 2.into());
    let attribute = [(
        "_datadog",
        r#"{"X-Datadog-Trace-Id":"1","X-Datadog-Parent-Id":"3"}"#,
    )];
    let cx = extract(&Composite::from_names("datadog"), &attribute);
    assert_eq!(parent(&cx).span_id(), 3.into());
    let cx = extract(&Jaeger, &[("UBERCTX-plan", "gold")]);
    assert_eq!(
        cx.baggage().get("plan").map(ToString::to_string).as_deref(),
        Some("gold")
    );
}

/// A format of another crate: it needs the public API alone.
#[derive(Debug)]
struct OtherBaggage;

impl Format for OtherBaggage {
    fn name(&self) -> &'static str {
        "other"
    }

    fn fields(&self) -> &[&'static str] {
        &["x-other"]
    }

    fn inject(&self, out: &mut Injection<'_>) {
        let span_id = out.context().span().span_context().span_id();
        out.set("x-other", span_id.to_string());
    }

    fn extract(&self, carrier: Carrier<'_>, found: &mut Extraction<'_>) {
        if let Some(value) = carrier.get("x-other") {
            let members = [
                KeyValue::new("shared", value.to_owned()),
                KeyValue::new("own", value.to_owned()),
            ];
            found.baggage(&Baggage::from_iter(members));
        }
    }
}

#[test]
fn baggage_of_several_formats_is_merged_and_the_first_wins_a_key() {
    let headers = [("baggage", "shared=w3c,plain=w3c"), ("x-other", "other")];
    let value = |cx: &Context, key: &str| cx.baggage().get(key).map(ToString::to_string);
    let cx = extract(&Composite::default().with(OtherBaggage), &headers);
    assert_eq!(value(&cx, "shared").as_deref(), Some("w3c"));
    assert_eq!(value(&cx, "plain").as_deref(), Some("w3c"));
    assert_eq!(value(&cx, "own").as_deref(), Some("other"));
    let cx = extract(
        &Composite::none().with(OtherBaggage).with(W3cBaggage),
        &headers,
    );
    assert_eq!(value(&cx, "shared").as_deref(), Some("other"));
    assert_eq!(value(&cx, "plain").as_deref(), Some("w3c"));
}

#[test]
fn a_propagator_that_does_not_report_counts_as_found() {
    let theirs = opentelemetry_sdk::propagation::TraceContextPropagator::new();
    let found = Extracted::from(extract(&theirs, &[W3C]));
    assert_eq!(found.format, Some(Extracted::UNREPORTED));
    assert_eq!(
        parent(&found.or_aws_trace_header(AWS.1).context),
        parent(&with_parent(W3C.1))
    );
    let missing = Extracted::from(extract(&theirs, &[]));
    assert!(missing.is_missing());
    assert_eq!(missing.or_aws_trace_header(AWS.1).format, Some("xray"));
}
