//! Sends that fail, and what their owners get back.

use std::time::Duration;

use opentelemetry::trace::Status;
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::producer::FutureRecord;
use rdkafka::types::{RDKafkaApiKey, RDKafkaRespErr};
use tracehop_kafka::RawHeaders;

use crate::support::{LONG, TOPIC, Traced, attribute, header, headers, sent, texts};

/// A cluster that answers nothing, and a queue that the first record fills.
fn full() -> Traced {
    let traced = Traced::set(&[
        ("queue.buffering.max.messages", "1"),
        ("message.timeout.ms", "60000"),
    ]);
    traced.mock.broker_down(1).unwrap();
    traced
}

fn record() -> FutureRecord<'static, str, str> {
    FutureRecord::to(TOPIC).key("7").payload("order 7")
}

#[tokio::test]
async fn a_full_queue_is_the_spans_error_and_the_record_comes_back_as_it_was() {
    let traced = full();
    let waiting = traced.producer.send_result(record()).unwrap();
    let users = texts(&[("user", "mine"), ("baggage", "stale=1")]);
    let refused = traced.producer.send_result(record().headers(users));
    let (error, refused) = refused.expect_err("the queue is full");

    let full = KafkaError::MessageProduction(RDKafkaErrorCode::QueueFull);
    assert_eq!(error, full);
    let had = headers(refused.headers.as_ref());
    let pair = |key: &str, value: &str| (key.to_owned(), value.to_owned());
    assert_eq!(had, [pair("user", "mine"), pair("baggage", "stale=1")]);
    let span = traced.recorder.span("send orders");
    assert_eq!(attribute(&span, "error.type").as_deref(), Some("QueueFull"));
    assert!(matches!(span.status, Status::Error { .. }));
    drop(waiting);
}

#[tokio::test]
async fn a_queue_that_stays_full_is_one_span_however_often_it_is_tried() {
    let traced = full();
    let waiting = traced.producer.send_result(record()).unwrap();
    let send = traced.producer.send(record(), Duration::from_millis(150));
    let (error, message) = send.await.unwrap_err();
    assert_eq!(
        error.rdkafka_error_code(),
        Some(RDKafkaErrorCode::QueueFull)
    );
    assert_eq!(sent(&message), []);
    let span = traced.recorder.span("send orders");
    assert_eq!(attribute(&span, "error.type").as_deref(), Some("QueueFull"));
    let failed = traced.recorder.total(
        "messaging.client.sent.messages",
        &[("error.type", "QueueFull")],
    );
    assert_eq!(failed, Some(1.0));
    drop(waiting);
}

#[tokio::test]
async fn what_the_broker_refuses_is_the_spans_error() {
    let traced = Traced::new();
    let denied = RDKafkaRespErr::RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED;
    traced
        .mock
        .request_errors(RDKafkaApiKey::Produce, &[denied]);
    let users = texts(&[("user", "mine")]);
    let send = traced.producer.send(record().headers(users), LONG);
    let (error, message) = send.await.unwrap_err();
    let code = RDKafkaErrorCode::TopicAuthorizationFailed;
    assert_eq!(error, KafkaError::MessageProduction(code));
    assert_eq!(sent(&message), [("user".to_owned(), "mine".to_owned())]);
    let span = traced.recorder.span("send orders");
    let error_type = attribute(&span, "error.type");
    assert_eq!(error_type.as_deref(), Some("TopicAuthorizationFailed"));
}

#[tokio::test]
async fn a_retry_within_a_send_is_no_error() {
    let traced = Traced::set(&[("retry.backoff.ms", "1")]);
    let again = RDKafkaRespErr::RD_KAFKA_RESP_ERR_NOT_ENOUGH_REPLICAS;
    traced
        .mock
        .request_errors(RDKafkaApiKey::Produce, &[again, again]);
    traced.send("order 7").await;
    let span = traced.recorder.span("send orders");
    assert_eq!(
        (attribute(&span, "error.type"), &span.status),
        (None, &Status::Unset)
    );
    assert!(header(&traced.arrived(1)[0], "traceparent").is_some());
}

#[tokio::test]
async fn a_broker_that_is_down_is_an_error_when_time_is_up() {
    let traced = Traced::set(&[("message.timeout.ms", "300")]);
    traced.mock.broker_down(1).unwrap();
    let (error, _) = traced.producer.send(record(), LONG).await.unwrap_err();
    let code = error.rdkafka_error_code();
    assert_eq!(code, Some(RDKafkaErrorCode::MessageTimedOut));
    let span = traced.recorder.span("send orders");
    assert_eq!(
        attribute(&span, "error.type").as_deref(),
        Some("MessageTimedOut")
    );
}

/// 55 bytes of `traceparent` and its key are too many, and the record itself is not.
fn too_large_with_context() -> (Traced, String) {
    let traced = Traced::set(&[("message.max.bytes", "1000")]);
    (traced, "x".repeat(930))
}

#[tokio::test]
async fn a_record_that_context_would_make_too_large_goes_out_without() {
    let (traced, payload) = too_large_with_context();
    let record = || FutureRecord::to(TOPIC).key("7").payload(payload.as_str());
    traced.producer.send(record(), LONG).await.unwrap();
    traced
        .producer
        .send_result(record())
        .unwrap()
        .await
        .unwrap()
        .unwrap();

    for message in traced.arrived(2) {
        assert_eq!(sent(&message), []);
    }
    for span in traced.recorder.spans() {
        assert_eq!(span.status, Status::Unset);
    }
    let dropped = [
        ("tracehop.field", "traceparent"),
        ("tracehop.reason", "bytes"),
    ];
    let dropped = traced
        .recorder
        .total("tracehop.propagation.dropped", &dropped);
    assert_eq!(dropped, Some(2.0));
}

#[tokio::test]
async fn a_record_that_is_too_large_by_itself_is_an_error() {
    let (traced, payload) = too_large_with_context();
    let payload = payload.repeat(2);
    let record = FutureRecord::to(TOPIC).key("7").payload(payload.as_str());
    let (error, message) = traced.producer.send(record, LONG).await.unwrap_err();
    let code = error.rdkafka_error_code();
    assert_eq!(code, Some(RDKafkaErrorCode::MessageSizeTooLarge));
    assert_eq!(sent(&message), []);
    let span = traced.recorder.span("send orders");
    assert_eq!(
        attribute(&span, "error.type").as_deref(),
        Some("MessageSizeTooLarge")
    );
}

/// Among those that a user may have put there, some are no text.
#[tokio::test]
async fn headers_that_are_no_text_come_back_too() {
    let traced = full();
    let waiting = traced.producer.send_result(record()).unwrap();
    let mut users = texts(&[("traceparent", "stale")]);
    let odd = tracehop_kafka::RawHeader {
        key: b"\xff",
        value: None,
    };
    tracehop_kafka::append(&mut users, odd);
    let refused = traced.producer.send_result(record().headers(users));
    let (_, refused) = refused.expect_err("the queue is full");
    let refused = refused.headers.unwrap();
    let keys: Vec<&[u8]> = RawHeaders::new(refused.as_borrowed())
        .map(|header| header.key)
        .collect();
    assert_eq!(keys, [&b"traceparent"[..], b"\xff"]);
    drop(waiting);
}
