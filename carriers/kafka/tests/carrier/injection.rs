use opentelemetry::baggage::BaggageExt;
use opentelemetry::propagation::{Injector, TextMapPropagator};
use opentelemetry::trace::TraceContextExt;
use opentelemetry::{Context, KeyValue};
use rdkafka::message::Headers as _;
use tracehop_kafka::{HeaderInjector, extract, inject};
use tracehop_propagation::{Composite, XRay};

use crate::{TRACEPARENT, all, every_format, headers, keys, rich, texts, traced, values};

#[test]
fn what_is_injected_is_extracted() {
    let mut record = Some(texts(&[("user-1", "mine"), ("user-2", "mine")]));
    let injected = inject(&rich(), &Composite::default(), &mut record);
    assert_eq!((injected.fields, injected.dropped.len()), (3, 0));
    assert_eq!(
        keys(record.as_ref()),
        ["baggage", "traceparent", "tracestate", "user-1", "user-2"]
    );

    let headers = record.unwrap();
    let cx = extract(&Composite::default(), Some(headers.as_borrowed()));
    assert_eq!(cx.span().span_context(), rich().span().span_context());
    assert_eq!(cx.baggage().len(), 3);
}

#[test]
fn nothing_is_written_where_there_is_nothing_to_say() {
    let mut record = None;
    let injected = inject(&Context::new(), &every_format(), &mut record);
    assert_eq!(injected.fields, 0);
    assert!(record.is_none(), "not even an empty set of headers");
}

/// The SDK's propagator sets an empty tracestate.
#[test]
fn an_empty_value_is_never_written() {
    let sdk = opentelemetry_sdk::propagation::TraceContextPropagator::new();
    let mut record = None;
    let injected = inject(&traced(), &sdk, &mut record);
    assert_eq!(keys(record.as_ref()), ["traceparent"]);
    assert_eq!((injected.fields, injected.dropped), (1, vec![]));
}

#[test]
fn a_stale_field_is_replaced_and_not_doubled() {
    for stale in ["traceparent", "Traceparent", "TRACEPARENT"] {
        let mut record = Some(texts(&[("user", "mine"), (stale, "stale"), (stale, "too")]));
        inject(&traced(), &Composite::default(), &mut record);
        assert_eq!(keys(record.as_ref()), ["traceparent", "user"]);
        assert_eq!(values(&record.unwrap(), "traceparent"), [TRACEPARENT]);
    }
}

#[test]
fn a_stale_field_that_is_not_written_again_is_removed() {
    let stale = [
        "traceparent",
        "tracestate",
        "baggage",
        "x-amzn-trace-id",
        "tracehop-attempt",
        "Tracehop-Previous",
    ];
    let mut record = Some(texts(&stale.map(|key| (key, "stale"))));
    inject(&traced(), &every_format(), &mut record);
    assert_eq!(keys(record.as_ref()), ["traceparent", "x-amzn-trace-id"]);
}

#[test]
fn how_the_payload_is_encoded_is_not_stale() {
    let mut record = Some(texts(&[("tracehop-encoding", "base64")]));
    inject(&traced(), &every_format(), &mut record);
    assert_eq!(values(&record.unwrap(), "tracehop-encoding"), ["base64"]);
}

#[test]
fn a_stale_xray_header_is_removed_where_xray_is_the_only_format() {
    let mut record = Some(texts(&[("X-Amzn-Trace-Id", "stale")]));
    inject(&traced(), &Composite::none().with(XRay), &mut record);
    assert_eq!(keys(record.as_ref()), ["x-amzn-trace-id"]);
}

#[test]
fn a_context_without_a_span_replaces_no_trace_context() {
    let before = [
        ("traceparent", TRACEPARENT),
        ("tracestate", "a=1"),
        ("baggage", "old=1"),
    ];
    let mut record = Some(texts(&before));
    let cx = Context::new().with_baggage([KeyValue::new("new", "1")]);
    inject(&cx, &every_format(), &mut record);
    let record = record.unwrap();
    assert_eq!(values(&record, "traceparent"), [TRACEPARENT]);
    assert_eq!(values(&record, "tracestate"), ["a=1"]);
    assert_eq!(values(&record, "baggage"), ["new=1"]);
}

