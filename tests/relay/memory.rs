//! What a message has arrives with it.

use std::time::{Duration, UNIX_EPOCH};

use bytes::Bytes;
use tracehop::contract::{Message, Value};
use tracehop::worker::Failure;

use crate::bench::Bench;

/// A message with one of everything.
fn full() -> Message {
    let mut message = Message::new(&b"\x00\xff"[..])
        .with_key("customer 7")
        .with_group("g")
        .with_dedup_id("d");
    let headers = &mut message.headers;
    headers.append("twice", "1");
    headers.append("text", "t");
    headers.append("twice", "2");
    headers.append("null", Value::Null);
    headers.append("int", 7_i64);
    headers.append("float", Value::Float(0.5));
    headers.append("flag", true);
    headers.append("time", Value::Timestamp(UNIX_EPOCH));
    headers.append(Bytes::from_static(b"\xff"), Bytes::from_static(b"\xfe"));
    headers.append(
        "table",
        Value::Other {
            kind: "field-table".to_owned(),
            bytes: Bytes::from_static(b"\x00"),
        },
    );
    let properties = &mut message.properties;
    properties.content_type = Some("application/octet-stream".to_owned());
    properties.message_id = Some("id".to_owned());
    properties.correlation_id = Some("c".to_owned());
    properties.reply_to = Some("answers".to_owned());
    properties.timestamp = Some(UNIX_EPOCH + Duration::from_secs(7));
    properties.priority = Some(3);
    properties.expiration = Some(Duration::from_secs(9));
    message
}

#[tokio::test(start_paused = true)]
async fn everything_that_a_message_has_arrives() {
    let bench = Bench::new();
    bench.send(full()).await;
    let mut arrived = bench.relayed(bench.relay()).await.into_message();
    assert!(arrived.headers.remove("traceparent"));
    assert!(arrived.headers.remove("tracehop-hops"));
    assert_eq!(arrived, full());
}

#[tokio::test(start_paused = true)]
async fn a_tombstone_stays_one() {
    let bench = Bench::new();
    let tombstone = Message {
        payload: None,
        ..Message::default()
    };
    bench.send(tombstone.with_key("7")).await;
    let arrived = bench.relayed(bench.relay()).await.into_message();
    assert_eq!(arrived.payload, None);
    assert_eq!(arrived.key.as_deref(), Some(&b"7"[..]));
}

#[tokio::test(start_paused = true)]
async fn an_edit_changes_what_goes_on_or_refuses_it() {
    let bench = Bench::new();
    bench.send(Message::new("good")).await;
    bench.send(Message::new("bad")).await;
    let relay = bench.relay().edit(|message| {
        if message.text() == Some("bad") {
            return Err(Failure::reject("not this one"));
        }
        message.group = Some("g".into());
        Ok(())
    });
    let arrived = bench.relayed(relay).await.into_message();
    assert_eq!(arrived.group.as_deref(), Some(&b"g"[..]));
    let rejected = bench.broker.rejected(crate::bench::FROM);
    assert_eq!(rejected[0].text(), Some("bad"));
}

#[tokio::test(start_paused = true)]
async fn a_message_that_goes_in_a_circle_is_rejected() {
    let bench = Bench::new();
    let relayed = |hops: &str| Message::new("x").with_header("tracehop-hops", hops.to_owned());
    bench.send(relayed("2")).await;
    bench.send(relayed("3")).await;
    let arrived = bench
        .relayed(bench.relay().most_hops(3))
        .await
        .into_message();
    assert_eq!(arrived.headers.get("tracehop-hops"), Some(&"3".into()));
    assert_eq!(bench.broker.rejected(crate::bench::FROM).len(), 1);
}
