use aws_sdk_sqs::types::MessageAttributeValue;
use opentelemetry::{
    Context, KeyValue, baggage::BaggageExt, propagation::Injector, trace::TraceContextExt,
};
use proptest::prelude::*;
use tracehop_propagation::{Composite, TraceContext, XRay};
use tracehop_sqs::{Budget, DropReason, Outgoing, extract, inject};

use crate::{
    Attributes, aws_trace_header, binary, delivered, every_format, request, span_context, string,
};

const FIELDS: [&str; 4] = ["traceparent", "tracestate", "baggage", "x-amzn-trace-id"];

/// Attributes as users have them: some, none, binary, empty-handed, and with our fields among them.
fn attributes() -> impl Strategy<Value = Attributes> {
    let name = prop_oneof![
        4 => "user[a-zA-Z0-9_]{0,20}",
        1 => prop::sample::select(vec!["traceparent", "Tracestate", "baggage", "X-Amzn-Trace-Id", "tracehop-attempt"]).prop_map(str::to_owned),
    ];
    let value = prop_oneof![
        "\\PC{1,40}".prop_map(|text| string(&text)),
        prop::collection::vec(any::<u8>(), 0..40).prop_map(|bytes| binary(&bytes)),
    ];
    prop::option::of(prop::collection::hash_map(name, value, 0..13))
}

fn context() -> impl Strategy<Value = Context> {
    let members = prop::collection::vec(("[a-z]{1,8}", "\\PC{0,60}"), 0..20);
    (any::<bool>(), any::<bool>(), members).prop_map(|(traced, state, members)| {
        let state: &[_] = if state {
            &[("congo", "t61rcWkgMzE"), ("rojo", "00f067aa0ba902b7")]
        } else {
            &[]
        };
        let cx = Context::new().with_baggage(
            members
                .into_iter()
                .map(|(key, value)| KeyValue::new(key, value)),
        );
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

fn users(attributes: &Attributes) -> Vec<(&String, &MessageAttributeValue)> {
    let mut users: Vec<_> = attributes
        .iter()
        .flatten()
        .filter(|(name, _)| !is_ours(name))
        .collect();
    users.sort_by_key(|(name, _)| *name);
    users
}

proptest! {
    #[test]
    fn the_budgets_hold_for_any_message(
        before in attributes(),
        cx in context(),
        body in 0..2000_usize,
        max_bytes in prop::option::of(0..4000_usize),
        max_slots in 0..=10_usize,
        attempt in prop::option::of("[0-9]{1,3}"),
    ) {
        let mut request = request(before.clone(), &"b".repeat(body));
        let size_before = request.bytes();
        let budget = Budget { max_slots, max_bytes };
        let composite = every_format();
        let mut injector = request.injector(&composite, budget);
        if let Some(attempt) = attempt {
            injector.set("tracehop-attempt", attempt);
        }
        injector.inject_context(&cx);
        let injected = injector.finish();
        let after = &request.message_attributes;

        prop_assert_eq!(users(after), users(&before), "the user's attributes are unchanged");
        prop_assert_eq!(request.bytes(), injected.bytes);
        let count = after.as_ref().map_or(0, std::collections::HashMap::len);
        if injected.fields > 0 {
            prop_assert!(count <= max_slots, "{count} attributes");
            prop_assert!(injected.bytes <= max_bytes.unwrap_or(262_144));
        }
        prop_assert!(injected.bytes <= size_before.max(max_bytes.unwrap_or(262_144)));

        let ours: Vec<_> = after.iter().flatten().filter(|(name, _)| is_ours(name)).collect();
        let lower: std::collections::HashSet<_> = ours.iter().map(|(name, _)| name.to_lowercase()).collect();
        if cx.span().span_context().is_valid() {
            prop_assert_eq!(ours.len(), injected.fields, "nothing stale is left");
            prop_assert_eq!(lower.len(), ours.len(), "nothing is doubled");
            prop_assert!(!lower.contains("tracestate") || lower.contains("traceparent"));
            prop_assert!(ours.iter().all(|(_, value)| !value.string_value().unwrap().is_empty()));
        }
        prop_assert!(injected.dropped.iter().all(|dropped| matches!(dropped.reason, DropReason::Slots | DropReason::Bytes)));
        prop_assert_eq!(injected.aws_trace_header, cx.span().span_context().is_valid());
        prop_assert_eq!(injected.aws_trace_header, aws_trace_header(&request).is_some());
    }

    #[test]
    fn whatever_fits_is_extracted_again(cx in context(), room in 0..2000_usize, xray in any::<bool>()) {
        let composite = if xray { Composite::default().with(XRay) } else { Composite::default() };
        let mut request = request(None, "body");
        let injected = inject(&cx, &composite, &mut request, Budget { max_bytes: Some(4 + room), ..Budget::sqs() });
        let received = extract(&composite, &delivered(&request));
        let (sent, received_span) = (span(&cx), span(&received));
        prop_assert_eq!(sent.trace_id(), received_span.trace_id(), "AWSTraceHeader at least");
        prop_assert_eq!(sent.span_id(), received_span.span_id());
        prop_assert_eq!(cx.baggage().len(), received.baggage().len() + injected.baggage_members_dropped);
        for (key, value) in received.baggage() {
            prop_assert_eq!(cx.baggage().get_with_metadata(key), Some(value));
        }
    }

    #[test]
    fn no_message_panics_or_yields_an_invalid_context(before in attributes(), aws in "\\PC{0,80}") {
        let mut message = delivered(&request(before, "body"));
        message.attributes = Some([(aws_sdk_sqs::types::MessageSystemAttributeName::AwsTraceHeader, aws)].into());
        for composite in [every_format(), Composite::none().with(TraceContext)] {
            let cx = extract(&composite, &message);
            prop_assert_eq!(cx.has_active_span(), cx.span().span_context().is_valid());
        }
    }
}

fn span(cx: &Context) -> opentelemetry::trace::SpanContext {
    cx.span().span_context().clone()
}
