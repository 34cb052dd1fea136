use lapin::BasicProperties;
use opentelemetry::{
    Context,
    propagation::{Extractor, Injector, TextMapPropagator, text_map_propagator::FieldIter},
};
use tracehop_amqp::{Budget, DropReason, Injected, inject};
use tracehop_propagation::Composite;

use crate::{EMPTY_FRAME_BYTES, TRACEPARENT_BYTES, message, rich, string, traced, value, written};

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

fn everything(max_frame_bytes: usize) -> (BasicProperties, Injected) {
    let mut properties = BasicProperties::default();
    let propagator = Everything(Composite::default());
    let injected = inject(
        &rich(),
        &propagator,
        &mut properties,
        Budget { max_frame_bytes },
    );
    (properties, injected)
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
    let all: usize = sizes.iter().map(|(_, bytes)| bytes).sum();
    let mut limit = EMPTY_FRAME_BYTES + all;
    assert_eq!(everything(limit).1.dropped, []);
    for (gone, bytes) in sizes {
        let (properties, injected) = everything(limit - 1);
        limit -= bytes;
        assert_eq!(injected.frame_bytes, limit, "{gone} does not fit");
        assert_eq!(
            everything(limit).1,
            injected,
            "what is left fits to the last byte"
        );
        let reasons = injected.dropped.iter().map(|dropped| dropped.reason);
        assert!(
            reasons
                .into_iter()
                .all(|reason| reason == DropReason::Bytes)
        );
        if injected.fields == 0 {
            assert_eq!(properties, BasicProperties::default());
            continue;
        }
        let members = value(&properties, "baggage").map_or(0, |baggage| baggage.split(',').count());
        assert_eq!(injected.baggage_members_dropped, 3 - members, "{gone}");
        let names = written(&properties);
        match gone {
            "baggage c" => assert_eq!(value(&properties, "baggage"), Some("a=vvvvvvvv,b=vvvvvvvv")),
            "baggage b" => assert_eq!(value(&properties, "baggage"), Some("a=vvvvvvvv")),
            "x-b3-*" => assert_eq!(names, ["traceparent", "uber-trace-id"]),
            name => assert!(!names.contains(&name), "{name}: {names:?}"),
        }
    }
    assert_eq!(limit, EMPTY_FRAME_BYTES);
}

#[test]
fn the_frame_stays_4096_bytes_below_the_limit_of_the_connection() {
    // The name with its length, the type, and the length of the value.
    let header = 1 + 6 + 1 + 4;
    for (frame_max, limit) in [(None, 126_976), (Some(8192), 4096), (Some(1000), 0)] {
        let budget = frame_max.map_or_else(Budget::default, Budget::of_frame_max);
        assert_eq!(budget.max_frame_bytes, limit);
        let room = limit.saturating_sub(EMPTY_FRAME_BYTES + header + TRACEPARENT_BYTES);
        for (size, fits) in [(room, limit > 0), (room + 1, false)] {
            let mut properties = message([("user-0", string(&"x".repeat(size)))]);
            let injected = inject(&traced(), &Composite::default(), &mut properties, budget);
            assert_eq!(injected.fields, usize::from(fits), "{frame_max:?} {size}");
        }
    }
    assert_eq!(Budget::of_frame_max(0).max_frame_bytes, usize::MAX);
}

#[test]
fn the_users_properties_count_with_their_headers() {
    let budget = Budget {
        max_frame_bytes: EMPTY_FRAME_BYTES + 5 + TRACEPARENT_BYTES,
    };
    for (id, fields) in [("4321", 1), ("54321", 0)] {
        let mut properties = BasicProperties::default().with_message_id(id.into());
        let injected = inject(&traced(), &Composite::default(), &mut properties, budget);
        assert_eq!(injected.fields, fields, "{id}");
    }
}

#[test]
fn a_replaced_field_gives_its_bytes_back() {
    let budget = Budget {
        max_frame_bytes: EMPTY_FRAME_BYTES + TRACEPARENT_BYTES,
    };
    let mut properties = message([("Traceparent", string(&"x".repeat(55)))]);
    let injected = inject(&traced(), &Composite::default(), &mut properties, budget);
    assert_eq!(
        (injected.fields, injected.frame_bytes),
        (1, budget.max_frame_bytes)
    );
}

#[test]
fn headers_of_the_user_above_the_limit_are_left_alone() {
    let mut properties = message([("user-0", string(&"x".repeat(200_000)))]);
    let before = properties.clone();
    let injected = inject(
        &rich(),
        &Composite::default(),
        &mut properties,
        Budget::default(),
    );
    assert_eq!(injected.fields, 0);
    assert_eq!(properties, before);
}
