//! Which baggage passes, in each direction.

use std::collections::HashMap;

use opentelemetry::{Context, KeyValue, baggage::BaggageExt, trace::TraceContextExt};
use tracehop_propagation::{BaggageDropped, BaggagePolicy, Composite, W3cBaggage};

use crate::{Headers, inject, with_parent};

const HEADER: &str = "session=s3cret,tenant=acme;p=1,team.name=blue,team.size=12";

fn received(policy: BaggagePolicy, headers: &[(&str, &str)]) -> (Vec<String>, BaggageDropped) {
    let composite = Composite::from_names("baggage,jaeger").receive_baggage(policy);
    let found = composite.extract_reported(&Context::new(), &Headers(headers));
    let keys = found
        .context
        .baggage()
        .iter()
        .map(|(key, _)| key.to_string());
    let mut keys: Vec<_> = keys.collect();
    keys.sort();
    (keys, found.baggage_dropped)
}

fn sent(policy: BaggagePolicy) -> (HashMap<String, String>, BaggageDropped) {
    let cx = crate::extract(&W3cBaggage, &[("baggage", HEADER)]);
    let composite = Composite::from_names("baggage,jaeger").send_baggage(policy);
    let mut fields = HashMap::new();
    let dropped = composite.inject_reported(&cx, &mut fields);
    (fields, dropped)
}

fn dropped_by_policy(policy: usize) -> BaggageDropped {
    BaggageDropped {
        policy,
        ..BaggageDropped::default()
    }
}

#[test]
fn an_allow_list_lets_only_its_keys_pass() {
    let policy = || BaggagePolicy::new().allow(["tenant", "team.*"]);
    let (keys, dropped) = received(policy(), &[("baggage", HEADER)]);
    assert_eq!(keys, ["team.name", "team.size", "tenant"]);
    assert_eq!(dropped, dropped_by_policy(1));
    let (fields, dropped) = sent(policy());
    assert_eq!(
        fields["baggage"],
        "tenant=acme;p=1,team.name=blue,team.size=12"
    );
    assert!(!fields.contains_key("uberctx-session"), "{fields:?}");
    assert_eq!(fields["uberctx-tenant"], "acme");
    // Once, although two formats carry baggage.
    assert_eq!(dropped, dropped_by_policy(1));
}

#[test]
fn a_deny_list_wins_over_an_allow_list() {
    let policy = || BaggagePolicy::new().allow(["te*"]).deny(["team.*"]);
    assert_eq!(received(policy(), &[("baggage", HEADER)]).0, ["tenant"]);
    let (fields, dropped) = sent(policy());
    assert_eq!(fields["baggage"], "tenant=acme;p=1");
    assert_eq!(dropped, dropped_by_policy(3));
}

#[test]
fn a_key_is_matched_whole_and_in_its_own_case() {
    let policy = BaggagePolicy::new().allow(["Tenant", "team", "session.*"]);
    assert_eq!(received(policy, &[("baggage", HEADER)]).0, [""; 0]);
}

#[test]
fn with_nothing_allowed_no_field_is_written() {
    let (fields, dropped) = sent(BaggagePolicy::nothing());
    assert!(fields.is_empty(), "{fields:?}");
    assert_eq!(dropped, dropped_by_policy(4));
    let cx = with_parent("00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01");
    let composite = Composite::default().send_baggage(BaggagePolicy::nothing());
    assert_eq!(inject(&composite, &cx).len(), 1);
}

#[test]
fn the_first_members_within_the_budget_are_kept() {
    let (keys, dropped) = received(BaggagePolicy::new().max_members(2), &[("baggage", HEADER)]);
    assert_eq!((keys.len(), dropped.members), (2, 2));
    assert!(keys.contains(&"session".to_owned()));

    let policy = BaggagePolicy::new().max_bytes("session=s3cret,tenant=acme;p=1".len());
    let (fields, dropped) = sent(policy);
    assert_eq!(fields["baggage"], "session=s3cret,tenant=acme;p=1");
    assert_eq!(dropped.bytes, 2);
}

#[test]
fn the_budget_is_shared_by_all_formats() {
    let headers = [
        ("baggage", "a=1,b=2"),
        ("uberctx-b", "2"),
        ("uberctx-c", "3"),
    ];
    let (keys, dropped) = received(BaggagePolicy::new().max_members(2), &headers);
    assert_eq!(keys, ["a", "b"]);
    assert_eq!(dropped.members, 1, "`b` is no member too many: it is there");
}

