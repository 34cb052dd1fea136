use opentelemetry::{
    Context, KeyValue,
    baggage::{Baggage, BaggageExt, KeyValueMetadata},
    propagation::Injector,
};
use proptest::prelude::*;
use tracehop_propagation::{BaggageDropped, Composite, ReceivedBaggage, W3cBaggage};

use crate::{Headers, extract, inject};

fn read(header: &str) -> (Context, BaggageDropped) {
    let headers = [("baggage", header)];
    let baggage = Composite::none().with(W3cBaggage);
    let extracted = baggage.extract_reported(&Context::new(), &Headers(&headers));
    (extracted.context, extracted.baggage_dropped)
}

fn member(cx: &Context, key: &str) -> Option<(String, String)> {
    let (value, metadata) = cx.baggage().get_with_metadata(key)?;
    Some((value.as_str().to_owned(), metadata.as_str().to_owned()))
}

fn written(cx: &Context) -> String {
    inject(&W3cBaggage, cx)
        .remove("baggage")
        .unwrap_or_default()
}

/// The examples of the recommendation and of its suite (w3c/baggage, folder test).
#[test]
fn members_are_read_as_the_recommendation_says() {
    let spaced = "SomeKey \t = \t SomeValue \t ; \t SomeProp \t , \t SomeKey2 \t = \t SomeValue2";
    for (header, key, value, properties) in [
        ("SomeKey=SomeValue", "SomeKey", "SomeValue", ""),
        (
            "SomeKey=SomeValue=equals",
            "SomeKey",
            "SomeValue=equals",
            "",
        ),
        ("tok=YWJj==", "tok", "YWJj==", ""),
        (
            "SomeKey=%09%20%22%27%3B%3Dasdf%21%40%23%24%25%5E%26%2A%28%29",
            "SomeKey",
            "\t \"';=asdf!@#$%^&*()",
            "",
        ),
        (
            "a=1;SomeProp;SecondProp=PropValue",
            "a",
            "1",
            "SomeProp;SecondProp=PropValue",
        ),
        (
            "a=1;SomeProp;SomeProp=x;SomeProp=y",
            "a",
            "1",
            "SomeProp;SomeProp=x;SomeProp=y",
        ),
        (
            "a=1;ValueProp%20%09%20%3D%20%09%20PropVal",
            "a",
            "1",
            "ValueProp%20%09%20%3D%20%09%20PropVal",
        ),
        (spaced, "SomeKey", "SomeValue", "SomeProp"),
        (spaced, "SomeKey2", "SomeValue2", ""),
        ("serverNode=DF%2028", "serverNode", "DF 28", ""),
        ("a=", "a", "", ""),
        ("!#$%&'*+-.^_`|~=1", "!#$%&'*+-.^_`|~", "1", ""),
    ] {
        let (cx, dropped) = read(header);
        assert_eq!(
            member(&cx, key),
            Some((value.to_owned(), properties.to_owned())),
            "{header:?}"
        );
        assert_eq!(dropped.total(), 0, "{header:?}");
    }
}

/// Python writes a space as `+`, JavaScript as `%20`; to W3C, `+` is a plus sign.
#[test]
fn a_plus_sign_is_literal() {
    let (cx, _) = read("sum=1+1,space=1%201");
    assert_eq!(member(&cx, "sum").unwrap().0, "1+1");
    assert_eq!(member(&cx, "space").unwrap().0, "1 1");
}

/// What some readers take for something else is escaped: `+` (Python), `=` (the Rust SDK).
#[test]
fn values_are_written_so_that_every_reader_agrees() {
    let cx = Context::new().with_baggage([
        KeyValue::new("percent", "100%41"),
        KeyValue::new("equals", "YWJj=="),
        KeyValue::new("plus", "1+1 é"),
    ]);
    assert_eq!(
        written(&cx),
        "equals=YWJj%3D%3D,percent=100%2541,plus=1%2B1%20%C3%A9"
    );
    let sdk = opentelemetry_sdk::propagation::BaggagePropagator::new();
    let theirs = extract(&sdk, &[("baggage", &written(&cx))]);
    for (key, (value, _)) in cx.baggage() {
        assert_eq!(theirs.baggage().get(key), Some(value));
    }
}

#[test]
fn bytes_that_are_not_utf8_become_replacement_characters() {
    let (cx, dropped) = read("a=%FFx%C3");
    assert_eq!(member(&cx, "a").unwrap().0, "\u{fffd}x\u{fffd}");
    assert_eq!(dropped.total(), 0);
    assert_eq!(written(&cx), "a=%FFx%C3", "passed on as it came");
}

