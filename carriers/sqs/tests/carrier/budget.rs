use opentelemetry::{
    Context,
    propagation::{Extractor, Injector, TextMapPropagator, text_map_propagator::FieldIter},
};
use tracehop_propagation::Composite;
use tracehop_sqs::{Budget, DropReason, HeaderInjector, Injected, Outgoing, inject};

use crate::{
    Attributes, TRACEPARENT_BYTES, request, rich, string, traced, user_attributes, value, written,
};

const CUSTOMARY: usize = 262_144;
const LARGEST: usize = 1_048_576;

/// Two formats beside W3C, one of them with two fields that belong together.
#[derive(Debug)]
struct Everything(Composite);

impl TextMapPropagator for Everything {
    fn inject_context(&self, cx: &Context, injector: &mut dyn Injector) {
        injector.set("tracehop-attempt", "2".to_owned());
        injector.set("tracehop-hops", "1".to_owned());
        self.0.inject_context(cx, injector);
        injector.set("uber-trace-id", "u".repeat(20));
        injector.set("x-b3-traceid", "t".repeat(20));
        injector.set("x-b3-spanid", "s".repeat(20));
    }

    fn extract_with_context(&self, cx: &Context, _: &dyn Extractor) -> Context {
        cx.clone()
    }

    fn fields(&self) -> FieldIter<'_> {
        self.0.fields()
    }
}

fn everything(budget: Budget, body: usize, users: usize) -> (Attributes, Injected) {
    let mut attributes = user_attributes(users);
    let propagator = Everything(Composite::default());
    let mut injector = HeaderInjector::new(&propagator, &mut attributes, body, budget);
    injector.inject_context(&rich());
    let injected = injector.finish();
    (attributes, injected)
}

/// Lineage, baggage, tracestate, other formats, `traceparent`: one slot after the other.
#[test]
fn with_fewer_slots_the_least_important_field_goes_first() {
    let by_slots = [
        &[
            "baggage",
            "traceparent",
            "tracehop-attempt",
            "tracehop-hops",
            "tracestate",
            "uber-trace-id",
            "x-b3-spanid",
            "x-b3-traceid",
        ][..],
        &[
            "baggage",
            "traceparent",
            "tracehop-attempt",
            "tracestate",
            "uber-trace-id",
            "x-b3-spanid",
            "x-b3-traceid",
        ],
        &[
            "baggage",
            "traceparent",
            "tracestate",
            "uber-trace-id",
            "x-b3-spanid",
            "x-b3-traceid",
        ],
        &[
            "traceparent",
            "tracestate",
            "uber-trace-id",
            "x-b3-spanid",
            "x-b3-traceid",
        ],
        &[
            "traceparent",
            "uber-trace-id",
            "x-b3-spanid",
            "x-b3-traceid",
        ],
        // The two fields of one format go together.
        &["traceparent", "uber-trace-id"],
        &["traceparent", "uber-trace-id"],
        &["traceparent"],
        &[],
    ];
    for (users, expected) in (2..).zip(by_slots) {
        let (attributes, injected) = everything(Budget::sqs(), 0, users);
        let mut expected = expected.to_vec();
        expected.sort_unstable();
        assert_eq!(written(&attributes), expected, "{users} of the user's own");
        assert_eq!(injected.fields, expected.len());
        assert_eq!(injected.dropped.len(), 8 - expected.len());
        assert!(
            injected
                .dropped
                .iter()
                .all(|dropped| dropped.reason == DropReason::Slots)
        );
    }
}

