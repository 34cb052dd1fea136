use std::collections::HashMap;
use std::sync::Arc;

use opentelemetry::baggage::BaggageExt;
use opentelemetry::propagation::text_map_propagator::FieldIter;
use opentelemetry::propagation::{Extractor, Injector, TextMapPropagator};
use opentelemetry::trace::TraceContextExt as _;
use opentelemetry::{Context, KeyValue};
use tracehop::contract::{Attributes, Destination, Message, Server, System};
use tracehop::telemetry::{MessageFacts, ProcessStart, Processed, Scope};
use tracehop::testing::Recorder;

use super::{attribute, created, orders};

fn process(
    builder: tracehop::telemetry::InstrumentationBuilder,
    destination: &Arc<Destination>,
    creation: &Context,
    message: &Message,
) {
    let process = builder.build().process(&ProcessStart {
        destination,
        creation,
        attempt: 1,
        previous: None,
        facts: MessageFacts::of(message, &Attributes::default()),
        scope: Scope::Worker,
    });
    process.end(&Processed::default());
}

#[test]
fn a_template_stands_for_the_name_in_span_names_and_metrics() {
    let recorder = Recorder::new();
    let builder = recorder.builder().destination_template(|destination| {
        destination
            .name
            .starts_with("orders")
            .then(|| "orders-{region}".to_owned())
    });
    let queue = Arc::new(Destination::new(System::AwsSqs, "orders-eu"));
    process(builder, &queue, &Context::new(), &Message::default());
    let span = recorder.span("process orders-{region}");
    let template = attribute(&span, "messaging.destination.template");
    assert_eq!(template.as_deref(), Some("orders-{region}"));
    let name = attribute(&span, "messaging.destination.name");
    assert_eq!(name.as_deref(), Some("orders-eu"));
    let series = &recorder.metric("messaging.process.duration")[0].attributes;
    assert_eq!(series["messaging.destination.template"], "orders-{region}");
    assert!(!series.contains_key("messaging.destination.name"));
}

#[test]
fn a_generated_name_is_on_spans_and_in_no_span_name_and_no_metric() {
    let recorder = Recorder::new();
    let mut queue = Destination::new(System::RabbitMq, "amq.gen-1");
    queue.anonymous = true;
    queue.temporary = true;
    queue.server = Some(Server {
        address: "mq".to_owned(),
        port: None,
    });
    process(
        recorder.builder(),
        &Arc::new(queue),
        &Context::new(),
        &Message::default(),
    );
    let span = recorder.span("process");
    let found = |key| attribute(&span, key);
    assert_eq!(
        found("messaging.destination.name").as_deref(),
        Some("amq.gen-1")
    );
    assert_eq!(
        found("messaging.destination.anonymous").as_deref(),
        Some("true")
    );
    assert_eq!(
        found("messaging.destination.temporary").as_deref(),
        Some("true")
    );
    let series = &recorder.metric("messaging.process.duration")[0].attributes;
    assert!(!series.contains_key("messaging.destination.name"));
}

#[test]
fn an_operation_with_no_destination_is_named_after_the_server() {
    let recorder = Recorder::new();
    let mut nowhere = Destination::new(System::AwsSqs, "");
    nowhere.server = Some(Server {
        address: "sqs.local".to_owned(),
        port: Some(4566),
    });
    process(
        recorder.builder(),
        &Arc::new(nowhere),
        &Context::new(),
        &Message::default(),
    );
    let span = recorder.span("process sqs.local:4566");
    assert_eq!(attribute(&span, "messaging.destination.name"), None);
}

