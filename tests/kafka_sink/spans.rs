//! Spans and context of what a sink sends.

use opentelemetry::trace::{SpanKind, TraceContextExt as _};
use opentelemetry::{Context, KeyValue};
use rdkafka::message::OwnedMessage;
use tracehop::contract::{Message, Sink as _};
use tracehop::kafka::KafkaSink;
use tracehop::telemetry::{Instrumentation, MessageFacts, ProcessStart, Processed, Scope};
use tracehop::testing::Recorder;
use tracehop_kafka::{HeaderExtractor, RawHeaders, extract};
use tracehop_propagation::{Composite, parse_traceparent};

use super::support::{Mock, TOPIC};

const USERS: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";

fn sink(mock: &Mock, recorder: &Recorder) -> KafkaSink {
    KafkaSink::builder(mock.config(), TOPIC)
        .instrumentation(recorder.instrumentation())
        .partition(|_| Some(3))
        .build()
        .unwrap()
}

fn creation(record: &OwnedMessage) -> opentelemetry::trace::SpanContext {
    let headers = record
        .headers()
        .map(rdkafka::message::OwnedHeaders::as_borrowed);
    let cx = extract(&Composite::default(), headers);
    cx.span().span_context().clone()
}

fn fields(record: &OwnedMessage, name: &str) -> usize {
    let headers = record
        .headers()
        .map(rdkafka::message::OwnedHeaders::as_borrowed);
    let raw = headers.map(RawHeaders::new).into_iter().flatten();
    raw.filter(|header| header.key == name.as_bytes()).count()
}

use rdkafka::Message as _;

#[tokio::test]
async fn a_send_is_a_producer_span_whose_context_is_on_the_record() {
    let (mock, recorder) = (Mock::start(), Recorder::new());
    let sink = sink(&mock, &recorder);
    let parent = parse_traceparent(USERS).unwrap();
    let cx = Context::new().with_remote_span_context(parent.clone());
    let message = Message::new("x").with_key("7");
    sink.enqueue(message, &cx).await.unwrap().await.unwrap();
    let span = recorder.span("send orders");
    assert_eq!(span.span_kind, SpanKind::Producer);
    assert_eq!(span.parent_span_id, parent.span_id());
    assert_eq!(span.span_context.trace_id(), parent.trace_id());
    for attribute in [
        KeyValue::new("messaging.system", "kafka"),
        KeyValue::new("messaging.operation.name", "send"),
        KeyValue::new("messaging.destination.partition.id", "3"),
        KeyValue::new("messaging.kafka.offset", 0),
        KeyValue::new("messaging.kafka.message.key", "7"),
    ] {
        assert!(span.attributes.contains(&attribute), "{attribute:?}");
    }
    let record = mock.records(1).await.remove(0);
    assert_eq!(creation(&record).span_id(), span.span_context.span_id());
}

/// It is the user's creation context: the send only links to it.
#[tokio::test]
async fn a_context_of_the_users_is_kept() {
    let (mock, recorder) = (Mock::start(), Recorder::new());
    let sink = sink(&mock, &recorder);
    let message = Message::new("x").with_header("traceparent", USERS);
    sink.send(message).await.unwrap();
    let span = recorder.span("send orders");
    assert_eq!(span.span_kind, SpanKind::Client);
    let users = parse_traceparent(USERS).unwrap();
    assert_eq!(span.links[0].span_context.span_id(), users.span_id());
    let record = mock.records(1).await.remove(0);
    assert_eq!(creation(&record).span_id(), users.span_id());
    assert_eq!(fields(&record, "traceparent"), 1);
}

/// The context of the message in hand is stale on what is made of it, and so is its lineage.
#[tokio::test]
async fn a_forwarded_message_has_its_context_replaced() {
    let (mock, recorder) = (Mock::start(), Recorder::new());
    let sink = sink(&mock, &recorder);
    let instrumentation: Instrumentation = recorder.instrumentation();
    let message = Message::new("x")
        .with_header("traceparent", USERS)
        .with_header("tracehop-attempt", "3")
        .with_header("mine", "kept");
    let destination = std::sync::Arc::new(sink.destination().clone());
    let in_hand = instrumentation.extract(&destination, &message.headers);
    let process = instrumentation.process(&ProcessStart {
        destination: &destination,
        creation: &in_hand,
        attempt: 1,
        previous: None,
        facts: MessageFacts::NONE,
        scope: Scope::Worker,
    });
    let confirm = sink.enqueue(message, process.context()).await.unwrap();
    confirm.await.unwrap();
    process.end(&Processed::default());
    let record = mock.records(1).await.remove(0);
    let (send, process) = (
        recorder.span("send orders"),
        recorder.span("process orders"),
    );
    assert_eq!(send.parent_span_id, process.span_context.span_id());
    assert_eq!(creation(&record).span_id(), send.span_context.span_id());
    assert_eq!(fields(&record, "traceparent"), 1);
    assert_eq!(fields(&record, "tracehop-attempt"), 0);
    assert_eq!(fields(&record, "mine"), 1);
}

/// Without an SDK what is current passes through, and nothing else is written.
#[tokio::test]
async fn without_an_sdk_the_current_context_passes_through() {
    let mock = Mock::start();
    let sink = KafkaSink::builder(mock.config(), TOPIC).build().unwrap();
    let parent = parse_traceparent(USERS).unwrap();
    let cx = Context::new().with_remote_span_context(parent.clone());
    let confirm = sink.enqueue(Message::new("x"), &cx).await.unwrap();
    confirm.await.unwrap();
    sink.send(Message::new("y")).await.unwrap();
    let records = mock.records(2).await;
    let spans = records.iter().map(|record| creation(record).span_id());
    assert!(spans.collect::<Vec<_>>().contains(&parent.span_id()));
    let bare = records.iter().filter(|record| record.headers().is_none());
    assert_eq!(bare.count(), 1);
    let carrier = HeaderExtractor::from(&records[0]);
    assert_eq!(carrier.malformed_keys(), 0);
}
