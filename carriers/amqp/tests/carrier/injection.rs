use lapin::{BasicProperties, types::AMQPValue};
use opentelemetry::{
    Context, KeyValue, baggage::BaggageExt, propagation::Injector, trace::TraceContextExt,
};
use tracehop_amqp::{Budget, DropReason, Dropped, HeaderInjector, extract, inject};
use tracehop_propagation::{Composite, XRay};

use crate::{
    EMPTY_FRAME_BYTES, TRACEPARENT, every_format, headers, message, rich, string, table, traced,
    value, written,
};

#[test]
fn what_is_injected_is_extracted() {
    let mut properties = message([("user-0", string("mine"))]);
    let injected = inject(
        &rich(),
        &Composite::default(),
        &mut properties,
        Budget::default(),
    );
    assert_eq!((injected.fields, injected.dropped.len()), (3, 0));
    assert_eq!(
        written(&properties),
        ["baggage", "traceparent", "tracestate"]
    );

    let cx = extract(&every_format(), &properties);
    assert_eq!(cx.span().span_context(), rich().span().span_context());
    assert_eq!(cx.baggage().len(), 3);
}

#[test]
fn nothing_is_written_where_there_is_nothing_to_say() {
    let mut properties = BasicProperties::default();
    let injected = inject(
        &Context::new(),
        &every_format(),
        &mut properties,
        Budget::default(),
    );
    assert_eq!(
        (injected.fields, injected.frame_bytes),
        (0, EMPTY_FRAME_BYTES)
    );
    assert_eq!(properties, BasicProperties::default());
}

/// The SDK's propagator sets an empty tracestate.
#[test]
fn an_empty_value_is_never_written() {
    let sdk = opentelemetry_sdk::propagation::TraceContextPropagator::new();
    let mut properties = BasicProperties::default();
    let injected = inject(&traced(), &sdk, &mut properties, Budget::default());
    assert_eq!(written(&properties), ["traceparent"]);
    assert_eq!((injected.fields, injected.dropped), (1, vec![]));
}

#[test]
fn a_stale_field_is_replaced_and_not_doubled() {
    for stale in ["traceparent", "Traceparent", "TRACEPARENT"] {
        let mut properties = message([(stale, string("stale")), ("user-0", string("mine"))]);
        let injected = inject(
            &traced(),
            &Composite::default(),
            &mut properties,
            Budget::default(),
        );
        assert_eq!(injected.dropped, []);
        assert_eq!(written(&properties), ["traceparent"]);
        assert_eq!(value(&properties, "traceparent"), Some(TRACEPARENT));
        assert_eq!(value(&properties, "user-0"), Some("mine"));
    }
}

#[test]
fn a_stale_field_that_is_not_written_again_is_removed() {
    let stale = [
        "traceparent",
        "tracestate",
        "baggage",
        "X-Amzn-Trace-Id",
        "tracehop-attempt",
    ];
    let mut properties = message(stale.map(|name| (name, string("stale"))));
    inject(
        &traced(),
        &every_format(),
        &mut properties,
        Budget::default(),
    );
    assert_eq!(written(&properties), ["traceparent", "x-amzn-trace-id"]);
}

#[test]
fn how_the_payload_is_encoded_is_not_stale() {
    let mut properties = message([("tracehop-encoding", string("base64"))]);
    inject(
        &traced(),
        &every_format(),
        &mut properties,
        Budget::default(),
    );
    assert_eq!(value(&properties, "tracehop-encoding"), Some("base64"));
}

#[test]
fn a_context_without_a_span_replaces_no_trace_context() {
    let mut properties = message([
        ("traceparent", string(TRACEPARENT)),
        ("tracestate", string("a=1")),
        ("baggage", string("old=1")),
    ]);
    let cx = Context::new().with_baggage([KeyValue::new("new", "1")]);
    inject(&cx, &every_format(), &mut properties, Budget::default());
    assert_eq!(value(&properties, "traceparent"), Some(TRACEPARENT));
    assert_eq!(value(&properties, "tracestate"), Some("a=1"));
    assert_eq!(value(&properties, "baggage"), Some("new=1"));
}

#[test]
fn a_stale_field_in_another_case_is_not_doubled_without_a_span_either() {
    let mut properties = message([("Baggage", string("old=1"))]);
    let cx = Context::new().with_baggage([KeyValue::new("new", "1")]);
    inject(&cx, &every_format(), &mut properties, Budget::default());
    assert_eq!(written(&properties), ["baggage"]);
}

