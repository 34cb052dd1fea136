//! Every format at once, on a message with ten places.

use aws_sdk_sqs::types::Message;
use opentelemetry::{Context, KeyValue, baggage::BaggageExt, trace::TraceContextExt};
use tracehop_propagation::{Composite, Sampling};
use tracehop_sqs::{Budget, DropReason, Injected, extract, extract_reported, inject};

use crate::{
    Attributes, binary, delivered, request, rich, span_context, string, traced, user_attributes,
    value, written,
};

const ALL: &str = "tracecontext,baggage,b3,b3multi,jaeger,xray,datadog,gcp,sentry";
/// What each format that takes a slot writes, the one that goes first at the end.
const BY_RANK: [&str; 10] = [
    "traceparent",
    "b3",
    "x-b3-traceid",
    "x-b3-spanid",
    "x-b3-sampled",
    "uber-trace-id",
    "x-cloud-trace-context",
    "sentry-trace",
    "_datadog",
    "tracestate",
];

fn sent(names: &str, cx: &Context, users: usize, budget: Budget) -> (Attributes, Injected) {
    let mut request = request(user_attributes(users), "");
    let injected = inject(cx, &Composite::from_names(names), &mut request, budget);
    assert!(injected.aws_trace_header, "whatever else found no room");
    (request.message_attributes, injected)
}

fn received(names: &str, attributes: Attributes) -> Context {
    let message = Message::builder().set_message_attributes(attributes);
    extract(&Composite::from_names(names), &message.build())
}

#[test]
fn datadogs_fields_become_one_attribute() {
    let (attributes, injected) = sent("datadog", &rich(), 0, Budget::sqs());
    assert_eq!(written(&attributes), ["_datadog", "baggage"]);
    assert_eq!((injected.fields, injected.dropped.len()), (2, 0));
    let json = value(&attributes, "_datadog").unwrap();
    for part in [
        r#""x-datadog-trace-id":"11803532876627986230""#,
        r#""x-datadog-tags":"_dd.p.tid=4bf92f3577b34da6""#,
        r#""ot-baggage-a":"vvvvvvvv""#,
        r#""baggage":"a=vvvvvvvv,b=vvvvvvvv,c=vvvvvvvv""#,
    ] {
        assert!(json.contains(part), "{part}: {json}");
    }
    let back = received("datadog", attributes);
    assert_eq!(
        back.span().span_context().trace_id(),
        span_context(&[]).trace_id()
    );
    assert_eq!(back.baggage().len(), 3);
    assert_eq!(Sampling::of(&back), Sampling::Sampled);
}

#[test]
fn what_is_read_comes_from_the_attribute_text_or_bytes() {
    let json =
        r#"{"x-datadog-trace-id":"1","x-datadog-parent-id":"2","x-datadog-sampling-priority":"2"}"#;
    for attribute in [string(json), binary(json.as_bytes())] {
        let attributes = Some([("_datadog".to_owned(), attribute)].into());
        let cx = received("datadog", attributes);
        assert_eq!(cx.span().span_context().span_id(), 2.into());
    }
}

#[test]
fn with_every_format_on_secondary_ones_go_before_traceparent() {
    for users in 0..=10 {
        let (attributes, injected) = sent(ALL, &rich(), users, Budget::sqs());
        let mut expected = BY_RANK[..10 - users].to_vec();
        // The fields of B3 belong together.
        if !expected.contains(&"x-b3-sampled") {
            expected.retain(|name| !name.starts_with("x-b3-"));
        }
        expected.sort_unstable();
        assert_eq!(written(&attributes), expected, "{users} of the user's own");
        assert_eq!(attributes.unwrap().len(), users + expected.len());
        assert_eq!(injected.fields, expected.len());
        assert_eq!(injected.baggage_members_dropped, 3);
        let mut dropped = injected.dropped.iter();
        assert!(dropped.all(|dropped| dropped.reason == DropReason::Slots));
    }
}

#[test]
fn baggage_inside_an_attribute_needs_no_slot_of_its_own() {
    let (attributes, injected) = sent(ALL, &rich(), 0, Budget::sqs());
    assert_eq!(value(&attributes, "baggage"), None);
    assert!(
        value(&attributes, "_datadog")
            .unwrap()
            .contains("ot-baggage-c")
    );
    let dropped: Vec<_> = injected
        .dropped
        .iter()
        .map(|dropped| dropped.field.as_str())
        .collect();
    assert_eq!(dropped, ["baggage", "uberctx-*", "uberctx-*", "uberctx-*"]);
}