#[test]
fn with_fewer_bytes_baggage_loses_members_from_the_end_before_it_goes() {
    let sizes = [
        ("tracehop-hops", 13 + 6 + 1),
        ("tracehop-attempt", 16 + 6 + 1),
        ("baggage c", 11),
        ("baggage b", 11),
        ("baggage", 7 + 6 + 10),
        ("tracestate", 10 + 6 + 9),
        ("x-b3-*", 12 + 11 + 2 * 26),
        ("uber-trace-id", 13 + 6 + 20),
        ("traceparent", TRACEPARENT_BYTES),
    ];
    let mut limit: usize = sizes.iter().map(|(_, bytes)| bytes).sum();
    let at = |limit| {
        everything(
            Budget {
                max_bytes: Some(100 + limit),
                ..Budget::sqs()
            },
            100,
            0,
        )
    };
    assert_eq!(at(limit).1.dropped, []);
    for (gone, bytes) in sizes {
        let (attributes, injected) = at(limit - 1);
        limit -= bytes;
        let names = written(&attributes);
        assert_eq!(injected.bytes, 100 + limit, "{gone} does not fit");
        assert_eq!(at(limit).1, injected, "what is left fits to the last byte");
        assert!(
            injected
                .dropped
                .iter()
                .all(|dropped| dropped.reason == DropReason::Bytes)
        );
        let members = value(&attributes, "baggage").map_or(0, |baggage| baggage.split(',').count());
        assert_eq!(injected.baggage_members_dropped, 3 - members, "{gone}");
        match gone {
            "baggage c" => assert_eq!(value(&attributes, "baggage"), Some("a=vvvvvvvv,b=vvvvvvvv")),
            "baggage b" => assert_eq!(value(&attributes, "baggage"), Some("a=vvvvvvvv")),
            "x-b3-*" => assert_eq!(names, ["traceparent", "uber-trace-id"]),
            name => assert!(!names.contains(&name), "{name}: {names:?}"),
        }
    }
    assert_eq!(limit, 0);
}

#[test]
fn a_message_within_262144_bytes_is_not_pushed_above() {
    for (body, fields) in [
        (CUSTOMARY - TRACEPARENT_BYTES, 1),
        (CUSTOMARY - TRACEPARENT_BYTES + 1, 0),
        (CUSTOMARY, 0),
        (CUSTOMARY + 1, 1),
        (LARGEST - TRACEPARENT_BYTES, 1),
        (LARGEST - TRACEPARENT_BYTES + 1, 0),
        (LARGEST, 0),
        (LARGEST + 5, 0),
        (usize::MAX / 2, 0),
    ] {
        let mut attributes: Attributes = None;
        let composite = Composite::default();
        let mut injector = HeaderInjector::new(&composite, &mut attributes, body, Budget::sqs());
        injector.inject_context(&traced());
        let injected = injector.finish();
        assert_eq!(injected.fields, fields, "{body}");
        assert_eq!(injected.bytes, body + fields * TRACEPARENT_BYTES);
    }
}

#[test]
fn the_users_attributes_count_with_names_types_and_values() {
    // 5 + 6 + n bytes each.
    let user = CUSTOMARY - 4 - TRACEPARENT_BYTES - 11;
    for (bytes, fields) in [(user, 1), (user + 1, 0)] {
        let attributes = [("user-".to_owned(), string(&"x".repeat(bytes)))];
        let mut request = request(Some(attributes.into()), "body");
        let size = request.bytes();
        assert_eq!(size, 4 + 11 + bytes);
        let injected = inject(
            &traced(),
            &Composite::default(),
            &mut request,
            Budget::sqs(),
        );
        assert_eq!(
            (injected.fields, injected.bytes),
            (fields, size + fields * TRACEPARENT_BYTES)
        );
        assert_eq!(request.bytes(), injected.bytes);
    }
}

#[test]
fn a_replaced_field_gives_its_bytes_back() {
    let stale = [("traceparent".to_owned(), string(&"x".repeat(55)))];
    let mut request = request(
        Some(stale.into()),
        &"b".repeat(CUSTOMARY - TRACEPARENT_BYTES),
    );
    let injected = inject(
        &traced(),
        &Composite::default(),
        &mut request,
        Budget::sqs(),
    );
    assert_eq!((injected.fields, injected.bytes), (1, CUSTOMARY));
}

#[test]
fn a_maximum_that_is_set_holds_for_every_size() {
    for (max, fields) in [
        (1024 + TRACEPARENT_BYTES, 1),
        (1024 + TRACEPARENT_BYTES - 1, 0),
        (10, 0),
        (0, 0),
    ] {
        let mut request = request(None, &"b".repeat(1024));
        let budget = Budget {
            max_bytes: Some(max),
            ..Budget::sqs()
        };
        let injected = inject(&traced(), &Composite::default(), &mut request, budget);
        assert_eq!(injected.fields, fields, "{max}");
        assert!(injected.aws_trace_header, "which counts toward nothing");
    }
}

#[test]
fn eleven_attributes_of_the_user_are_left_alone() {
    let mut request = request(user_attributes(11), "body");
    let injected = inject(&rich(), &Composite::default(), &mut request, Budget::sqs());
    assert_eq!(injected.fields, 0);
    assert_eq!(request.message_attributes, user_attributes(11));
}
