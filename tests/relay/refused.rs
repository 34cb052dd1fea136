//! What the target cannot carry: rejected with the reason, or the stated conversion.

use std::time::{Duration, UNIX_EPOCH};

use tokio::time::sleep;
use tracehop::contract::{Message, Value};
use tracehop::relay::Relay;
use tracehop::sqs::{SqsSink, SqsSource};
use tracehop::testing::sqs::SqsEndpoint;
use tracehop::worker::{DeadLetter, Worker};

use crate::bench::{Bench, FROM};
use crate::common;

fn sink(sqs: &SqsEndpoint, url: &str, encode: bool) -> SqsSink {
    let sink = SqsSink::builder(sqs.client(), url).encode_binary(encode);
    sink.build().unwrap()
}

async fn received(sqs: &SqsEndpoint, url: &str) -> Message {
    let source = SqsSource::builder(sqs.client(), url).wait_time(Duration::from_secs(1));
    common::first(source.build().unwrap()).await
}

#[tokio::test]
async fn what_sqs_cannot_carry_becomes_a_dead_letter_with_the_reason() {
    let null = Message {
        payload: None,
        ..Message::default()
    };
    let mut twice = Message::new("x");
    twice.headers.append("h", "1");
    twice.headers.append("h", "2");
    let eleven = (0..11).fold(Message::new("x"), |message, index| {
        message.with_header(format!("h{index}"), "v")
    });
    let cases = [
        (null, "null payload"),
        (Message::new(&b"\xff"[..]), "not UTF-8"),
        (twice, "stands twice"),
        (eleven, "SQS carries 10"),
        (Message::new("x").with_header("n", Value::Null), "header n"),
    ];
    let sqs = SqsEndpoint::start().await;
    let url = sqs.queue("archive").create();
    let bench = Bench::new();
    for (message, _) in &cases {
        let mut message = message.clone();
        message.properties.message_id = Some("m".to_owned());
        bench.send(message).await;
    }
    let relay = bench
        .worker(Relay::to(sink(&sqs, &url, false)))
        .on_reject(DeadLetter::to(bench.broker.sink("archive")));
    let done = async {
        while bench.broker.waiting("archive") < cases.len() {
            sleep(Duration::from_millis(10)).await;
        }
    };
    relay.run_until(done).await.unwrap();
    assert_eq!(sqs.total_count(), 0, "nothing was sent");
    assert_eq!(bench.broker.waiting(FROM), 0);
    let mut errors: Vec<String> = Vec::new();
    for letter in bench.arrived().await {
        let error = letter.message.headers.get("tracehop-error").unwrap();
        errors.push(error.as_str().unwrap().to_owned());
    }
    for (_, reason) in cases {
        assert!(
            errors.iter().any(|error| error.contains(reason)),
            "{reason}: {errors:?}"
        );
    }
}

#[tokio::test]
async fn what_sqs_has_no_place_for_goes_as_a_header_and_comes_back() {
    let sqs = SqsEndpoint::start().await;
    let url = sqs.queue("archive").create();
    let bench = Bench::new();
    let mut message = Message::new(&b"\xff\x00"[..]).with_key("customer 7");
    let properties = &mut message.properties;
    properties.content_type = Some("application/octet-stream".to_owned());
    properties.message_id = Some("m".to_owned());
    properties.timestamp = Some(UNIX_EPOCH + Duration::from_millis(1500));
    properties.priority = Some(7);
    properties.expiration = Some(Duration::from_secs(3));
    bench.send(message.clone().with_header("flag", true)).await;
    bench.run(Relay::to(sink(&sqs, &url, true))).await;
    assert!(bench.broker.rejected(FROM).is_empty());

    let came = received(&sqs, &url).await;
    let header = |name: &str| came.headers.get(name);
    assert_eq!(came.payload, message.payload);
    assert_eq!(header("tracehop-key"), Some(&"customer 7".into()));
    assert_eq!(header("message-id"), Some(&"m".into()));
    assert_eq!(header("amqp-priority"), Some(&Value::Int(7)));
    assert_eq!(header("amqp-expiration"), Some(&Value::Int(3000)));
    assert_eq!(header("flag"), Some(&Value::Bool(true)));
}

#[tokio::test]
async fn what_went_through_sqs_as_a_header_has_its_place_again() {
    let sqs = SqsEndpoint::start().await;
    let url = sqs.queue("archive").create();
    let bench = Bench::new();
    let mut message = Message::new("x").with_key("customer 7");
    message.properties.correlation_id = Some("c".to_owned());
    message.properties.timestamp = Some(UNIX_EPOCH + Duration::from_millis(1500));
    message.properties.message_id = Some("m".to_owned());
    bench.send(message.clone()).await;
    bench.run(Relay::to(sink(&sqs, &url, false))).await;

    let source = SqsSource::builder(sqs.client(), &url).wait_time(Duration::from_secs(1));
    let worker = Worker::new(source.build().unwrap(), bench.relay());
    let arrived = async {
        while bench.broker.waiting("archive") == 0 {
            sleep(Duration::from_millis(10)).await;
        }
    };
    worker.run_until(arrived).await.unwrap().complete().unwrap();
    let back = bench.arrived().await.remove(0).into_message();
    assert_eq!(back.key, message.key);
    assert_eq!(back.properties, message.properties);
    assert_eq!(back.headers.get("tracehop-hops"), Some(&"2".into()));
}

#[tokio::test]
async fn a_fifo_queue_gets_the_group_and_what_makes_two_tries_one() {
    let sqs = SqsEndpoint::start().await;
    let url = sqs.queue("archive.fifo").create();
    let bench = Bench::new();
    let mut message = Message::new("x").with_key("customer-7");
    message.properties.message_id = Some("m".to_owned());
    // Once more, as after a crash between confirm and settlement.
    bench.send(message.clone()).await;
    bench.send(message).await;
    bench.run(Relay::to(sink(&sqs, &url, false))).await;
    assert_eq!(
        sqs.depth("archive.fifo").map(|depth| depth.visible),
        Some(1)
    );
    let came = received(&sqs, &url).await;
    assert_eq!(came.group.as_deref(), Some(&b"customer-7"[..]));
    assert_eq!(came.dedup_id.as_deref(), Some(&b"m"[..]));
}

#[tokio::test]
async fn ten_headers_go_from_queue_to_queue() {
    let sqs = SqsEndpoint::start().await;
    let (from, to) = (sqs.queue("from").create(), sqs.queue("to").create());
    let ten = (0..10).fold(Message::new("x"), |message, index| {
        message.with_header(format!("h{index}"), "v")
    });
    tracehop::contract::Sink::send(&sink(&sqs, &from, false), ten.clone())
        .await
        .unwrap();
    let source = SqsSource::builder(sqs.client(), &from).wait_time(Duration::from_secs(1));
    let worker = Worker::new(source.build().unwrap(), Relay::to(sink(&sqs, &to, false)));
    let arrived = async {
        while sqs.depth("to").is_some_and(|depth| depth.visible == 0) {
            sleep(Duration::from_millis(10)).await;
        }
    };
    worker.run_until(arrived).await.unwrap().complete().unwrap();
    let came = received(&sqs, &to).await;
    assert_eq!(came.headers.len(), 10);
}
