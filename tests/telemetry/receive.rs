use opentelemetry::Context;
use opentelemetry::trace::{SpanKind, TraceContextExt, Tracer};
use tracehop::telemetry::{
    MessageFacts, MessageLink, OperationError, Outcome, ProcessStart, Puller, Receive, Scope,
    Started,
};
use tracehop::testing::Recorder;

use super::{attribute, created, links, map, orders, remote, text};

fn receive<'a>(
    destination: &'a std::sync::Arc<tracehop::contract::Destination>,
    parent: &'a Context,
    messages: &'a [MessageLink<'a>],
) -> Receive<'a> {
    Receive {
        destination,
        puller: Puller::Client,
        parent,
        started: Started::now(),
        messages,
        batch: true,
    }
}

#[test]
fn a_receive_links_to_each_message_and_has_its_true_start() {
    let recorder = Recorder::new();
    let queue = orders();
    let caller = Context::new().with_span(recorder.tracer().start("caller"));
    let contexts = [created(1), Context::new(), created(2)];
    let ids = ["m-1", "m-x", "m-2"];
    let messages: Vec<_> = (contexts.iter().zip(ids))
        .map(|(creation, id)| MessageLink {
            creation,
            facts: MessageFacts::default().with_id(Some(id)),
        })
        .collect();
    let received = receive(&queue, &caller, &messages);
    let started = received.started;
    recorder
        .instrumentation()
        .received(&received, &Outcome::success());
    let span = recorder.span("receive orders");
    assert_eq!(span.span_kind, SpanKind::Client);
    assert_eq!(Some(span.start_time), started.at());
    assert!(span.end_time >= span.start_time);
    assert_eq!(span.parent_span_id, caller.span().span_context().span_id());
    assert_eq!(
        attribute(&span, "messaging.batch.message_count").as_deref(),
        Some("3")
    );
    assert_eq!(attribute(&span, "messaging.message.id"), None);
    let link = |id| {
        map(&[
            ("tracehop.link.type", "creation"),
            ("messaging.message.id", id),
        ])
    };
    assert_eq!(
        links(&span),
        [(remote(1), link("m-1")), (remote(2), link("m-2"))]
    );
    assert_eq!(
        recorder.total("messaging.client.consumed.messages", &[]),
        Some(3.0)
    );
}

#[test]
fn an_empty_poll_has_a_span_only_when_asked_for_and_a_duration_always() {
    let queue = orders();
    for (on, spans) in [(false, 0), (true, 1)] {
        let recorder = Recorder::new();
        let instrumentation = recorder.builder().empty_polls(on).build();
        let cx = Context::new();
        instrumentation.received(&receive(&queue, &cx, &[]), &Outcome::success());
        assert_eq!(recorder.spans().len(), spans);
        assert_eq!(
            recorder.metric("messaging.client.operation.duration")[0].count,
            1
        );
        assert_eq!(
            recorder.total("messaging.client.consumed.messages", &[]),
            None
        );
    }
}

#[test]
fn a_failed_receive_has_a_span_with_the_code() {
    let recorder = Recorder::new();
    let queue = orders();
    let error = OperationError::new("AWS.SimpleQueueService.NonExistentQueue", "gone");
    recorder.instrumentation().received(
        &receive(&queue, &Context::new(), &[]),
        &Outcome::failure(error),
    );
    let code = attribute(&recorder.span("receive orders"), "error.type");
    assert_eq!(
        code.as_deref(),
        Some("AWS.SimpleQueueService.NonExistentQueue")
    );
}

#[test]
fn a_source_has_receive_spans_only_when_asked_for_and_a_client_unless_switched_off() {
    let queue = orders();
    let cases = [
        (Puller::Client, None, 1),
        (Puller::Client, Some(false), 0),
        (Puller::Source, None, 0),
        (Puller::Source, Some(true), 1),
    ];
    for (puller, option, spans) in cases {
        let recorder = Recorder::new();
        let mut builder = recorder.builder();
        if let Some(on) = option {
            builder = builder.receive_spans(on);
        }
        let (cx, message) = (Context::new(), created(1));
        let messages = [MessageLink::new(&message)];
        let received = Receive {
            puller,
            ..receive(&queue, &cx, &messages)
        };
        builder.build().received(&received, &Outcome::success());
        assert_eq!(recorder.spans().len(), spans, "{puller:?} {option:?}");
        assert_eq!(
            recorder.total("messaging.client.consumed.messages", &[]),
            Some(1.0)
        );
    }
}

#[test]
fn kafka_and_rabbitmq_say_what_only_they_know() {
    use tracehop::contract::{Attributes, Destination, Message, System};

    let recorder = Recorder::new();
    let instrumentation = recorder.instrumentation();
    let mut topic = Destination::new(System::Kafka, "clicks");
    topic.consumer_group = Some("billing".to_owned());
    let mut queue = Destination::new(System::RabbitMq, "shop:eu:orders");
    queue.routing_key = Some("eu".to_owned());
    let mut message = Message::new("x").with_key("k");
    message.payload = None;
    let attributes = Attributes {
        partition: Some(3),
        offset: Some(42),
        delivery_tag: Some(5),
        ..Attributes::default()
    };
    for destination in [topic, queue] {
        let process = instrumentation.process(&ProcessStart {
            destination: &std::sync::Arc::new(destination),
            creation: &Context::new(),
            attempt: 1,
            previous: None,
            facts: MessageFacts::of(&message, &attributes),
            scope: Scope::Worker,
        });
        process.end(&tracehop::telemetry::Processed::default());
    }
    assert_eq!(
        text(&recorder.span("process clicks").attributes),
        map(&[
            ("messaging.system", "kafka"),
            ("messaging.operation.name", "process"),
            ("messaging.operation.type", "process"),
            ("messaging.destination.name", "clicks"),
            ("messaging.destination.partition.id", "3"),
            ("messaging.consumer.group.name", "billing"),
            ("messaging.kafka.offset", "42"),
            ("messaging.kafka.message.key", "k"),
            ("messaging.kafka.message.tombstone", "true"),
            ("tracehop.message.attempt", "1"),
        ])
    );
    let span = recorder.span("process shop:eu:orders");
    let found = |key| attribute(&span, key);
    assert_eq!(
        found("messaging.rabbitmq.destination.routing_key").as_deref(),
        Some("eu")
    );
    assert_eq!(
        found("messaging.rabbitmq.message.delivery_tag").as_deref(),
        Some("5")
    );
    assert_eq!(found("messaging.kafka.message.key"), None);
    let partition = [("messaging.destination.partition.id", "3")];
    assert!(
        recorder
            .total("messaging.process.duration", &partition)
            .is_some()
    );
}