#[test]
fn a_value_that_is_too_long_is_dropped_whole() {
    let policy = || BaggagePolicy::new().max_value_bytes(4);
    let expected = BaggageDropped {
        value_length: 1,
        ..BaggageDropped::default()
    };
    let (keys, dropped) = received(policy(), &[("baggage", HEADER)]);
    assert_eq!((keys.len(), dropped), (3, expected));
    assert_eq!(sent(policy()).1, expected);
    let cx = Context::new().with_baggage([KeyValue::new("name", "Zoë")]);
    let composite = Composite::default().send_baggage(policy());
    assert_eq!(
        inject(&composite, &cx)["baggage"],
        "name=Zo%C3%AB",
        "4 bytes"
    );
}

#[test]
fn no_policy_goes_above_the_limits_of_the_specification() {
    let policy = BaggagePolicy::new().max_members(1_000).max_bytes(1 << 20);
    assert_eq!(policy, BaggagePolicy::default());
}

#[test]
fn what_was_not_received_is_not_passed_on() {
    let composite = Composite::default().receive_baggage(BaggagePolicy::new().deny(["session"]));
    let found = composite.extract_reported(&Context::new(), &Headers(&[("baggage", HEADER)]));
    let expected = "tenant=acme;p=1,team.name=blue,team.size=12";
    assert_eq!(inject(&composite, &found.context)["baggage"], expected);
    let forwarded = W3cBaggage::forwarded(&found.context);
    assert_eq!(inject(&composite, &forwarded)["baggage"], expected);
}

#[test]
fn a_policy_holds_for_what_is_passed_on_too() {
    let cx = crate::extract(&W3cBaggage, &[("baggage", HEADER)]);
    let forwarded = W3cBaggage::forwarded(&cx);
    let composite = Composite::default();
    assert_eq!(inject(&composite, &forwarded)["baggage"], HEADER);
    let composite = composite.send_baggage(BaggagePolicy::new().deny(["session", "team.*"]));
    assert_eq!(inject(&composite, &forwarded)["baggage"], "tenant=acme;p=1");
}

#[test]
fn of_another_traces_members_none_is_passed_on() {
    const SENTRY: &str = "sentry-trace_id=4bf92f3577b34da6a3ce929d0e0e4736, a=1";
    let read = crate::extract(&W3cBaggage, &[("baggage", SENTRY)]);
    let in_trace = |trace_id: &str| {
        let parent = with_parent(&format!("00-{trace_id}-00f067aa0ba902b7-01"));
        W3cBaggage::forwarded(&read.with_remote_span_context(parent.span().span_context().clone()))
    };
    let same = in_trace("4bf92f3577b34da6a3ce929d0e0e4736");
    assert_eq!(inject(&W3cBaggage, &same)["baggage"], SENTRY);
    let other = in_trace("11111111111111111111111111111111");
    assert_eq!(inject(&W3cBaggage, &other)["baggage"], "a=1");
}

#[test]
fn a_member_that_a_format_cannot_say_is_counted_and_goes_in_the_others() {
    let cx = Context::new().with_baggage([KeyValue::new("note", "two\nlines")]);
    let composite = Composite::from_names("baggage,datadog");
    let mut fields = HashMap::new();
    let dropped = composite.inject_reported(&cx, &mut fields);
    assert_eq!(fields["baggage"], "note=two%0Alines");
    assert!(!fields.contains_key("ot-baggage-note"), "{fields:?}");
    let expected = BaggageDropped {
        unsupported: 1,
        ..BaggageDropped::default()
    };
    assert_eq!(dropped, expected);
}

#[test]
fn every_reason_has_a_name_and_is_in_the_total() {
    let dropped = BaggageDropped {
        malformed: 1,
        members: 2,
        bytes: 4,
        policy: 8,
        value_length: 16,
        other_trace: 32,
        unsupported: 64,
    };
    let named: HashMap<_, _> = dropped.into_iter().collect();
    assert_eq!((named.len(), dropped.total()), (7, 127));
    assert_eq!((named["policy"], named["unsupported"]), (8, 64));
    let mut twice = dropped;
    twice += dropped;
    assert_eq!(twice.total(), 2 * 127);
}
