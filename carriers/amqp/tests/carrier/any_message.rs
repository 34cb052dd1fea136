use lapin::types::{AMQPValue, FieldTable};
use opentelemetry::{
    Context, KeyValue, baggage::BaggageExt, propagation::Injector, trace::TraceContextExt,
};
use proptest::prelude::*;
use tracehop_amqp::{Budget, DropReason, HeaderInjector, extract, inject};
use tracehop_propagation::{Composite, TraceContext};

use crate::{BasicProperties, every_format, headers, span_context, string, table};

const FIELDS: [&str; 4] = ["traceparent", "tracestate", "baggage", "x-amzn-trace-id"];

/// Headers as users have them: of all types, and with our fields among them.
fn users_headers() -> impl Strategy<Value = FieldTable> {
    let name = prop_oneof![
        4 => "user[a-zA-Z0-9_]{0,20}",
        1 => prop::sample::select(vec!["traceparent", "Tracestate", "baggage", "X-Amzn-Trace-Id", "tracehop-attempt"]).prop_map(str::to_owned),
    ];
    let value = prop_oneof![
        "\\PC{0,40}".prop_map(|text| string(&text)),
        "\\PC{0,20}".prop_map(|text| AMQPValue::ShortString(text.into())),
        prop::collection::vec(any::<u8>(), 0..40)
            .prop_map(|bytes| AMQPValue::ByteArray(bytes.into())),
        prop::collection::vec(any::<u8>(), 0..40)
            .prop_map(|bytes| AMQPValue::LongString(bytes.into())),
        any::<i64>().prop_map(AMQPValue::from),
        Just(AMQPValue::Void),
        "\\PC{0,20}".prop_map(|text| headers([("traceparent", string(&text))]).into()),
    ];
    prop::collection::btree_map(name, value, 0..13).prop_map(|map| {
        let map = map
            .iter()
            .map(|(name, value)| (name.as_str(), value.clone()));
        headers(map)
    })
}

fn context() -> impl Strategy<Value = Context> {
    let members = prop::collection::vec(("[a-z]{1,8}", "\\PC{0,60}"), 0..20);
    (any::<bool>(), any::<bool>(), members).prop_map(|(traced, state, members)| {
        let state: &[_] = if state {
            &[("congo", "t61rcWkgMzE"), ("rojo", "00f067aa0ba902b7")]
        } else {
            &[]
        };
        let members = members.into_iter();
        let cx = Context::new().with_baggage(members.map(|(key, value)| KeyValue::new(key, value)));
        if traced {
            cx.with_remote_span_context(span_context(state))
        } else {
            cx
        }
    })
}

fn is_ours(name: &str) -> bool {
    name.starts_with("tracehop-") || FIELDS.iter().any(|field| field.eq_ignore_ascii_case(name))
}

fn users(headers: &FieldTable) -> Vec<(String, AMQPValue)> {
    let users = headers
        .into_iter()
        .filter(|(name, _)| !is_ours(name.as_str()));
    users
        .map(|(name, value)| (name.to_string(), value.clone()))
        .collect()
}

proptest! {
    #[test]
    fn the_budget_holds_for_any_message(
        before in users_headers(),
        cx in context(),
        max_frame_bytes in prop_oneof![0..2000_usize, Just(126_976)],
        attempt in prop::option::of("[0-9]{1,3}"),
    ) {
        let mut properties = BasicProperties::default().with_headers(before.clone());
        let budget = Budget { max_frame_bytes };
        let composite = every_format();
        let mut injector = HeaderInjector::new(&composite, &mut properties, budget);
        if let Some(attempt) = attempt {
            injector.set("tracehop-attempt", attempt);
        }
        composite.inject_reported(&cx, &mut injector);
        let injected = injector.finish();
        let after = table(&properties);

        prop_assert_eq!(users(after), users(&before), "the user's headers are unchanged");
        if injected.fields > 0 {
            prop_assert!(injected.frame_bytes <= max_frame_bytes);
        }
        let measured = inject(&Context::new(), &composite, &mut properties.clone(), budget);
        prop_assert_eq!(injected.frame_bytes, measured.frame_bytes);

        let ours: Vec<_> = after.into_iter().filter(|(name, _)| is_ours(name.as_str())).collect();
        let lower: std::collections::HashSet<_> =
            ours.iter().map(|(name, _)| name.as_str().to_lowercase()).collect();
        if cx.span().span_context().is_valid() {
            prop_assert_eq!(ours.len(), injected.fields, "nothing stale is left");
            prop_assert_eq!(lower.len(), ours.len(), "nothing is doubled");
            prop_assert!(!lower.contains("tracestate") || lower.contains("traceparent"));
            prop_assert!(ours.iter().all(|(_, value)| !value.as_long_string().unwrap().is_empty()));
        }
        prop_assert!(injected.dropped.iter().all(|dropped| dropped.reason == DropReason::Bytes));
    }

    #[test]
    fn whatever_fits_is_extracted_again(cx in context(), room in 0..2000_usize) {
        let composite = Composite::default();
        let mut properties = BasicProperties::default();
        let injected = inject(&cx, &composite, &mut properties, Budget { max_frame_bytes: room });
        let received = extract(&composite, &properties);
        let lost = injected.dropped.iter().any(|dropped| dropped.field == "traceparent");
        if !lost {
            prop_assert_eq!(cx.span().span_context().span_id(), received.span().span_context().span_id());
        }
        prop_assert_eq!(cx.baggage().len(), received.baggage().len() + injected.baggage_members_dropped);
        for (key, value) in received.baggage() {
            prop_assert_eq!(cx.baggage().get_with_metadata(key), Some(value));
        }
    }

    #[test]
    fn no_message_panics_or_yields_an_invalid_context(before in users_headers()) {
        let properties = BasicProperties::default().with_headers(before);
        for composite in [every_format(), Composite::none().with(TraceContext)] {
            let cx = extract(&composite, &properties);
            prop_assert_eq!(cx.has_active_span(), cx.span().span_context().is_valid());
        }
    }
}