#[test]
fn fields_that_are_present_can_be_kept_and_the_missing_ones_filled() {
    let mut properties = message([("Traceparent", string("the user's"))]);
    let composite = Composite::default();
    let injector = HeaderInjector::new(&composite, &mut properties, Budget::default());
    let mut injector = injector.keep_present();
    composite.inject_reported(&rich(), &mut injector);
    injector.finish();
    assert_eq!(
        written(&properties),
        ["Traceparent", "baggage", "tracestate"]
    );
    assert_eq!(value(&properties, "Traceparent"), Some("the user's"));
}

#[test]
fn the_users_headers_are_untouched() {
    let nested = headers([("traceparent", string("nested")), ("depth", 2_i32.into())]);
    let users = [
        ("blob", AMQPValue::ByteArray(vec![0, 255].into())),
        ("count", 7_i64.into()),
        ("nested", nested.into()),
        ("nothing", AMQPValue::Void),
        (
            "x-datadog-trace-id",
            string("of a format that is not ours here"),
        ),
    ];
    let mut properties = message(users.clone())
        .with_priority(3)
        .with_message_id("m-1".into());
    inject(
        &rich(),
        &Composite::default(),
        &mut properties,
        Budget::default(),
    );
    for (name, value) in &users {
        assert_eq!(&table(&properties).inner()[*name], value);
    }
    assert_eq!(
        (*properties.priority(), properties.message_id().clone()),
        (Some(3), Some("m-1".into()))
    );
}

#[test]
fn a_table_of_headers_is_written_to_like_the_headers_of_a_message() {
    for present in [None, Some("stale")] {
        let present = present.map(|value| ("Traceparent", string(value)));
        let mut table = headers([("user-0", string("mine"))].into_iter().chain(present));
        let injected = inject(
            &traced(),
            &Composite::default(),
            &mut table,
            Budget::default(),
        );
        assert_eq!(injected.fields, 1);
        let expected = [
            ("user-0", string("mine")),
            ("traceparent", string(TRACEPARENT)),
        ];
        assert_eq!(table, headers(expected));
    }
}

#[test]
fn lineage_headers_go_out_through_the_same_injector() {
    let mut properties = BasicProperties::default();
    let composite = Composite::default();
    let mut injector = HeaderInjector::new(&composite, &mut properties, Budget::default());
    injector.set("tracehop-attempt", "2".to_owned());
    injector.set("tracehop-attempt", "3".to_owned());
    composite.inject_reported(&traced(), &mut injector);
    assert_eq!(injector.finish().fields, 2);
    assert_eq!(
        value(&properties, "tracehop-attempt"),
        Some("3"),
        "set replaces"
    );
}

#[test]
fn names_that_are_not_allowed_are_dropped_and_counted() {
    let mut properties = BasicProperties::default();
    let composite = Composite::default();
    let mut injector = HeaderInjector::new(&composite, &mut properties, Budget::default());
    injector.set("", "v".to_owned());
    injector.set(&"n".repeat(256), "v".to_owned());
    injector.set(&"n".repeat(255), "v".to_owned());
    injector.set("a b/ä", "\0\n".to_owned());
    let injected = injector.finish();
    assert_eq!(injected.fields, 2);
    let dropped = [String::new(), "n".repeat(256)].map(|field| Dropped {
        field,
        reason: DropReason::Invalid,
    });
    assert_eq!(injected.dropped, dropped);
    assert_eq!(value(&properties, "a b/ä"), Some("\0\n"));
}

#[test]
fn xray_is_a_header_like_any_other() {
    let mut properties = BasicProperties::default();
    inject(
        &traced(),
        &Composite::none().with(XRay),
        &mut properties,
        Budget::default(),
    );
    assert_eq!(written(&properties), ["x-amzn-trace-id"]);
    let cx = extract(&every_format(), &properties);
    assert_eq!(cx.span().span_context(), traced().span().span_context());
}

#[test]
fn with_propagation_none_nothing_is_written() {
    let mut properties = message([("traceparent", string(TRACEPARENT))]);
    let before = properties.clone();
    let injected = inject(
        &rich(),
        &Composite::none(),
        &mut properties,
        Budget::default(),
    );
    assert_eq!(injected.fields, 0);
    assert_eq!(properties, before);
}

#[test]
fn what_was_dropped_is_named() {
    let mut properties = message([("user-0", string(&"x".repeat(131_000)))]);
    let before = properties.clone();
    let injected = inject(
        &rich(),
        &Composite::default(),
        &mut properties,
        Budget::default(),
    );
    let dropped = |field: &str| Dropped {
        field: field.to_owned(),
        reason: DropReason::Bytes,
    };
    assert_eq!(
        injected.dropped,
        ["traceparent", "tracestate", "baggage"].map(dropped)
    );
    assert_eq!(injected.dropped[0].reason.as_str(), "bytes");
    assert_eq!((injected.fields, injected.baggage_members_dropped), (0, 3));
    assert_eq!(properties, before);
}
