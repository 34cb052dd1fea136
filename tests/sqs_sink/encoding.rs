//! Messages in SQS's form and back.

use std::time::{Duration, UNIX_EPOCH};

use bytes::Bytes;
use opentelemetry::Context;
use tracehop::contract::{ErrorKind, Message, Sink, Value};
use tracehop::sqs::SqsSource;
use tracehop::telemetry::FreshLineage;
use tracehop::testing::Recorder;
use tracehop::testing::sqs::SqsEndpoint;

use crate::common;
use crate::support::{builder, client};

/// The message as a source on the queue delivers it.
async fn through(sqs: &SqsEndpoint, url: &str, message: Message, encode: bool) -> Message {
    let sink = builder(sqs, url).encode_binary(encode).build().unwrap();
    sink.send(message).await.unwrap();
    received(sqs, url).await
}

async fn received(sqs: &SqsEndpoint, url: &str) -> Message {
    let source = SqsSource::builder(client(sqs), url).wait_time(Duration::from_secs(1));
    common::first(source.build().unwrap()).await
}

#[tokio::test]
async fn a_message_comes_out_as_it_went_in() {
    let sqs = SqsEndpoint::start().await;
    let url = sqs.queue("orders").create();
    let sent = Message::new("order 7")
        .with_group("tenant")
        .with_header("text", "t")
        .with_header("int", 42_i64)
        .with_header("float", Value::Float(-0.25))
        .with_header("flag", true)
        .with_header(
            "time",
            Value::Timestamp(UNIX_EPOCH + Duration::from_millis(1500)),
        )
        .with_header("bytes", Bytes::from_static(b"\xff\x00"))
        .with_header(
            "labelled",
            Value::Other {
                kind: "Binary.png".to_owned(),
                bytes: Bytes::from_static(b"p"),
            },
        );
    let came = through(&sqs, &url, sent.clone(), false).await;
    assert_eq!((came.payload, came.group), (sent.payload, sent.group));
    assert_eq!(came.headers.len(), 7);
    for (name, value) in sent.headers.iter() {
        assert_eq!(came.headers.get(name), Some(value));
    }
}

#[tokio::test]
async fn a_binary_payload_comes_out_as_it_went_in_where_that_is_allowed() {
    let payloads = [
        None,
        Some(&b""[..]),
        Some(&b"\xff\xfe"[..]),
        Some(&b"\x00"[..]),
    ];
    for payload in payloads {
        let sqs = SqsEndpoint::start().await;
        let url = sqs.queue("orders").create();
        let message = Message {
            payload: payload.map(Bytes::from_static),
            ..Message::default()
        };
        let came = through(&sqs, &url, message.clone(), true).await;
        assert_eq!(came.payload, message.payload);
        assert!(came.headers.is_empty());
    }
}

#[tokio::test]
async fn what_sqs_cannot_carry_is_an_error_at_once_that_says_why() {
    let sqs = SqsEndpoint::start().await;
    let url = sqs.queue("orders").create();
    let sink = builder(&sqs, &url).build().unwrap();
    let eleven = (0..11).fold(Message::new("x"), |message, index| {
        message.with_header(format!("h{index}"), "v")
    });
    let cases = [
        (Message::new(&b"\xff"[..]), "the payload is not UTF-8"),
        (Message::default(), "SQS has no null payload"),
        (eleven, "11 headers, and SQS carries 10"),
    ];
    for (message, reason) in cases {
        let error = sink.enqueue(message, &Context::new()).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Payload);
        assert_eq!(error.to_string(), format!("send aws_sqs:orders: {reason}"));
        assert!(!error.retryable());
    }
    assert_eq!(sqs.total_count(), 0);
}

#[tokio::test]
async fn ten_headers_of_the_users_go_out_unchanged() {
    let sqs = SqsEndpoint::start().await;
    let url = sqs.queue("orders").create();
    let ten = (0..10).fold(Message::new("x"), |message, index| {
        message.with_header(format!("h{index}"), "v")
    });
    let came = through(&sqs, &url, ten.clone(), false).await;
    assert_eq!(came.headers.len(), 10);
}

/// A dead letter, or a message that is relayed.
#[tokio::test]
async fn lineage_is_left_out_before_a_header_of_the_users_is_refused() {
    let sqs = SqsEndpoint::start().await;
    let url = sqs.queue("orders").create();
    let recorder = Recorder::new();
    let lineage = ["tracehop-attempt", "tracehop-origin", "tracehop-error"];
    for (users, payload, kept) in [(8, "x", 1), (10, "x", 0), (9, "\u{1}", 0)] {
        let mut message = (0..users).fold(Message::new(payload), |message, index| {
            message.with_header(format!("h{index}"), "v")
        });
        for name in lineage {
            message = message.with_header(name, "1");
        }
        let sink = builder(&sqs, &url).encode_binary(true);
        let sink = sink.instrumentation(recorder.instrumentation()).build();
        let parent = Context::new().with_value(FreshLineage);
        let sent = sink.unwrap().enqueue(message, &parent).await.unwrap();
        sent.await.unwrap();
        let came = received(&sqs, &url).await;
        assert_eq!(came.text(), Some(payload));
        let names: Vec<_> = came.headers.iter().map(|(name, _)| name.clone()).collect();
        let count = |prefix: &[u8]| names.iter().filter(|name| name.starts_with(prefix)).count();
        assert_eq!((count(b"h"), count(b"tracehop-")), (users, kept));
    }
    let slots = [
        ("tracehop.reason", "slots"),
        ("tracehop.field", "tracehop-error"),
    ];
    let dropped = recorder.total("tracehop.propagation.dropped", &slots);
    assert_eq!(dropped, Some(3.0));
}
