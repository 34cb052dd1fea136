//! `TracedContext` and `ProducerExt`, on a `BaseProducer` and a `ThreadedProducer`.

use std::sync::mpsc::{Receiver, Sender, channel};

use opentelemetry::Context;
use opentelemetry::trace::{SpanKind, TraceContextExt as _, Tracer as _};
use rdkafka::client::ClientContext;
use rdkafka::config::FromClientConfigAndContext;
use rdkafka::error::RDKafkaErrorCode;
use rdkafka::message::{DeliveryResult, Message as _};
use rdkafka::producer::{
    BaseProducer, BaseRecord, NoCustomPartitioner, Partitioner, Producer as _, ProducerContext,
    ThreadedProducer,
};
use tracehop::kafka::{ProducerExt as _, TracedContext};

use crate::support::{LONG, TOPIC, Traced, attribute, header, headers, sent, texts, traceparent};

/// A context of a user's: it tells what was delivered, by the opaque and the partition.
struct Told(Sender<(u32, i32)>);

impl ClientContext for Told {}

impl<Part: Partitioner> ProducerContext<Part> for Told
where
    Self: Partitions<Part>,
{
    type DeliveryOpaque = Box<u32>;

    fn delivery(&self, result: &DeliveryResult<'_>, opaque: Box<u32>) {
        let partition = match result {
            Ok(message) => message.partition(),
            Err((_, message)) => -1 - message.partition(),
        };
        self.0.send((*opaque, partition)).unwrap();
    }

    fn get_custom_partitioner(&self) -> Option<&Part> {
        self.partitioner()
    }
}

trait Partitions<Part> {
    fn partitioner(&self) -> Option<&Part>;
}

impl Partitions<NoCustomPartitioner> for Told {
    fn partitioner(&self) -> Option<&NoCustomPartitioner> {
        None
    }
}

/// A partitioner of a user's: always the third.
struct Third;

impl Partitioner for Third {
    fn partition(&self, _: &str, _: Option<&[u8]>, _: i32, _: impl Fn(i32) -> bool) -> i32 {
        2
    }
}

impl Partitions<Third> for Told {
    fn partitioner(&self) -> Option<&Third> {
        Some(&Third)
    }
}

fn producer<P: FromClientConfigAndContext<TracedContext<Told>>>(
    traced: &Traced,
) -> (P, Receiver<(u32, i32)>) {
    let (tell, told) = channel();
    let context = TracedContext::new(Told(tell), traced.cluster.clone());
    (traced.config.create_with_context(context).unwrap(), told)
}

fn record(opaque: u32) -> BaseRecord<'static, str, str, Box<u32>> {
    BaseRecord::with_opaque_to(TOPIC, Box::new(opaque))
        .key("7")
        .payload("order 7")
}

#[tokio::test]
async fn the_delivery_report_ends_the_span_and_reaches_the_users_context() {
    let traced = Traced::new();
    let (producer, told): (BaseProducer<TracedContext<Told>>, _) = producer(&traced);
    let parent = traced.recorder.tracer().start("caller");
    let current = Context::new().with_span(parent).attach();
    producer
        .send_traced(record(42))
        .map_err(|(error, _)| error)
        .unwrap();
    drop(current);
    assert_eq!(traced.names(), ["caller"], "the record is under way");

    producer.flush(LONG).unwrap();
    assert_eq!(told.recv().unwrap(), (42, 0));
    let (caller, span) = (
        traced.recorder.span("caller"),
        traced.recorder.span("send orders"),
    );
    assert_eq!(span.span_kind, SpanKind::Producer);
    assert_eq!(span.parent_span_id, caller.span_context.span_id());
    for (key, value) in [
        ("messaging.destination.partition.id", "0"),
        ("messaging.kafka.offset", "0"),
        ("messaging.kafka.message.key", "7"),
    ] {
        assert_eq!(attribute(&span, key).as_deref(), Some(value), "{key}");
    }
    let message = traced.arrived(1).remove(0);
    let expected = traceparent(&span.span_context);
    assert_eq!(header(&message, "traceparent"), Some(expected));
}

#[tokio::test]
async fn a_threaded_producer_ends_its_spans_by_itself() {
    let traced = Traced::new();
    let (producer, told): (ThreadedProducer<TracedContext<Told>>, _) = producer(&traced);
    producer
        .send_traced(record(1))
        .map_err(|(error, _)| error)
        .unwrap();
    assert_eq!(told.recv_timeout(LONG).unwrap(), (1, 0));
    traced.recorder.span("send orders");
    assert!(format!("{:?}", producer.context()).contains("TracedContext"));
}

