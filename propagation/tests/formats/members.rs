use opentelemetry::{
    Context, KeyValue,
    baggage::BaggageExt,
    trace::{FutureExt as _, TraceContextExt as _},
};
use tracehop_propagation::{
    BaggageMember, DebugFlag, ReceivedBaggage, W3cBaggage, baggage_members, with_hints,
};

use crate::{extract, inject, parent};

const TENANT: BaggageMember<String> = BaggageMember::new("tenant");
const SIZE: BaggageMember<u32> = BaggageMember::new("size");

fn listed(cx: &Context) -> Vec<(&str, &str)> {
    baggage_members(cx).collect()
}

#[test]
fn one_member_is_set_and_removed_and_the_others_stay_as_they_came() {
    let cx = extract(&W3cBaggage, &[("baggage", "z=%31;p=1, size=7,a=2")]);
    assert_eq!(SIZE.get(&cx), Some(7));
    let set = SIZE.set(&cx, &8);
    assert_eq!(inject(&W3cBaggage, &set)["baggage"], "z=%31;p=1,a=2,size=8");
    let removed = SIZE.remove(&cx);
    assert_eq!(inject(&W3cBaggage, &removed)["baggage"], "z=%31;p=1,a=2");
    assert_eq!(SIZE.get(&cx), Some(7), "the context before is as it was");
    let added = TENANT.set(&cx, &"Café".to_owned());
    assert_eq!(
        listed(&added),
        [("a", "2"), ("size", "7"), ("tenant", "Café"), ("z", "1")]
    );
}

#[test]
fn a_value_of_another_type_is_none() {
    let cx = Context::new().with_baggage([KeyValue::new("size", "large")]);
    assert_eq!(SIZE.get(&cx), None);
    assert_eq!(SIZE.get(&Context::new()), None);
    let as_text = BaggageMember::<String>::named("size").unwrap();
    assert_eq!(as_text.get(&cx).as_deref(), Some("large"));
}

#[test]
fn a_member_is_set_for_a_scope() {
    assert_eq!(SIZE.current(), None);
    {
        let _outer = TENANT.attach(&"acme".to_owned());
        let _inner = SIZE.attach(&5);
        assert_eq!(
            (SIZE.current(), TENANT.current().as_deref()),
            (Some(5), Some("acme"))
        );
    }
    assert_eq!((SIZE.current(), TENANT.current()), (None, None));
}

#[test]
fn a_member_is_set_for_a_future() {
    let cx = SIZE.set(&Context::new(), &5);
    let future = std::pin::pin!(async { SIZE.current() }.with_context(cx));
    let mut task = std::task::Context::from_waker(std::task::Waker::noop());
    assert_eq!(future.poll(&mut task), std::task::Poll::Ready(Some(5)));
    assert_eq!(SIZE.current(), None);
}

#[test]
fn keys_are_tokens() {
    for wrong in ["", "a b", "a=", "é", "a,b", "a;b"] {
        assert!(BaggageMember::<String>::named(wrong).is_none(), "{wrong:?}");
    }
    assert_eq!(
        BaggageMember::<String>::named("a.b-c").unwrap().key(),
        "a.b-c"
    );
}

#[test]
fn a_member_that_finds_no_room_is_left_out() {
    let cx = TENANT.set(&Context::new(), &"acme".to_owned());
    let full = TENANT.set(&cx, &"x".repeat(9_000));
    assert_eq!(listed(&full), [("", ""); 0]);
    let cx = Context::new().with_baggage((0..64).map(|i| KeyValue::new(format!("k{i}"), "v")));
    assert_eq!(SIZE.set(&cx, &1).baggage().len(), 64);
}

#[test]
fn hints_go_along_where_the_baggage_goes() {
    use tracehop_propagation::{B3, Composite};
    let formats = Composite::none().with(B3).with(W3cBaggage);
    let headers = [
        ("b3", "80f198ee56343ba864fe8b2a57d3eff7-e457b5a2e4d86bd1-d"),
        ("baggage", "a=1"),
    ];
    let extracted = extract(&formats, &headers);
    let ours = with_hints(&Context::new(), &extracted);
    assert_eq!(ReceivedBaggage::of(&ours), Some("a=1"));
    assert!(!DebugFlag::is_set(&ours) && ours.baggage().is_empty());
    assert!(DebugFlag::is_set(
        &ours.with_remote_span_context(parent(&extracted))
    ));
}
