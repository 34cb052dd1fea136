use opentelemetry::{
    Context, KeyValue,
    baggage::BaggageExt,
    trace::{SpanContext, TraceContextExt, TraceFlags, TraceState},
};
use proptest::prelude::*;
use tracehop_propagation::{
    Composite, DatadogAttribute, Deferred, Extracted, Sampling, parse_traceparent, traceparent,
};

use crate::{Headers, inject, parent};

/// Every format.
pub(crate) const NAMES: &str = "tracecontext,baggage,b3,b3multi,jaeger,xray,datadog,gcp,sentry";

/// Every field that is read, with a valid value.
pub(crate) const FIELDS: [(&str, &str); 19] = [
    (
        "traceparent",
        "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
    ),
    ("tracestate", "congo=t61rcWkgMzE,dd=s:2;o:rum;t.dm:-4"),
    (
        "baggage",
        "userId=alice;p=1,serverNode=DF%2028,isProduction=false",
    ),
    (
        "x-amzn-trace-id",
        "Root=1-5759e988-bd862e3fe1be46a994272793;Parent=53995c3f42cd8ad8;Sampled=1;Lineage=1:a:0",
    ),
    (
        "b3",
        "80f198ee56343ba864fe8b2a57d3eff7-e457b5a2e4d86bd1-1-05e3ac9a4f6e3b90",
    ),
    ("x-b3-traceid", "80f198ee56343ba864fe8b2a57d3eff7"),
    ("x-b3-spanid", "e457b5a2e4d86bd1"),
    ("x-b3-sampled", "1"),
    ("x-b3-flags", "1"),
    (
        "uber-trace-id",
        "4bf92f3577b34da6a3ce929d0e0e4736%3A00f067aa0ba902b7%3A0%3A1",
    ),
    ("uberctx-tenant", "Caf%C3%A9"),
    ("x-datadog-trace-id", "11803532876627986230"),
    ("x-datadog-parent-id", "67667974448284343"),
    ("x-datadog-sampling-priority", "-1"),
    ("x-datadog-tags", "_dd.p.dm=-4,_dd.p.tid=4bf92f3577b34da6"),
    ("ot-baggage-tenant", "acme"),
    (
        "_datadog",
        r#"{"x-datadog-trace-id":"3","x-datadog-parent-id":4,"baggage":"a=b"}"#,
    ),
    (
        "x-cloud-trace-context",
        "105445aa7843bc8bf206b12000100000/2205310701640571284;o=1",
    ),
    (
        "sentry-trace",
        "771a43a4192642f0b136d5159a501700-1234567890abcdef-1",
    ),
];

fn all() -> Composite {
    Composite::from_names(NAMES)
}

fn read(composite: &Composite, headers: &[(&str, &str)]) -> Extracted {
    composite.extract_reported(&Context::new(), &Headers(headers))
}

/// Bytes of any kind, as text, and text that is nearly right: a valid header with a piece replaced.
fn nearly(valid: &'static str) -> impl Strategy<Value = String> {
    let bytes = prop::collection::vec(any::<u8>(), 0..200)
        .prop_map(|bytes| String::from_utf8_lossy(&bytes).into_owned());
    let edited = (
        0..=valid.len(),
        0..=valid.len(),
        "[0-9a-fA-F=;:,?/%{}\" \\-]{0,4}|\\PC{0,2}",
    )
        .prop_map(move |(from, to, piece)| {
            format!(
                "{}{piece}{}",
                &valid[..from.min(to)],
                &valid[from.max(to)..]
            )
        });
    prop_oneof![1 => bytes, 2 => edited, 1 => Just(valid.to_owned())]
}

/// Some of the fields, each nearly right.
fn headers() -> impl Strategy<Value = Vec<(&'static str, String)>> {
    let field = (0..FIELDS.len()).prop_flat_map(|index| {
        let (name, valid) = FIELDS[index];
        nearly(valid).prop_map(move |value| (name, value))
    });
    prop::collection::vec(field, 0..12)
}

