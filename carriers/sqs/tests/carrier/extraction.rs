use aws_sdk_sqs::types::{Message, MessageSystemAttributeName};
use opentelemetry::{Context, propagation::Extractor, trace::TraceContextExt};
use tracehop_propagation::{Composite, RemoteLink, TraceContext, XRay, parse_traceparent};
use tracehop_sqs::{HeaderExtractor, Outgoing, extract, extract_reported};

use crate::{AWS, TRACEPARENT, binary, every_format, request, string};

const OTHER: &str = "Root=1-5759e988-bd862e3fe1be46a994272793;Parent=53995c3f42cd8ad8";

fn message(attributes: &[(&str, &str)], aws: Option<&str>) -> Message {
    let mut message = Message::builder();
    for (name, value) in attributes {
        message = message.message_attributes(*name, string(value));
    }
    if let Some(header) = aws {
        message = message.attributes(MessageSystemAttributeName::AwsTraceHeader, header);
    }
    message.build()
}

fn span_id(cx: &Context) -> String {
    cx.span().span_context().span_id().to_string()
}

#[test]
fn headers_are_read_in_any_case() {
    for name in ["traceparent", "Traceparent", "TRACEPARENT"] {
        let cx = extract(
            &Composite::default(),
            &message(&[(name, TRACEPARENT)], None),
        );
        assert_eq!(span_id(&cx), "00f067aa0ba902b7", "{name}");
    }
    let exact_first = message(
        &[("Traceparent", "other"), ("traceparent", TRACEPARENT)],
        None,
    );
    assert_eq!(
        span_id(&extract(&Composite::default(), &exact_first)),
        "00f067aa0ba902b7"
    );
}

#[test]
fn bytes_are_read_like_text() {
    let message =
        Message::builder().message_attributes("traceparent", binary(TRACEPARENT.as_bytes()));
    let cx = extract(&Composite::default(), &message.build());
    assert_eq!(span_id(&cx), "00f067aa0ba902b7");
}

#[test]
fn values_that_are_no_text_are_not_there() {
    let message = Message::builder()
        .message_attributes("traceparent", binary(&[0xff, 0xfe]))
        .message_attributes("tracestate", string(""))
        .message_attributes("baggage", binary(b""))
        .build();
    let carrier = HeaderExtractor::from(&message);
    for name in ["traceparent", "tracestate", "baggage", "x-amzn-trace-id"] {
        assert_eq!(carrier.get(name), None, "{name}");
    }
    assert!(extract_reported(&every_format(), &message).is_missing());
}

#[test]
fn a_message_without_headers_is_missing_context() {
    let extracted = extract_reported(&every_format(), &Message::builder().build());
    assert!(extracted.is_missing() && extracted.link.is_none());
}

#[test]
fn a_malformed_header_is_counted_and_the_message_goes_on() {
    let extracted = extract_reported(
        &Composite::default(),
        &message(&[("traceparent", "00-nonsense")], None),
    );
    assert_eq!(extracted.malformed, ["tracecontext"]);
    assert!(!extracted.context.span().span_context().is_valid());
}

#[test]
fn keys_name_every_header_once() {
    let keys = |message: &Message| {
        let mut keys: Vec<_> = HeaderExtractor::from(message)
            .keys()
            .into_iter()
            .map(str::to_owned)
            .collect();
        keys.sort_unstable();
        keys
    };
    assert_eq!(
        keys(&message(&[("a", "1")], Some(AWS))),
        ["a", "x-amzn-trace-id"]
    );
    assert_eq!(
        keys(&message(&[("X-Amzn-Trace-Id", "1")], Some(AWS))),
        ["X-Amzn-Trace-Id"]
    );
    assert_eq!(keys(&Message::builder().build()), [""; 0]);
}

#[test]
fn aws_trace_header_is_read_as_xray_where_that_is_listed() {
    let only_aws = message(&[], Some(&format!("{OTHER};Sampled=0")));
    let extracted = extract_reported(&every_format(), &only_aws);
    assert_eq!((extracted.format, extracted.link), (Some("xray"), None));
    assert_eq!(span_id(&extracted.context), "53995c3f42cd8ad8");

    let both = message(&[("traceparent", TRACEPARENT)], Some(OTHER));
    assert_eq!(
        span_id(&extract(&every_format(), &both)),
        "00f067aa0ba902b7"
    );
    let xray_first = Composite::none().with(XRay).with(TraceContext);
    assert_eq!(span_id(&extract(&xray_first, &both)), "53995c3f42cd8ad8");

    let attribute = message(&[("X-Amzn-Trace-Id", AWS)], Some(OTHER));
    assert_eq!(
        span_id(&extract(&every_format(), &attribute)),
        "00f067aa0ba902b7",
        "the attribute first"
    );
}

#[test]
fn a_malformed_aws_trace_header_is_counted_once() {
    let broken = message(&[], Some("Root=1-5759e988;Parent=x"));
    for composite in [every_format(), Composite::default()] {
        assert_eq!(extract_reported(&composite, &broken).malformed, ["xray"]);
    }
}

#[test]
fn aws_trace_header_is_read_last_where_xray_is_not_listed() {
    let sampled = message(&[], Some(&format!("{OTHER};Sampled=1")));
    let extracted = extract_reported(&Composite::default(), &sampled);
    assert_eq!((extracted.format, extracted.link), (Some("xray"), None));
    assert_eq!(
        span_id(&extract(&Composite::default(), &sampled)),
        "53995c3f42cd8ad8"
    );

    let both = message(
        &[("traceparent", TRACEPARENT)],
        Some(&format!("{OTHER};Sampled=1")),
    );
    assert_eq!(
        span_id(&extract(&Composite::default(), &both)),
        "00f067aa0ba902b7"
    );
}

/// An AWS service's `Sampled=0` must not switch a consumer off.
#[test]
fn aws_trace_header_that_is_not_sampled_is_a_link() {
    let unsampled = message(&[], Some(&format!("{OTHER};Sampled=0")));
    let sdk = opentelemetry_sdk::propagation::TraceContextPropagator::new();
    let reported = extract_reported(&Composite::default(), &unsampled);
    assert_eq!(reported.link.as_ref(), RemoteLink::of(&reported.context));
    for cx in [reported.context, extract(&sdk, &unsampled)] {
        assert!(!cx.span().span_context().is_valid());
        assert_eq!(
            RemoteLink::of(&cx).unwrap().span_id().to_string(),
            "53995c3f42cd8ad8"
        );
    }
}

#[test]
fn aws_trace_header_without_parent_is_no_parent() {
    let root = message(
        &[],
        Some("Root=1-5759e988-bd862e3fe1be46a994272793;Sampled=1"),
    );
    for composite in [Composite::default(), every_format()] {
        let extracted = extract_reported(&composite, &root);
        assert!(extracted.is_missing() && extracted.link.is_none());
    }
}

#[test]
fn with_propagation_none_nothing_is_read() {
    let message = message(&[("traceparent", TRACEPARENT)], Some(AWS));
    let extracted = extract_reported(&Composite::none(), &message);
    assert!(extracted.is_missing() && extracted.link.is_none());
}

#[test]
fn what_the_user_put_on_a_request_can_be_read() {
    let request = request(
        Some([("traceparent".to_owned(), string(TRACEPARENT))].into()),
        "body",
    );
    let extracted = Composite::default().extract_reported(&Context::new(), &request.extractor());
    assert_eq!(
        *extracted.context.span().span_context(),
        parse_traceparent(TRACEPARENT).unwrap()
    );
}
