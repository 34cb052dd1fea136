use opentelemetry::{Context, KeyValue, baggage::BaggageExt};
use tracehop_propagation::{BaggageDropped, Composite, W3cBaggage};

use crate::{Headers, extract, inject};

pub(super) fn read(header: &str) -> (Context, BaggageDropped) {
    let headers = [("baggage", header)];
    let baggage = Composite::none().with(W3cBaggage);
    let extracted = baggage.extract_reported(&Context::new(), &Headers(&headers));
    (extracted.context, extracted.baggage_dropped)
}

pub(super) fn member(cx: &Context, key: &str) -> Option<(String, String)> {
    let (value, metadata) = cx.baggage().get_with_metadata(key)?;
    Some((value.as_str().to_owned(), metadata.as_str().to_owned()))
}

pub(super) fn written(cx: &Context) -> String {
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
            ..BaggageDropped::default()
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
            members: 6,
            ..BaggageDropped::default()
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
            bytes: 1,
            ..BaggageDropped::default()
        }
    );
    assert_eq!(written(&cx), "first=1,last=2");
    // 3 bytes each when encoded, 1 when decoded.
    let (_, dropped) = read(&format!("a={},b=1", "%20".repeat(2730)));
    assert_eq!(dropped.bytes, 1);
}

#[test]
fn several_headers_are_one_list() {
    let cx = extract(&W3cBaggage, &[("baggage", "a=1"), ("baggage", "b=2")]);
    assert_eq!(written(&cx), "a=1,b=2");
}
