//! What is on the message already: what is stale of it, and what is the user's.

use opentelemetry::{Context, KeyValue, baggage::BaggageExt};
use tracehop_propagation::{Composite, XRay};
use tracehop_sqs::{Budget, Outgoing, inject};

use crate::{
    AWS, TRACEPARENT, aws_trace_header, binary, every_format, request, rich, string, traced,
    user_attributes, value, written,
};

#[test]
fn a_stale_field_is_replaced_and_not_doubled() {
    for stale in ["traceparent", "Traceparent", "TRACEPARENT"] {
        let mut attributes = user_attributes(9).unwrap();
        attributes.insert(stale.to_owned(), string("stale"));
        let mut request = request(Some(attributes), "body");
        let injected = inject(
            &traced(),
            &Composite::default(),
            &mut request,
            Budget::sqs(),
        );
        assert_eq!(injected.dropped, [], "it takes no new slot");
        assert_eq!(written(&request.message_attributes), ["traceparent"]);
        assert_eq!(
            value(&request.message_attributes, "traceparent"),
            Some(TRACEPARENT)
        );
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
    ];
    let attributes = stale.map(|name| (name.to_owned(), string("stale")));
    let mut request = request(Some(attributes.into()), "body");
    inject(&traced(), &every_format(), &mut request, Budget::sqs());
    assert_eq!(written(&request.message_attributes), ["traceparent"]);
}

#[test]
fn how_the_payload_is_encoded_is_not_stale() {
    let attributes = [("tracehop-encoding".to_owned(), string("base64"))];
    let mut request = request(Some(attributes.into()), "body");
    inject(&traced(), &every_format(), &mut request, Budget::sqs());
    assert_eq!(
        value(&request.message_attributes, "tracehop-encoding"),
        Some("base64")
    );
}

#[test]
fn a_stale_xray_attribute_is_removed_where_xray_is_the_only_format() {
    let attributes = [("X-Amzn-Trace-Id".to_owned(), string("stale"))];
    let mut request = request(Some(attributes.into()), "body");
    inject(
        &traced(),
        &Composite::none().with(XRay),
        &mut request,
        Budget::sqs(),
    );
    assert_eq!(written(&request.message_attributes), [""; 0]);
    assert_eq!(aws_trace_header(&request), Some(AWS));
}

#[test]
fn a_context_without_a_span_replaces_no_trace_context() {
    let attributes = [
        ("traceparent", TRACEPARENT),
        ("tracestate", "a=1"),
        ("baggage", "old=1"),
    ];
    let attributes = attributes.map(|(name, value)| (name.to_owned(), string(value)));
    let mut request = request(Some(attributes.into()), "body");
    let cx = Context::new().with_baggage([KeyValue::new("new", "1")]);
    inject(&cx, &every_format(), &mut request, Budget::sqs());
    assert_eq!(
        value(&request.message_attributes, "traceparent"),
        Some(TRACEPARENT)
    );
    assert_eq!(
        value(&request.message_attributes, "tracestate"),
        Some("a=1")
    );
    assert_eq!(value(&request.message_attributes, "baggage"), Some("new=1"));
}

#[test]
fn a_stale_field_in_another_case_is_not_doubled_without_a_span_either() {
    let mut request = request(
        Some([("Baggage".to_owned(), string("old=1"))].into()),
        "body",
    );
    let cx = Context::new().with_baggage([KeyValue::new("new", "1")]);
    inject(&cx, &every_format(), &mut request, Budget::sqs());
    assert_eq!(written(&request.message_attributes), ["baggage"]);
}

#[test]
fn fields_that_are_present_can_be_kept_and_the_missing_ones_filled() {
    let mut request = request(
        Some([("Traceparent".to_owned(), string("the user's"))].into()),
        "body",
    );
    let composite = every_format();
    let mut injector = request.injector(&composite, Budget::sqs()).keep_present();
    injector.inject_context(&rich());
    injector.finish();
    assert_eq!(
        written(&request.message_attributes),
        ["Traceparent", "baggage", "tracestate"]
    );
    assert_eq!(
        value(&request.message_attributes, "Traceparent"),
        Some("the user's")
    );
}

#[test]
fn the_users_attributes_are_untouched() {
    let mut attributes = user_attributes(3).unwrap();
    attributes.insert("blob".to_owned(), binary(&[0, 255]));
    attributes.insert(
        "x-datadog-trace-id".to_owned(),
        string("of a format that is not ours here"),
    );
    let mut request = request(Some(attributes.clone()), "body");
    inject(&rich(), &Composite::default(), &mut request, Budget::sqs());
    for (name, value) in &attributes {
        assert_eq!(&request.message_attributes.as_ref().unwrap()[name], value);
    }
}
