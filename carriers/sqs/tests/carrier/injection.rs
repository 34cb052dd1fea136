use std::collections::HashMap;

use aws_sdk_sqs::types::{MessageSystemAttributeNameForSends, MessageSystemAttributeValue};
use opentelemetry::{
    Context,
    baggage::BaggageExt,
    propagation::{Injector, TextMapPropagator},
};
use tracehop_propagation::{Composite, W3cBaggage, XRay};
use tracehop_sqs::{Budget, DropReason, Dropped, HeaderInjector, Outgoing, extract, inject};

use crate::{
    AWS, Attributes, aws_trace_header, delivered, every_format, request, rich, traced,
    user_attributes, value, written,
};

#[test]
fn what_is_injected_is_extracted() {
    use opentelemetry::trace::TraceContextExt;

    let mut request = request(user_attributes(2), "body");
    let injected = inject(&rich(), &every_format(), &mut request, Budget::sqs());
    assert_eq!((injected.fields, injected.dropped.len()), (3, 0));
    assert_eq!(
        written(&request.message_attributes),
        ["baggage", "traceparent", "tracestate"]
    );

    let cx = extract(&every_format(), &delivered(&request));
    assert_eq!(cx.span().span_context(), rich().span().span_context());
    assert_eq!(cx.baggage().len(), 3);
}

#[test]
fn nothing_is_written_where_there_is_nothing_to_say() {
    let mut request = request(None, "body");
    let injected = inject(
        &Context::new(),
        &every_format(),
        &mut request,
        Budget::sqs(),
    );
    assert_eq!(
        (injected.fields, injected.aws_trace_header, injected.bytes),
        (0, false, 4)
    );
    assert_eq!(
        (
            request.message_attributes,
            request.message_system_attributes
        ),
        (None, None)
    );
}

/// The SDK's propagator sets an empty tracestate, and SQS refuses empty values.
#[test]
fn an_empty_value_is_never_written() {
    let sdk = opentelemetry_sdk::propagation::TraceContextPropagator::new();
    let mut request = request(None, "body");
    let injected = inject(&traced(), &sdk, &mut request, Budget::sqs());
    assert_eq!(written(&request.message_attributes), ["traceparent"]);
    assert_eq!((injected.fields, injected.dropped), (1, vec![]));
}

#[test]
fn lineage_headers_go_out_through_the_same_injector() {
    let mut request = request(None, "body");
    let composite = Composite::default();
    let mut injector = request.injector(&composite, Budget::sqs());
    injector.set("tracehop-attempt", "2".to_owned());
    injector.set("tracehop-attempt", "3".to_owned());
    injector.inject_context(&traced());
    assert_eq!(injector.finish().fields, 2);
    assert_eq!(
        value(&request.message_attributes, "tracehop-attempt"),
        Some("3"),
        "set replaces"
    );
}

#[test]
fn names_and_characters_that_are_not_allowed_are_dropped_and_counted() {
    let mut attributes: Attributes = None;
    let composite = Composite::default();
    let mut injector = HeaderInjector::new(&composite, &mut attributes, 0, Budget::sqs());
    let long = "n".repeat(257);
    let names = [
        "",
        "a b",
        "ä",
        ".a",
        "a.",
        "a..b",
        "AWS.x",
        "aWs.x",
        "Amazon.x",
        "a/b",
        long.as_str(),
    ];
    for name in names {
        injector.set(name, "v".to_owned());
    }
    let values = ["\0", "a\u{1}", "\u{fffe}", "x\u{ffff}", "\u{b}"];
    for (i, value) in values.iter().enumerate() {
        injector.set(&format!("v{i}"), (*value).to_owned());
    }
    injector.set("fine.Name_1-x", "\t\n\r ~é\u{fffd}\u{10ffff}".to_owned());
    injector.set("awsome", "v".to_owned());
    let injected = injector.finish();
    assert_eq!(injected.fields, 2);
    assert_eq!(injected.dropped.len(), names.len() + values.len());
    assert!(
        injected
            .dropped
            .iter()
            .all(|dropped| dropped.reason == DropReason::Invalid)
    );
    assert_eq!(written(&attributes), ["awsome", "fine.Name_1-x"]);
}

#[test]
fn aws_trace_header_is_a_system_attribute_of_the_same_span_context() {
    for composite in [
        Composite::default(),
        every_format(),
        Composite::none().with(W3cBaggage),
    ] {
        let mut request = request(None, "body");
        let injected = inject(&traced(), &composite, &mut request, Budget::sqs());
        assert!(injected.aws_trace_header);
        assert_eq!(aws_trace_header(&request), Some(AWS));
        assert_eq!(
            value(&request.message_attributes, "x-amzn-trace-id"),
            None,
            "it takes no slot"
        );
    }
}

#[test]
fn aws_trace_header_of_the_user_stays() {
    let header = MessageSystemAttributeValue::builder()
        .data_type("String")
        .string_value("mine")
        .build();
    let mut request = request(None, "body");
    request.message_system_attributes = Some(HashMap::from([(
        MessageSystemAttributeNameForSends::AwsTraceHeader,
        header.unwrap(),
    )]));
    let injected = inject(&traced(), &every_format(), &mut request, Budget::sqs());
    assert!(!injected.aws_trace_header);
    assert_eq!(aws_trace_header(&request), Some("mine"));
}

#[test]
fn aws_trace_header_can_be_switched_off() {
    let mut request = request(None, "body");
    let composite = every_format();
    let mut injector = request
        .injector(&composite, Budget::sqs())
        .without_aws_trace_header();
    injector.inject_context(&traced());
    assert!(!injector.finish().aws_trace_header);
    assert_eq!(request.message_system_attributes, None);
    assert_eq!(written(&request.message_attributes), ["traceparent"]);
}

#[test]
fn with_propagation_none_nothing_is_written() {
    let mut request = request(user_attributes(1), "body");
    let injected = inject(&rich(), &Composite::none(), &mut request, Budget::sqs());
    assert_eq!((injected.fields, injected.aws_trace_header), (0, false));
    assert_eq!(request.message_system_attributes, None);
}

#[test]
fn lineage_of_lambda_is_kept_in_aws_trace_header() {
    use opentelemetry::{Context, trace::TraceContextExt};

    let received = HashMap::from([(
        XRay::FIELD.to_owned(),
        format!("{AWS};Lineage=1:a87bd80c:0"),
    )]);
    let cx = XRay.extract_with_context(&Context::new(), &received);
    let mut request = request(None, "body");
    inject(
        &cx.with_remote_span_context(crate::span_context(&[])),
        &Composite::default(),
        &mut request,
        Budget::sqs(),
    );
    assert_eq!(
        aws_trace_header(&request).unwrap(),
        format!("{AWS};Lineage=1:a87bd80c:0")
    );
}

#[test]
fn what_was_dropped_is_named() {
    let mut request = request(user_attributes(10), "body");
    let injected = inject(&rich(), &every_format(), &mut request, Budget::sqs());
    let dropped = |field: &str| Dropped {
        field: field.to_owned(),
        reason: DropReason::Slots,
    };
    assert_eq!(
        injected.dropped,
        ["traceparent", "tracestate", "baggage"].map(dropped)
    );
    assert_eq!(injected.dropped[0].reason.as_str(), "slots");
    assert_eq!(injected.baggage_members_dropped, 3);
    assert_eq!(
        aws_trace_header(&request),
        Some(AWS),
        "and still the trace goes on"
    );
}
