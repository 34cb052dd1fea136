use lapin::{
    BasicProperties,
    types::{AMQPValue, FieldArray},
};
use opentelemetry::{Context, propagation::Extractor, trace::TraceContextExt};
use tracehop_amqp::{HeaderExtractor, extract};
use tracehop_propagation::{Composite, Extracted};

use crate::{TRACEPARENT, every_format, headers, message, string};

fn span_id(cx: &Context) -> String {
    cx.span().span_context().span_id().to_string()
}

fn extract_reported(composite: &Composite, properties: &BasicProperties) -> Extracted {
    composite.extract_reported(&Context::new(), &HeaderExtractor::from(properties))
}

#[test]
fn headers_are_read_in_any_case() {
    for name in ["traceparent", "Traceparent", "TRACEPARENT"] {
        let cx = extract(
            &Composite::default(),
            &message([(name, string(TRACEPARENT))]),
        );
        assert_eq!(span_id(&cx), "00f067aa0ba902b7", "{name}");
    }
    let exact_first = message([
        ("Traceparent", string("other")),
        ("traceparent", string(TRACEPARENT)),
    ]);
    let cx = extract(&Composite::default(), &exact_first);
    assert_eq!(span_id(&cx), "00f067aa0ba902b7");
}

#[test]
fn long_strings_short_strings_and_bytes_are_read() {
    let kinds = [
        string(TRACEPARENT),
        AMQPValue::ShortString(TRACEPARENT.into()),
        AMQPValue::ByteArray(TRACEPARENT.as_bytes().into()),
    ];
    for value in kinds {
        let cx = extract(
            &Composite::default(),
            &message([("traceparent", value.clone())]),
        );
        assert_eq!(span_id(&cx), "00f067aa0ba902b7", "{value:?}");
    }
}

#[test]
fn values_that_are_no_text_are_not_there() {
    let values = [
        string(""),
        AMQPValue::LongString(vec![0xff, 0xfe].into()),
        AMQPValue::ShortString("".into()),
        AMQPValue::ByteArray(vec![0xff].into()),
        AMQPValue::ByteArray(Vec::new().into()),
        AMQPValue::Void,
        7_i64.into(),
        true.into(),
        AMQPValue::Timestamp(7),
        FieldArray::from(vec![string(TRACEPARENT)]).into(),
        headers([("traceparent", string(TRACEPARENT))]).into(),
    ];
    for value in values {
        let message = message([("traceparent", value.clone())]);
        assert_eq!(
            HeaderExtractor::from(&message).get("traceparent"),
            None,
            "{value:?}"
        );
        assert!(extract_reported(&every_format(), &message).is_missing());
    }
}

#[test]
fn a_message_without_headers_is_missing_context() {
    for properties in [BasicProperties::default(), message([])] {
        assert!(HeaderExtractor::from(&properties).is_empty());
        let extracted = extract_reported(&every_format(), &properties);
        assert!(extracted.is_missing() && extracted.link.is_none());
    }
}

#[test]
fn a_malformed_header_is_counted_and_the_message_goes_on() {
    let message = message([("traceparent", string("00-nonsense"))]);
    let extracted = extract_reported(&Composite::default(), &message);
    assert_eq!(extracted.malformed, ["tracecontext"]);
    assert!(!extracted.context.span().span_context().is_valid());
}

#[test]
fn keys_name_every_header_once() {
    let table = headers([("a", string("1")), ("B", 7_i64.into())]);
    let carrier = HeaderExtractor::from(&table);
    assert_eq!(carrier.keys(), ["B", "a"]);
    assert!(!carrier.is_empty());
    assert_eq!(
        HeaderExtractor::from(&BasicProperties::default()).keys(),
        [""; 0]
    );
}

#[test]
fn with_propagation_none_nothing_is_read() {
    let message = message([("traceparent", string(TRACEPARENT))]);
    assert!(extract_reported(&Composite::none(), &message).is_missing());
}