fn borrowed<'a>(headers: &'a [(&'a str, String)]) -> Vec<(&'a str, &'a str)> {
    headers
        .iter()
        .map(|(name, value)| (*name, value.as_str()))
        .collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1000))]

    #[test]
    fn no_input_panics_or_yields_an_invalid_context(headers in headers()) {
        let extracted = read(&all(), &borrowed(&headers));
        let span_context = parent(&extracted.context);
        prop_assert_eq!(span_context.is_valid(), extracted.format.is_some());
        prop_assert_eq!(extracted.context.has_active_span(), extracted.format.is_some());
        prop_assert!(span_context.trace_state().into_iter().count() <= 32);
        prop_assert!(extracted.context.baggage().len() <= 64);

        // And whatever was read can be written, and is read again as it is.
        let w3c = Composite::from_names("tracecontext,baggage,xray");
        let sent = inject(&w3c, &extracted.context);
        for (field, value) in &sent {
            prop_assert!(!value.is_empty() && value.bytes().all(|byte| matches!(byte, b' '..=b'~' | b'\t')), "{field}: {value:?}");
        }
        let sent: Vec<_> = sent.iter().map(|(field, value)| (field.as_str(), value.as_str())).collect();
        let again = read(&w3c, &sent);
        prop_assert_eq!(parent(&again.context), span_context);
        prop_assert_eq!(again.malformed, Vec::<&str>::new());
        let kept = extracted.context.baggage().iter().filter(|(key, _)| !key.as_str().starts_with("sentry-"));
        prop_assert!(again.context.baggage().len() >= kept.count());
    }

    #[test]
    fn a_list_of_formats_finds_what_any_one_of_them_finds(headers in headers()) {
        let headers = borrowed(&headers);
        let together = read(&all(), &headers);
        for name in NAMES.split(',') {
            let alone = read(&Composite::from_names(name), &headers);
            if alone.format.is_some() {
                prop_assert!(together.format.is_some(), "{name}");
            }
            for (key, _) in alone.context.baggage() {
                prop_assert!(together.context.baggage().get(key.as_str()).is_some(), "{name}: {key}");
            }
        }
        // The first of the list that finds a parent alone is the one that counts.
        let first = NAMES.split(',').find(|name| read(&Composite::from_names(name), &headers).format.is_some());
        prop_assert_eq!(together.format, first);
    }

    #[test]
    fn every_format_reads_back_what_it_writes(
        upper in prop_oneof![Just(0), any::<u64>()],
        lower in 1..=u64::MAX,
        span_id in 1..=u64::MAX,
        state in 0..4_usize,
        members in prop::collection::btree_map("[a-z][a-z0-9._-]{0,8}", "[^\\p{Cc}]{1,12}", 0..6),
    ) {
        let state = [Sampling::NotSampled, Sampling::Sampled, Sampling::Deferred, Sampling::Debug][state];
        let trace_id = u128::from(upper) << 64 | u128::from(lower);
        let mut cx = context_of(trace_id, span_id, state);
        cx = cx.with_baggage(members.iter().map(|(key, value)| KeyValue::new(key.clone(), value.clone())));
        for name in NAMES.split(',').filter(|name| *name != "baggage") {
            let format = Composite::from_names(name);
            let sent = inject(&format, &cx);
            let sent: Vec<_> = sent.iter().map(|(field, value)| (field.as_str(), value.as_str())).collect();
            let back = read(&format, &sent);
            prop_assert_eq!(&back.malformed, &Vec::<&str>::new(), "{}", name);
            prop_assert_eq!(parent(&back.context).trace_id(), trace_id.into(), "{}", name);
            prop_assert_eq!(parent(&back.context).span_id(), span_id.into(), "{}", name);
            prop_assert_eq!(parent(&back.context).is_sampled(), parent(&cx).is_sampled(), "{}", name);
            let has_no_deferred = ["tracecontext", "jaeger"].contains(&name);
            prop_assert!(has_no_deferred || Deferred::is_set(&back.context) == (state == Sampling::Deferred), "{}", name);
        }
        for name in ["baggage", "jaeger", "datadog"] {
            let format = Composite::from_names(name);
            let sent = inject(&format, &cx);
            let sent: Vec<_> = sent.iter().map(|(field, value)| (field.as_str(), value.as_str())).collect();
            let back = read(&format, &sent).context;
            for (key, value) in &members {
                let said = back.baggage().get(key).map(ToString::to_string);
                prop_assert_eq!(said.as_deref(), Some(value.as_str()), "{}", name);
            }
        }
    }

    #[test]
    fn the_one_attribute_says_what_the_headers_say(headers in headers()) {
        let datadog = Composite::from_names("datadog");
        let cx = read(&datadog, &borrowed(&headers)).context;
        let sent = inject(&datadog, &cx);
        let mut attribute = DatadogAttribute::default();
        for (field, value) in &sent {
            if DatadogAttribute::takes(field) {
                attribute.set(field, value.clone());
            } else {
                attribute.set_baggage(value);
            }
        }
        let by_headers: Vec<_> = sent.iter().map(|(field, value)| (field.as_str(), value.as_str())).collect();
        let by_headers = read(&datadog, &by_headers).context;
        let json = attribute.json().unwrap_or_else(|| "{}".to_owned());
        let by_attribute = read(&datadog, &[("_datadog", json.as_str())]).context;
        prop_assert_eq!(parent(&by_attribute), parent(&by_headers));
        prop_assert_eq!(Sampling::of(&by_attribute), Sampling::of(&by_headers));
        prop_assert_eq!(by_attribute.baggage().len(), by_headers.baggage().len());
    }

    #[test]
    fn a_traceparent_that_is_read_is_written_the_same(value in nearly("00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01")) {
        if let Some(span_context) = parse_traceparent(&value) {
            prop_assert!(span_context.is_valid() && span_context.is_remote());
            prop_assert_eq!(&traceparent(&span_context).unwrap()[3..53], &value.trim()[3..53]);
        }
    }
}