#[tokio::test]
async fn a_delivery_that_fails_is_the_spans_error_and_reaches_the_users_context() {
    let traced = Traced::set(&[("message.timeout.ms", "300")]);
    traced.mock.broker_down(1).unwrap();
    let (producer, told): (BaseProducer<TracedContext<Told>>, _) = producer(&traced);
    producer
        .send_traced(record(3))
        .map_err(|(error, _)| error)
        .unwrap();
    producer.flush(LONG).unwrap();
    assert_eq!(told.recv().unwrap().0, 3);
    let span = traced.recorder.span("send orders");
    assert_eq!(
        attribute(&span, "error.type").as_deref(),
        Some("MessageTimedOut")
    );
}

#[tokio::test]
async fn a_full_queue_gives_record_and_opaque_back_and_a_retry_is_a_send_of_its_own() {
    let traced = Traced::set(&[("queue.buffering.max.messages", "1")]);
    let (producer, _told): (BaseProducer<TracedContext<Told>>, _) = producer(&traced);
    producer
        .send_traced(record(1))
        .map_err(|(error, _)| error)
        .unwrap();
    let users = record(2).headers(texts(&[("user", "mine")]));
    let (error, refused) = producer.send_traced(users).expect_err("the queue is full");
    assert_eq!(
        error.rdkafka_error_code(),
        Some(RDKafkaErrorCode::QueueFull)
    );
    assert_eq!(*refused.delivery_opaque, 2);
    let had = headers(refused.headers.as_ref());
    assert_eq!(had, [("user".to_owned(), "mine".to_owned())]);
    let span = traced.recorder.span("send orders");
    assert_eq!(attribute(&span, "error.type").as_deref(), Some("QueueFull"));

    producer.flush(LONG).unwrap();
    traced.recorder.forget_spans();
    producer
        .send_traced(refused)
        .map_err(|(error, _)| error)
        .unwrap();
    producer.flush(LONG).unwrap();
    let span = traced.recorder.span("send orders");
    assert_eq!(
        (&span.span_kind, span.links.len()),
        (&SpanKind::Producer, 0)
    );
    let message = traced.arrived(2).remove(1);
    assert_eq!(
        header(&message, "traceparent"),
        Some(traceparent(&span.span_context))
    );
}

#[tokio::test]
async fn a_record_that_context_would_make_too_large_goes_out_without() {
    let traced = Traced::set(&[("message.max.bytes", "1000")]);
    let (producer, told): (BaseProducer<TracedContext<Told>>, _) = producer(&traced);
    let payload = "x".repeat(930);
    let record = BaseRecord::with_opaque_to(TOPIC, Box::new(5)).key("7");
    let record = record.payload(payload.as_str());
    producer
        .send_traced(record)
        .map_err(|(error, _)| error)
        .unwrap();
    producer.flush(LONG).unwrap();
    assert_eq!(told.recv().unwrap(), (5, 0));
    assert_eq!(sent(&traced.arrived(1)[0]), []);
}

#[tokio::test]
async fn records_that_never_went_out_end_with_their_producer() {
    let traced = Traced::set(&[("message.timeout.ms", "60000")]);
    traced.mock.broker_down(1).unwrap();
    let (producer, told): (BaseProducer<TracedContext<Told>>, _) = producer(&traced);
    producer
        .send_traced(record(9))
        .map_err(|(error, _)| error)
        .unwrap();
    drop(producer);
    assert_eq!(told.recv().unwrap().0, 9);
    let span = traced.recorder.span("send orders");
    assert!(attribute(&span, "error.type").unwrap().starts_with("Purge"));
}

#[tokio::test]
async fn a_partitioner_of_the_users_is_asked() {
    // rdkafka 0.39.0 puts the partitioner into a configuration of topics that is null until one of
    // their settings is set.
    let traced = Traced::set(&[("acks", "all")]);
    traced.mock.create_topic("parted", 3, 1).unwrap();
    let (producer, told): (BaseProducer<TracedContext<Told>, Third>, _) = producer(&traced);
    let record = BaseRecord::with_opaque_to("parted", Box::new(1))
        .key("7")
        .payload("x");
    producer
        .send_traced(record)
        .map_err(|(error, _)| error)
        .unwrap();
    producer.flush(LONG).unwrap();
    assert_eq!(told.recv().unwrap(), (1, 2));
    let span = traced.recorder.span("send parted");
    let partition = attribute(&span, "messaging.destination.partition.id");
    assert_eq!(partition.as_deref(), Some("2"));
}