#[test]
fn chosen_headers_are_recorded_redacted_and_propagation_fields_never() {
    let recorder = Recorder::new();
    let keys = [
        "tenant",
        "token",
        "card",
        "traceparent",
        "Baggage",
        "X-B3-TraceId",
    ];
    let builder = recorder
        .builder()
        .capture_headers(keys, |key, value| match key {
            "token" => None,
            "card" => Some("***".to_owned()),
            _ => Some(value.to_owned()),
        });
    let mut message = Message::new("x");
    let headers = [
        ("tenant", "acme"),
        ("token", "secret"),
        ("card", "4111"),
        ("other", "1"),
        ("traceparent", "t"),
        ("Baggage", "a=1"),
        ("X-B3-TraceId", "b"),
    ];
    for (name, value) in headers {
        message.headers.append(name, value);
    }
    process(builder, &orders(), &Context::new(), &message);
    let span = recorder.span("process orders");
    let mut captured: Vec<_> = (span.attributes.iter())
        .filter_map(|known| {
            Some((
                known
                    .key
                    .as_str()
                    .strip_prefix("tracehop.message.header.")?,
                known.value.to_string(),
            ))
        })
        .collect();
    captured.sort();
    let expected = [("card", "[\"***\"]"), ("tenant", "[\"acme\"]")];
    assert_eq!(
        captured,
        expected.map(|(key, value)| (key, value.to_owned()))
    );
}

#[test]
fn chosen_baggage_members_are_copied_onto_spans() {
    let recorder = Recorder::new();
    let builder = recorder.builder().baggage_attributes(["tenant", "absent"]);
    let message = created(7).with_baggage([
        KeyValue::new("tenant", "acme"),
        KeyValue::new("secret", "1"),
    ]);
    process(builder, &orders(), &message, &Message::default());
    let span = recorder.span("process orders");
    assert_eq!(attribute(&span, "tenant").as_deref(), Some("acme"));
    assert_eq!(attribute(&span, "secret"), None);
    assert_eq!(attribute(&span, "absent"), None);
}

#[test]
fn the_body_size_is_recorded_only_when_asked_for() {
    for (on, expected) in [(false, None), (true, Some("3"))] {
        let recorder = Recorder::new();
        let builder = recorder.builder().body_size(on);
        process(builder, &orders(), &Context::new(), &Message::new("abc"));
        let size = attribute(
            &recorder.span("process orders"),
            "messaging.message.body.size",
        );
        assert_eq!(size.as_deref(), expected);
    }
}

#[test]
fn metrics_can_be_switched_off() {
    let recorder = Recorder::new();
    let builder = recorder.builder().metrics(false);
    process(builder, &orders(), &created(7), &Message::default());
    assert_eq!(recorder.spans().len(), 1);
    assert!(recorder.metric("messaging.process.duration").is_empty());
}

#[test]
fn what_the_user_plugged_in_fails_nothing_when_it_panics() {
    #[derive(Debug)]
    struct Panics;

    impl TextMapPropagator for Panics {
        fn inject_context(&self, _: &Context, _: &mut dyn Injector) {
            panic!("a panic of this test");
        }

        fn extract_with_context(&self, _: &Context, _: &dyn Extractor) -> Context {
            panic!("a panic of this test");
        }

        fn fields(&self) -> FieldIter<'_> {
            FieldIter::new(&[])
        }
    }

    let recorder = Recorder::new();
    let builder = recorder
        .builder()
        .propagator(Panics)
        .destination_template(|_| panic!("a panic of this test"))
        .capture_headers(["tenant"], |_, _| panic!("a panic of this test"));
    let message = Message::new("x").with_header("tenant", "acme");
    process(builder, &orders(), &Context::new(), &message);
    let span = recorder.span("process orders");
    assert_eq!(attribute(&span, "tracehop.message.header.tenant"), None);

    let instrumentation = recorder.builder().propagator(Panics).build();
    let mut carrier = HashMap::<String, String>::new();
    instrumentation.inject(&orders(), &created(7), &mut carrier);
    let extracted = instrumentation.extract(&orders(), &carrier);
    assert!(carrier.is_empty() && !extracted.span().span_context().is_valid());

    let filtered = Recorder::new();
    let panics = |_: &Destination| panic!("a panic of this test");
    let builder = filtered.builder().destinations(panics);
    process(builder, &orders(), &Context::new(), &message);
    assert!(
        filtered.spans().is_empty(),
        "what it would let pass is not known"
    );
}