#[test]
fn a_lone_percent_sign_is_literal() {
    assert_eq!(member(&read("a=100%").0, "a").unwrap().0, "100%");
    assert_eq!(member(&read("a=%zz%4").0, "a").unwrap().0, "%zz%4");
}

#[test]
fn broken_members_are_dropped_and_counted_and_the_others_kept() {
    let (cx, dropped) =
        read("a=1,no-value,=x,k y=1,b=2,c=a b,d=\"q\",e=\\,f=é,g=1;p q,h=1;=v, ,i=3;");
    let keys: Vec<_> = ["a", "b", "i"]
        .iter()
        .filter(|key| member(&cx, key).is_some())
        .collect();
    assert_eq!((keys.len(), cx.baggage().len()), (3, 3));
    assert_eq!(
        dropped,
        BaggageDropped {
            malformed: 9,
            members: 0,
            bytes: 0
        }
    );
    assert_eq!(written(&cx), "a=1,b=2,i=3;");
}

#[test]
fn a_header_with_no_valid_member_is_malformed_and_changes_nothing() {
    let before = Context::new().with_baggage([KeyValue::new("kept", "1")]);
    let headers = [("baggage", "broken")];
    let extracted = Composite::none()
        .with(W3cBaggage)
        .extract_reported(&before, &Headers(&headers));
    assert_eq!(extracted.malformed, ["baggage"]);
    assert!(member(&extracted.context, "kept").is_some());
}

#[test]
fn the_65th_member_is_dropped_and_counted() {
    let list = |n: usize| {
        (0..n)
            .map(|i| format!("k{i}=v"))
            .collect::<Vec<_>>()
            .join(",")
    };
    assert_eq!(read(&list(64)).1.total(), 0);
    let (cx, dropped) = read(&list(70));
    assert_eq!(
        dropped,
        BaggageDropped {
            malformed: 0,
            members: 6,
            bytes: 0
        }
    );
    assert_eq!(written(&cx), list(64));
}

#[test]
fn members_over_8192_encoded_bytes_are_dropped_and_counted() {
    let exact = format!("a={}", "x".repeat(8190));
    assert_eq!(read(&exact).1.total(), 0);
    let (cx, dropped) = read(&format!("first=1,{exact},last=2"));
    assert_eq!(
        dropped,
        BaggageDropped {
            malformed: 0,
            members: 0,
            bytes: 1
        }
    );
    assert_eq!(written(&cx), "first=1,last=2");
    // 3 bytes each when encoded, 1 when decoded.
    let (_, dropped) = read(&format!("a={},b=1", "%20".repeat(2730)));
    assert_eq!(dropped.bytes, 1);
}

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
            malformed: 0,
            members: 0,
            bytes: 1
        }
    );
    assert_eq!(sent["baggage"], format!("a={},c=x", "%20".repeat(2000)));
}

#[test]
fn several_headers_are_one_list() {
    let cx = extract(&W3cBaggage, &[("baggage", "a=1"), ("baggage", "b=2")]);
    assert_eq!(written(&cx), "a=1,b=2");
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
        "z=1;p,a=new;k%20=%20v;flag,b=new,x=3;other,y=changed"
    );
    assert_eq!(written(&cx.with_cleared_baggage()), "");
}

#[test]
fn of_one_key_twice_in_a_header_the_last_counts() {
    let (cx, _) = read("a=1,b=2,a=3");
    assert_eq!(member(&cx, "a").unwrap().0, "3");
    assert_eq!(written(&cx), "b=2,a=3");
    // A duplicate must not hide that another member is new.
    let (cx, _) = read("a=1,a=1");
    assert_eq!(
        written(&cx.with_baggage([KeyValue::new("a", "1"), KeyValue::new("b", "2")])),
        "a=1,a=1,b=2"
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
        assert_eq!(W3cBaggage.forward(&cx, &mut sent).total(), 0);
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
        W3cBaggage.forward(&edited, &mut sent);
        assert_eq!(sent.0, [("baggage".to_owned(), expected.to_owned())]);
    }
    let mut sent = Sent::default();
    W3cBaggage.forward(&cx.with_cleared_baggage(), &mut sent);
    assert_eq!(sent.0, []);
    W3cBaggage.forward(&Context::new(), &mut sent);
    assert_eq!(sent.0, []);
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
