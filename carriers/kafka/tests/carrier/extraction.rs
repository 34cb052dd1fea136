use std::panic::{AssertUnwindSafe, catch_unwind};

use opentelemetry::propagation::Extractor as _;
use opentelemetry::trace::TraceContextExt as _;
use opentelemetry::{Context, baggage::BaggageExt as _};
use rdkafka::message::{Headers as _, OwnedHeaders, OwnedMessage, Timestamp};
use tracehop_kafka::{HeaderExtractor, extract, extract_reported};
use tracehop_propagation::{Composite, Extracted, parse_traceparent};

use crate::{SPAN_ID, TRACEPARENT, every_format, headers, texts};

fn reported(headers: &OwnedHeaders) -> Extracted {
    extract_reported(&Composite::default(), Some(headers.as_borrowed()))
}

fn span_id(headers: &OwnedHeaders) -> String {
    let cx = extract(&Composite::default(), Some(headers.as_borrowed()));
    cx.span().span_context().span_id().to_string()
}

#[test]
fn headers_are_read_in_any_case() {
    for key in ["traceparent", "Traceparent", "TRACEPARENT"] {
        assert_eq!(span_id(&texts(&[(key, TRACEPARENT)])), SPAN_ID, "{key}");
    }
    let exact_first = texts(&[("traceparent", TRACEPARENT), ("Traceparent", "other")]);
    assert_eq!(span_id(&exact_first), SPAN_ID);
}

#[test]
fn among_duplicates_the_last_counts() {
    let last = texts(&[("traceparent", "other"), ("traceparent", TRACEPARENT)]);
    assert_eq!(span_id(&last), SPAN_ID);
    let stale = "00-11111111111111111111111111111111-1111111111111111-01";
    let many: Vec<_> = std::iter::repeat_n(("traceparent", stale), 499)
        .chain([("traceparent", TRACEPARENT)])
        .collect();
    assert_eq!(span_id(&texts(&many)), SPAN_ID);
    assert_eq!(reported(&texts(&many)).malformed, [""; 0]);

    let null_last = headers(&[
        (b"traceparent", Some(TRACEPARENT.as_bytes())),
        (b"traceparent", None),
    ]);
    assert!(reported(&null_last).is_missing());
}

#[test]
fn values_that_are_no_text_are_not_there() {
    let headers = headers(&[
        (b"traceparent", Some(&[0xff, 0xfe])),
        (b"tracestate", Some(b"")),
        (b"baggage", None),
    ]);
    let carrier = HeaderExtractor::new(Some(headers.as_borrowed()));
    for key in ["traceparent", "tracestate", "baggage", "x-amzn-trace-id"] {
        assert_eq!(carrier.get(key), None, "{key}");
    }
    assert!(extract_reported(&every_format(), Some(headers.as_borrowed())).is_missing());
}

/// The case that ends consumers: rdkafka itself panics on it.
#[test]
fn a_key_that_is_not_utf8_is_passed_over_and_counted() {
    let poison = headers(&[
        (b"\xff\xfetraceparent", Some(b"x")),
        (b"traceparent", Some(TRACEPARENT.as_bytes())),
        (b"\xc3", None),
    ]);
    let panics = catch_unwind(AssertUnwindSafe(|| poison.iter().count()));
    assert!(panics.is_err(), "rdkafka reads such a key by now");

    assert_eq!(span_id(&poison), SPAN_ID);
    let carrier = HeaderExtractor::new(Some(poison.as_borrowed()));
    assert_eq!(carrier.malformed_keys(), 2);
    assert_eq!(carrier.keys(), ["traceparent"]);
}

#[test]
fn a_message_without_headers_is_missing_context() {
    let extracted = extract_reported(&every_format(), None);
    assert!(extracted.is_missing() && extracted.link.is_none());
    assert_eq!(HeaderExtractor::new(None).malformed_keys(), 0);
}

#[test]
fn a_malformed_header_is_counted_and_the_message_goes_on() {
    let extracted = reported(&texts(&[("traceparent", "00-nonsense")]));
    assert_eq!(extracted.malformed, ["tracecontext"]);
    assert!(!extracted.context.span().span_context().is_valid());
}

#[test]
fn a_header_of_a_megabyte_is_read() {
    let large = "k=v,".repeat(262_144);
    let record = texts(&[("traceparent", TRACEPARENT), ("baggage", &large)]);
    let extracted = reported(&record);
    assert_eq!(extracted.format, Some("tracecontext"));
    assert!(extracted.context.baggage().len() <= 1);
    assert!(extracted.baggage_dropped.total() > 0);
}

#[test]
fn keys_name_every_header_once() {
    let headers = texts(&[("a", "1"), ("b", "2"), ("a", "3")]);
    assert_eq!(
        HeaderExtractor::new(Some(headers.as_borrowed())).keys(),
        ["a", "b"]
    );
    assert_eq!(HeaderExtractor::new(None).keys(), [""; 0]);
}

#[test]
fn with_propagation_none_nothing_is_read() {
    let headers = texts(&[("traceparent", TRACEPARENT)]);
    let extracted = extract_reported(&Composite::none(), Some(headers.as_borrowed()));
    assert!(extracted.is_missing() && extracted.link.is_none());
}

#[test]
fn what_the_user_put_on_a_record_can_be_read() {
    let message = OwnedMessage::new(
        None,
        None,
        "orders".to_owned(),
        Timestamp::NotAvailable,
        0,
        0,
        Some(texts(&[("traceparent", TRACEPARENT)])),
    );
    let carrier = HeaderExtractor::from(&message);
    let extracted = Composite::default().extract_reported(&Context::new(), &carrier);
    assert_eq!(
        *extracted.context.span().span_context(),
        parse_traceparent(TRACEPARENT).unwrap()
    );
}
