use opentelemetry::propagation::Extractor as _;
use opentelemetry::trace::TraceContextExt as _;
use opentelemetry::{Context, KeyValue, baggage::BaggageExt as _};
use proptest::prelude::*;
use rdkafka::message::OwnedHeaders;
use tracehop_kafka::{HeaderExtractor, RawHeader, RawHeaders, append, extract, inject};
use tracehop_propagation::{Composite, LINEAGE, TraceContext};

use crate::{Owned, TRACEPARENT, all, every_format, span_context};

const FIELDS: [&str; 4] = ["traceparent", "tracestate", "baggage", "x-amzn-trace-id"];

/// Any bytes but NUL, which librdkafka ends a key at.
fn bytes(longest: usize) -> impl Strategy<Value = Vec<u8>> {
    prop::collection::vec(1..=u8::MAX, 0..longest)
}

/// Headers as users have them: any bytes, text, nulls, duplicates, and with our fields among them.
fn headers() -> impl Strategy<Value = Vec<Owned>> {
    let ours = vec![
        "traceparent",
        "Tracestate",
        "baggage",
        "X-Amzn-Trace-Id",
        "tracehop-attempt",
    ];
    let key = prop_oneof![
        2 => bytes(12),
        2 => "user[a-z]{0,3}".prop_map(String::into_bytes),
        2 => prop::sample::select(ours).prop_map(|key| key.as_bytes().to_vec()),
    ];
    let value = prop_oneof![
        prop::collection::vec(any::<u8>(), 0..40),
        Just(TRACEPARENT.as_bytes().to_vec()),
    ];
    prop::collection::vec((key, prop::option::of(value)), 0..12)
}

fn record(headers: &[Owned]) -> Option<OwnedHeaders> {
    let mut record = OwnedHeaders::new();
    for (key, value) in headers {
        append(
            &mut record,
            RawHeader {
                key,
                value: value.as_deref(),
            },
        );
    }
    (!headers.is_empty()).then_some(record)
}

fn context() -> impl Strategy<Value = Context> {
    let members = prop::collection::vec(("[a-z]{1,8}", "\\PC{0,60}"), 0..20);
    (any::<bool>(), any::<bool>(), members).prop_map(|(traced, state, members)| {
        let state: &[_] = if state {
            &[("congo", "t61rcWkgMzE")]
        } else {
            &[]
        };
        let members = members
            .into_iter()
            .map(|(key, value)| KeyValue::new(key, value));
        let cx = Context::new().with_baggage(members);
        if traced {
            cx.with_remote_span_context(span_context(state))
        } else {
            cx
        }
    })
}

fn is_ours(key: &[u8]) -> bool {
    FIELDS
        .iter()
        .chain(&LINEAGE)
        .any(|field| field.as_bytes().eq_ignore_ascii_case(key))
}

fn users(headers: &[Owned]) -> Vec<&Owned> {
    headers.iter().filter(|(key, _)| !is_ours(key)).collect()
}

proptest! {
    #[test]
    fn any_bytes_are_read_back_in_order_from_both_ends(before in headers()) {
        let Some(record) = record(&before) else { return Ok(()) };
        prop_assert_eq!(&all(&record), &before);
        let raw = RawHeaders::new(record.as_borrowed());
        prop_assert_eq!(raw.len(), before.len());
        let backwards: Vec<_> = raw.rev().map(|header| header.key.to_vec()).collect();
        let expected: Vec<_> = before.iter().rev().map(|(key, _)| key.clone()).collect();
        prop_assert_eq!(backwards, expected);
    }

    #[test]
    fn the_users_headers_are_unchanged_for_any_record(before in headers(), cx in context()) {
        let mut after = record(&before);
        let injected = inject(&cx, &every_format(), &mut after);
        let written = after.as_ref().map(all).unwrap_or_default();
        prop_assert_eq!(users(&written), users(&before));

        let ours: Vec<_> = written.iter().filter(|(key, _)| is_ours(key)).collect();
        if cx.span().span_context().is_valid() {
            prop_assert_eq!(ours.len(), injected.fields, "nothing stale is left, nothing doubled");
            prop_assert!(ours.iter().all(|(_, value)| value.as_ref().is_some_and(|value| !value.is_empty())));
        }
        injected.undo(&mut after);
        prop_assert_eq!(after.as_ref().map(all).unwrap_or_default(), before);
    }

    #[test]
    fn whatever_is_sent_is_extracted_again(before in headers(), cx in context()) {
        let mut after = record(&before);
        inject(&cx, &Composite::default(), &mut after);
        let received = extract(&Composite::default(), after.as_ref().map(OwnedHeaders::as_borrowed));
        if cx.span().span_context().is_valid() {
            let (sent, received) = (cx.span(), received.span());
            prop_assert_eq!(sent.span_context(), received.span_context());
        }
        for (key, (value, metadata)) in cx.baggage() {
            prop_assert_eq!(Some(&(value.clone(), metadata.clone())), received.baggage().get_with_metadata(key));
        }
    }

    #[test]
    fn no_record_panics_or_yields_an_invalid_context(before in headers()) {
        let record = record(&before);
        let borrowed = record.as_ref().map(OwnedHeaders::as_borrowed);
        for composite in [every_format(), Composite::none().with(TraceContext)] {
            let cx = extract(&composite, borrowed);
            prop_assert_eq!(cx.has_active_span(), cx.span().span_context().is_valid());
        }
        let carrier = HeaderExtractor::new(borrowed);
        let malformed = before.iter().filter(|(key, _)| std::str::from_utf8(key).is_err());
        prop_assert_eq!(carrier.malformed_keys(), malformed.count());
        prop_assert!(carrier.keys().iter().all(|key| before.iter().any(|(known, _)| known == key.as_bytes())));
    }
}