#[test]
fn a_stale_field_in_another_case_is_not_doubled_without_a_span_either() {
    let mut record = Some(texts(&[("Baggage", "old=1")]));
    let cx = Context::new().with_baggage([KeyValue::new("new", "1")]);
    inject(&cx, &every_format(), &mut record);
    assert_eq!(keys(record.as_ref()), ["baggage"]);
}

#[test]
fn fields_that_are_present_can_be_kept_and_the_missing_ones_filled() {
    let mut record = Some(texts(&[("Traceparent", "the user's")]));
    let composite = Composite::default();
    let mut injector = HeaderInjector::new(&composite, &mut record).keep_present();
    composite.inject_context(&rich(), &mut injector);
    assert_eq!(injector.finish().fields, 2);
    assert_eq!(
        keys(record.as_ref()),
        ["Traceparent", "baggage", "tracestate"]
    );
    assert_eq!(values(&record.unwrap(), "Traceparent"), ["the user's"]);
}

#[test]
fn where_every_field_is_present_none_is_written() {
    let before = texts(&[("traceparent", "the user's")]);
    let mut record = Some(before.clone());
    let composite = Composite::default();
    let mut injector = HeaderInjector::new(&composite, &mut record).keep_present();
    composite.inject_context(&traced(), &mut injector);
    assert_eq!(injector.finish().fields, 0);
    assert_eq!(all(&record.unwrap()), all(&before));
}

#[test]
fn the_users_headers_are_untouched() {
    let users: [(&[u8], Option<&[u8]>); 7] = [
        (b"twice", Some(b"1")),
        (b"\xff\xfe", Some(b"a key that is no text")),
        (b"blob", Some(&[0, 255])),
        (b"null", None),
        (b"empty", Some(b"")),
        (b"twice", Some(b"2")),
        (
            b"x-datadog-trace-id",
            Some(b"of a format that is not ours here"),
        ),
    ];
    let with_stale: Vec<_> = users
        .into_iter()
        .chain([(&b"tracestate"[..], Some(&b"stale=1"[..]))])
        .collect();
    for before in [&users[..], &with_stale] {
        let mut record = Some(headers(before));
        inject(&rich(), &Composite::default(), &mut record);
        let after = all(&record.unwrap());
        assert_eq!(after.len(), users.len() + 3);
        assert_eq!(
            after[..users.len()],
            all(&headers(&users)),
            "in their order"
        );
    }
}

#[test]
fn lineage_headers_go_out_through_the_same_injector() {
    let mut record = None;
    let composite = Composite::default();
    let mut injector = HeaderInjector::new(&composite, &mut record);
    injector.set("tracehop-attempt", "2".to_owned());
    injector.set("tracehop-attempt", "3".to_owned());
    composite.inject_context(&traced(), &mut injector);
    assert_eq!(injector.finish().fields, 2);
    let record = record.unwrap();
    assert_eq!(values(&record, "tracehop-attempt"), ["3"], "set replaces");
    assert_eq!(record.count(), 2);
}

#[test]
fn names_that_no_header_can_have_are_dropped_and_counted() {
    let mut record = None;
    let composite = Composite::default();
    let mut injector = HeaderInjector::new(&composite, &mut record);
    injector.set("", "v".to_owned());
    injector.set("a\0b", "v".to_owned());
    injector.set("ä b", "\0\u{ffff}".to_owned());
    let injected = injector.finish();
    assert_eq!(injected.dropped, ["", "a\0b"]);
    assert_eq!(keys(record.as_ref()), ["ä b"]);
}

#[test]
fn with_propagation_none_nothing_is_written() {
    let mut record = Some(texts(&[("traceparent", "the user's")]));
    let injected = inject(&rich(), &Composite::none(), &mut record);
    assert_eq!(injected.fields, 0);
    assert_eq!(values(&record.unwrap(), "traceparent"), ["the user's"]);
}