/// A remote span with that decision, hints and all: as B3 has them.
fn context_of(trace_id: u128, span_id: u64, state: Sampling) -> Context {
    let decision = match state {
        Sampling::NotSampled => "-0",
        Sampling::Sampled => "-1",
        Sampling::Deferred => "",
        Sampling::Debug => "-d",
    };
    let header = format!("{trace_id:032x}-{span_id:016x}{decision}");
    let cx = read(&Composite::from_names("b3"), &[("b3", &header)]).context;
    let span_context = SpanContext::new(
        trace_id.into(),
        span_id.into(),
        TraceFlags::default().with_sampled(matches!(state, Sampling::Sampled | Sampling::Debug)),
        true,
        TraceState::NONE,
    );
    assert_eq!(parent(&cx), span_context);
    cx
}

#[test]
fn valid_and_broken_formats_on_one_message_are_told_apart() {
    let headers = [
        ("traceparent", "00-0-0-01"),
        ("b3", "80f198ee56343ba864fe8b2a57d3eff7-0000000000000000-1"),
        ("uber-trace-id", "1:2:3"),
        ("x-datadog-trace-id", "99999999999999999999999"),
        (
            "sentry-trace",
            "771a43a4192642f0b136d5159a501700-1234567890abcdef-1",
        ),
        (
            "x-cloud-trace-context",
            "105445aa7843bc8bf206b12000100000/1;o=1",
        ),
    ];
    let extracted = read(&all(), &headers);
    assert_eq!(extracted.format, Some("gcp"));
    assert_eq!(
        extracted.malformed,
        ["tracecontext", "b3", "b3multi", "jaeger", "datadog"]
    );
    assert!(!extracted.is_missing());
}
