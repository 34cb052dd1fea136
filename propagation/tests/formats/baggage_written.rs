use opentelemetry::{
    Context, KeyValue,
    baggage::{Baggage, BaggageExt, KeyValueMetadata},
    propagation::Injector,
};
use proptest::prelude::*;
use tracehop_propagation::{BaggageDropped, Composite, ReceivedBaggage, W3cBaggage};

use super::baggage::{member, read, written};

#[test]
fn the_limits_hold_for_writing_too() {
    let cx = Context::new().with_baggage([
        KeyValue::new("a", " ".repeat(2000)),
        KeyValue::new("b", " ".repeat(1000)),
        KeyValue::new("c", "x"),
    ]);
    let mut sent = std::collections::HashMap::<String, String>::new();
    let dropped = Composite::default().inject_reported(&cx, &mut sent);
    assert_eq!(
        dropped,
        BaggageDropped {
            bytes: 1,
            ..BaggageDropped::default()
        }
    );
    assert_eq!(sent["baggage"], format!("a={},c=x", "%20".repeat(2000)));
}

#[test]
fn unchanged_members_are_written_as_they_came() {
    let header = "z=%7a;p=1 ; q ,  a = x+y,m=%C3%A9";
    assert_eq!(written(&read(header).0), "z=%7a;p=1 ; q,a = x+y,m=%C3%A9");
}

#[test]
fn changed_and_new_members_follow_sorted_and_removed_ones_are_gone() {
    let (cx, _) = read("z=1;p,y=2,x=3;q,w=4");
    let edited = cx.with_baggage([
        KeyValueMetadata::new("z", "1", "p"),
        KeyValueMetadata::new("y", "changed", ""),
        KeyValueMetadata::new("x", "3", "other"),
        KeyValueMetadata::new("b", "new", ""),
        KeyValueMetadata::new("a", "new", "k = v;flag"),
    ]);
    assert_eq!(
        written(&edited),
        "z=1;p,a=new;k=v;flag,b=new,x=3;other,y=changed"
    );
    assert_eq!(written(&cx.with_cleared_baggage()), "");
}

#[test]
fn of_one_key_twice_in_a_header_the_last_counts() {
    let (cx, _) = read("a=1,b=2,a=3");
    assert_eq!(member(&cx, "a").unwrap().0, "3");
    assert_eq!(written(&cx), "b=2,a=3");
    // A duplicate is written once, and hides neither a member after it nor a new one.
    let (cx, _) = read("a=1,a=1,z=%7a;p=1,b=2");
    assert_eq!(written(&cx), "a=1,z=%7a;p=1,b=2");
    let (cx, _) = read("a=1,a=1");
    assert_eq!(
        written(&cx.with_baggage([KeyValue::new("a", "1"), KeyValue::new("b", "2")])),
        "a=1,b=2"
    );
}

/// The SDK writes metadata as it is, so a comma in it becomes a member.
#[test]
fn metadata_cannot_add_a_member() {
    let cx = Context::new().with_baggage([KeyValueMetadata::new("a", "1", "p=1,evil=2;q=\"é\"\n")]);
    assert_eq!(written(&cx), "a=1;p=1%2Cevil=2;q=%22%C3%A9%22");
}

#[derive(Default)]
struct Sent(Vec<(String, String)>);

impl Injector for Sent {
    fn set(&mut self, key: &str, value: String) {
        self.0.push((key.to_owned(), value));
    }
}

#[test]
fn a_relay_that_edits_nothing_forwards_byte_for_byte() {
    for header in [
        "a=1, b = 2 ;p,broken,,a=1",
        &format!("big={}", "x".repeat(9000)),
        "broken",
        " a=1 ",
    ] {
        let (cx, _) = read(header);
        let mut sent = Sent::default();
        assert_eq!(forward(&cx, &mut sent).total(), 0);
        assert_eq!(sent.0, [("baggage".to_owned(), header.to_owned())]);
        assert_eq!(ReceivedBaggage::of(&cx), Some(header));
    }
}

#[test]
fn a_relay_that_edits_forwards_the_edit() {
    let (cx, _) = read("a=1, b = 2 ;p,broken");
    for (edited, expected) in [
        (
            cx.with_baggage([KeyValueMetadata::new("b", "2", "p")]),
            "b = 2 ;p",
        ),
        (
            cx.with_baggage([KeyValue::new("a", "1"), KeyValue::new("b", "2")]),
            "a=1,b=2",
        ),
        (
            cx.with_baggage([
                KeyValueMetadata::new("a", "1", ""),
                KeyValueMetadata::new("b", "2", "p"),
                KeyValueMetadata::new("added", "3", ""),
            ]),
            "a=1,b = 2 ;p,added=3",
        ),
    ] {
        let mut sent = Sent::default();
        forward(&edited, &mut sent);
        assert_eq!(sent.0, [("baggage".to_owned(), expected.to_owned())]);
    }
    let mut sent = Sent::default();
    forward(&cx.with_cleared_baggage(), &mut sent);
    assert_eq!(sent.0, []);
    forward(&Context::new(), &mut sent);
    assert_eq!(sent.0, []);
}

fn forward(cx: &Context, sent: &mut Sent) -> BaggageDropped {
    let baggage = Composite::none().with(W3cBaggage);
    baggage.inject_reported(&W3cBaggage::forwarded(cx), sent)
}

fn baggage() -> impl Strategy<Value = Vec<(String, String)>> {
    let key = "[a-zA-Z0-9!#$%&'*+.^_`|~-]{1,12}";
    prop::collection::vec((key, any::<String>()), 0..12)
}

proptest! {
    /// Values are any Unicode: control characters, separators, spaces at the ends, all of it.
    #[test]
    fn baggage_survives_a_round_trip(members in baggage()) {
        let sent: Baggage = members.into_iter().map(|(key, value)| KeyValue::new(key, value)).collect();
        let cx = Context::new().with_baggage(sent);
        let header = written(&cx);
        prop_assert!(header.bytes().all(|byte| byte.is_ascii_graphic()), "{header:?}");
        let (received, dropped) = read(&header);
        prop_assert_eq!(dropped.total(), 0);
        prop_assert_eq!(received.baggage().len(), cx.baggage().len());
        for (key, value) in cx.baggage() {
            prop_assert_eq!(received.baggage().get_with_metadata(key), Some(value));
        }
        prop_assert_eq!(written(&received), header, "a second hop changes nothing");
    }

    #[test]
    fn what_is_written_keeps_the_limits(
        received in prop::collection::vec(("[a-d]", 0..900_usize), 0..9),
        added in prop::collection::vec(("[a-z]{1,3}", 0..2000_usize), 0..70),
    ) {
        let received: Vec<_> = received.into_iter().map(|(key, n)| format!("{key}={}", "%20".repeat(n))).collect();
        let (cx, _) = read(&received.join(" , "));
        let mut members: Vec<_> = cx.baggage().iter()
            .map(|(key, (value, metadata))| KeyValueMetadata::new(key.clone(), value.clone(), metadata.as_str()))
            .collect();
        members.extend(added.into_iter().map(|(key, n)| KeyValueMetadata::new(key, " ".repeat(n), "")));
        let written = written(&cx.with_baggage(members));
        prop_assert!(written.len() <= 8192, "{} bytes", written.len());
        prop_assert!(written.is_empty() || written.split(',').count() <= 64);
        prop_assert_eq!(read(&written).1.total(), 0, "and what is written is read whole");
    }
}
