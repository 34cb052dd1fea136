//! What a message has arrives.

use std::time::{Duration, UNIX_EPOCH};

use bytes::Bytes;
use tokio::sync::mpsc;

use super::features::has;
use super::journal::{received, run, text};
use super::{Fixture, QueueKind, message, worker};
use crate::contract::{Headers, Message, Sink, Value};
use crate::worker::{Failure, Incoming};

/// Payload, headers and group arrive as they were sent, with what the broker says beside them.
pub async fn what_a_message_carries_arrives<F: Fixture>(fixture: &F) {
    let lanes = fixture.features().lanes;
    let kind = if lanes {
        QueueKind::Lanes
    } else {
        QueueKind::Plain
    };
    let queue = fixture.make_queue(kind).await;
    let sent = message("zwölf Boxkämpfer")
        .with_group("ring")
        .with_dedup_id(fastrand::u64(..).to_string())
        .with_header("kind", "fight")
        .with_header("round", "3");
    send(fixture, &queue, sent).await;
    let incoming = received(fixture, &queue).await;
    assert_eq!(text(&incoming), "zwölf Boxkämpfer");
    assert_eq!(header(&incoming, "kind"), Some(&"fight".into()));
    assert_eq!(header(&incoming, "round"), Some(&"3".into()));
    if lanes {
        assert_eq!(incoming.group.as_deref(), Some(b"ring".as_slice()));
        assert!(incoming.lane().is_some());
    }
    assert_eq!(incoming.attempt(), 1);
    assert!(incoming.id().is_some());
    assert_eq!(
        incoming.queue_time().is_some(),
        fixture.features().enqueue_times
    );
}

/// Payloads of any bytes, empty ones, and none.
pub async fn a_payload_of_any_bytes_arrives<F: Fixture>(fixture: &F) {
    let features = fixture.features();
    let mut payloads = Vec::new();
    if has(features.any_payload, "payloads of any bytes") {
        let all: Vec<u8> = (0..=u8::MAX).collect();
        payloads.extend([Some(Bytes::from(all)), Some(Bytes::new())]);
    }
    if has(features.null_payloads, "messages without a payload") {
        payloads.push(None);
    }
    for payload in payloads {
        let queue = fixture.make_queue(QueueKind::Plain).await;
        let sent = Message {
            payload: payload.clone(),
            ..message("").with_key("7")
        };
        send(fixture, &queue, sent).await;
        let (seen, mut payloads) = mpsc::unbounded_channel();
        let handler = move |incoming: Incoming| {
            let told = seen.send(incoming.payload.clone());
            std::future::ready(told.map_err(Failure::from))
        };
        let mut came = None;
        let done = async { came = payloads.recv().await };
        run(worker(fixture, &queue, handler), done).await;
        assert_eq!(came, Some(payload));
    }
}

/// Headers keep their types, their number and their order, as far as the broker has them.
pub async fn headers_arrive_as_they_were_sent<F: Fixture>(fixture: &F) {
    let features = fixture.features();
    let time = Value::Timestamp(UNIX_EPOCH + Duration::from_secs(1_700_000_000));
    let mut sent = Headers::new();
    sent.append("text", "ü");
    sent.append("bytes", Bytes::from_static(b"\xff\x00"));
    if has(features.typed_headers, "types of headers") {
        sent.append("int", -42_i64);
        sent.append("float", Value::Float(0.5));
        sent.append("flag", true);
        sent.append("time", time);
    }
    if has(features.null_headers, "headers without a value") {
        sent.append("null", Value::Null);
    }
    if has(features.repeated_headers, "several headers of one name") {
        sent.append("twice", "1");
        sent.append("twice", "2");
    }
    if has(features.any_header_name, "header names that are no text") {
        sent.append(Bytes::from_static(b"\xff"), "odd");
    }
    let queue = fixture.make_queue(QueueKind::Plain).await;
    let message = Message {
        headers: sent.clone(),
        ..message("x")
    };
    send(fixture, &queue, message).await;
    let incoming = received(fixture, &queue).await;
    for (name, _) in sent.iter() {
        let values = |headers: &Headers| -> Vec<Value> {
            let of_that_name = headers.iter().filter(|(known, _)| *known == name);
            of_that_name.map(|(_, value)| value.clone()).collect()
        };
        assert_eq!(values(&incoming.headers), values(&sent), "{name:?}");
    }
}

/// What brokers know by name.
pub async fn properties_arrive_as_they_were_sent<F: Fixture>(fixture: &F) {
    if !has(fixture.features().properties, "properties") {
        return;
    }
    let mut sent = Message::new("x");
    let properties = &mut sent.properties;
    properties.content_type = Some("text/plain".to_owned());
    properties.message_id = Some("m-1".to_owned());
    properties.correlation_id = Some("c-1".to_owned());
    properties.reply_to = Some("answers".to_owned());
    properties.timestamp = Some(UNIX_EPOCH + Duration::from_secs(1_700_000_000));
    properties.priority = Some(4);
    properties.expiration = Some(Duration::from_mins(10));
    let expected = sent.properties.clone();
    let queue = fixture.make_queue(QueueKind::Plain).await;
    send(fixture, &queue, sent).await;
    let incoming = received(fixture, &queue).await;
    assert_eq!(incoming.properties, expected);
}

async fn send<F: Fixture>(fixture: &F, queue: &str, message: Message) {
    let sent = fixture.sink(queue).send(message).await;
    sent.expect("the message is to be sent");
}

fn header<'a>(message: &'a Message, name: &str) -> Option<&'a Value> {
    message.headers.get(name)
}