#[test]
fn with_fewer_bytes_datadogs_baggage_goes_before_its_ids() {
    let names = "tracecontext,datadog";
    let (whole, injected) = sent(names, &rich(), 0, Budget::sqs());
    let whole_bytes = injected.bytes;
    let json = value(&whole, "_datadog").unwrap().to_owned();
    let budget = |bytes| Budget {
        max_bytes: Some(bytes),
        ..Budget::sqs()
    };
    let (attributes, injected) = sent(names, &rich(), 0, budget(whole_bytes));
    assert_eq!(
        (value(&attributes, "_datadog"), injected.bytes),
        (Some(&*json), whole_bytes)
    );

    let (attributes, injected) = sent(names, &rich(), 0, budget(whole_bytes - 1));
    let short = value(&attributes, "_datadog").unwrap();
    assert!(
        !short.contains("baggage") && short.contains("x-datadog-tags"),
        "{short}"
    );
    assert_eq!(injected.bytes, whole_bytes - json.len() + short.len());
    assert_eq!(injected.fields, 4);
    assert_eq!(injected.dropped.len(), 1);
    assert_eq!(injected.dropped[0].field, "ot-baggage-*");
    assert_eq!(injected.dropped[0].reason, DropReason::Bytes);
    assert_eq!(value(&attributes, "baggage").unwrap().split(',').count(), 3);
}

#[test]
fn baggage_of_other_formats_goes_before_w3cs() {
    let cx = rich();
    let (attributes, injected) = sent("tracecontext,baggage,jaeger", &cx, 5, Budget::sqs());
    assert_eq!(
        written(&attributes),
        [
            "baggage",
            "traceparent",
            "tracestate",
            "uber-trace-id",
            "uberctx-a"
        ]
    );
    assert_eq!(injected.dropped.len(), 2);
    assert_eq!(injected.baggage_members_dropped, 0, "W3C's are all there");
}

#[test]
fn stale_fields_go_whatever_their_format() {
    let (attributes, _) = sent("datadog,jaeger,tracecontext", &rich(), 0, Budget::sqs());
    let mut attributes = attributes.unwrap();
    attributes.insert("UberCtx-old".to_owned(), string("stale"));
    attributes.insert("uberctx".to_owned(), string("the user's"));
    let mut again = request(Some(attributes), "");
    let composite = Composite::from_names("datadog,jaeger,tracecontext");
    inject(&traced(), &composite, &mut again, Budget::sqs());
    assert_eq!(
        written(&again.message_attributes),
        ["_datadog", "traceparent", "uber-trace-id", "uberctx"]
    );
}

#[test]
fn a_value_that_no_attribute_may_have_stays_out_of_the_json_too() {
    let cx = traced().with_baggage([KeyValue::new("odd", "\u{FFFE}"), KeyValue::new("good", "1")]);
    let (attributes, injected) = sent("datadog", &cx, 0, Budget::sqs());
    let json = value(&attributes, "_datadog").unwrap();
    assert!(
        json.contains("ot-baggage-good") && !json.contains('\u{FFFE}'),
        "{json}"
    );
    assert_eq!(injected.dropped[0].field, "ot-baggage-*");
    assert_eq!(injected.dropped[0].reason, DropReason::Invalid);
}

#[test]
fn what_all_formats_wrote_any_one_of_them_reads() {
    let request = {
        let mut request = request(None, "");
        inject(
            &traced(),
            &Composite::from_names(ALL),
            &mut request,
            Budget::sqs(),
        );
        request
    };
    for name in ALL.split(',').filter(|name| *name != "baggage") {
        let extracted = extract_reported(&Composite::from_names(name), &delivered(&request));
        let read = extracted.context.span().span_context().clone();
        assert_eq!(extracted.format, Some(name));
        assert_eq!(read.trace_id(), span_context(&[]).trace_id(), "{name}");
        assert_eq!(read.span_id(), span_context(&[]).span_id(), "{name}");
    }
}
