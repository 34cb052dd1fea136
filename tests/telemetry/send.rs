use std::collections::HashMap;

use opentelemetry::Context;
use opentelemetry::trace::{SpanContext, SpanId, SpanKind, Status, TraceContextExt, Tracer};
use opentelemetry_sdk::trace::Sampler;
use tracehop::telemetry::{
    Instrumentation, MessageFacts, MessageLink, OperationError, Outcome, Outgoing, ProcessStart,
    Scope, SendStart,
};
use tracehop::testing::Recorder;

use super::{attribute, created, links, map, orders, remote, text};

fn single<'a>(
    destination: &'a std::sync::Arc<tracehop::contract::Destination>,
    parent: &'a Context,
) -> SendStart<'a> {
    SendStart {
        destination,
        parent,
        batch_count: None,
        creation: true,
        messages: &[],
        facts: MessageFacts::NONE,
    }
}

#[test]
fn a_single_send_is_a_producer_span_with_the_conventions_attributes() {
    let recorder = Recorder::new();
    let queue = orders();
    let span = recorder
        .instrumentation()
        .send(&single(&queue, &Context::new()));
    span.end(&Outcome {
        request_id: Some("r-1"),
        facts: MessageFacts::default().with_id(Some("m-1")),
        ..Outcome::success()
    });
    let span = recorder.span("send orders");
    assert_eq!(span.span_kind, SpanKind::Producer);
    assert_eq!(span.status, Status::Unset);
    assert_eq!(
        text(&span.attributes),
        map(&[
            ("messaging.system", "aws_sqs"),
            ("messaging.operation.name", "send"),
            ("messaging.operation.type", "send"),
            ("messaging.destination.name", "orders"),
            ("messaging.message.id", "m-1"),
            ("server.address", "sqs.eu-west-1.amazonaws.com"),
            ("server.port", "443"),
            (
                "aws.sqs.queue.url",
                "https://sqs.eu-west-1.amazonaws.com/1/orders"
            ),
            ("aws.request_id", "r-1"),
        ])
    );
    assert_eq!(span.instrumentation_scope.name(), "tracehop");
    assert_eq!(
        span.instrumentation_scope.version(),
        Some(env!("CARGO_PKG_VERSION"))
    );
    assert_eq!(
        span.instrumentation_scope.schema_url(),
        Some("https://opentelemetry.io/schemas/1.44.0")
    );
}

#[test]
fn a_batch_has_create_spans_that_end_when_its_send_began_and_a_client_span_linked_to_all() {
    let recorder = Recorder::new();
    let instrumentation = recorder.instrumentation();
    let queue = orders();
    let caller = Context::new().with_span(recorder.tracer().start("caller"));
    let mut creates: Vec<_> = (0..2)
        .map(|_| instrumentation.create(&queue, &caller, &MessageFacts::NONE))
        .collect();
    let contexts: Vec<Context> = creates
        .iter()
        .map(|create| create.context().clone())
        .collect();
    let messages: Vec<_> = contexts.iter().map(MessageLink::new).collect();
    let send = instrumentation.send(&SendStart {
        batch_count: Some(2),
        creation: false,
        messages: &messages,
        ..single(&queue, &caller)
    });
    let began = send.started();
    for create in &mut creates {
        create.sending(began);
    }
    let began = began.unwrap();
    let failed = OperationError::new("InvalidMessageContents", "no");
    creates.remove(0).end(&Outcome::success());
    creates.remove(0).end(&Outcome::failure(failed));
    send.end(&Outcome {
        error: OperationError::shared(["InvalidMessageContents"]),
        failed_count: 1,
        ..Outcome::success()
    });

    let send = recorder.span("send orders");
    let caller = caller.span().span_context().clone();
    assert_eq!(send.span_kind, SpanKind::Client);
    assert_eq!(send.parent_span_id, caller.span_id());
    assert_eq!(
        attribute(&send, "messaging.batch.message_count").as_deref(),
        Some("2")
    );
    assert_eq!(
        attribute(&send, "tracehop.batch.failed_count").as_deref(),
        Some("1")
    );
    assert_eq!(
        attribute(&send, "error.type").as_deref(),
        Some("InvalidMessageContents")
    );
    assert_eq!(send.start_time, began);
    let creates: Vec<_> = recorder
        .spans()
        .into_iter()
        .filter(|span| span.name == "create orders")
        .collect();
    assert_eq!(creates.len(), 2);
    for create in &creates {
        assert_eq!(create.span_kind, SpanKind::Producer);
        assert_eq!(create.parent_span_id, caller.span_id());
        assert_eq!(create.end_time, began);
        assert_eq!(
            attribute(create, "messaging.operation.type").as_deref(),
            Some("create")
        );
    }
    assert_eq!(creates[0].status, Status::Unset);
    assert!(matches!(creates[1].status, Status::Error { .. }));
    let linked: Vec<SpanId> = links(&send).iter().map(|(to, _)| to.span_id()).collect();
    let expected: Vec<SpanId> = creates
        .iter()
        .map(|span| span.span_context.span_id())
        .collect();
    assert_eq!(linked, expected);
    let link_type = map(&[("tracehop.link.type", "creation")]);
    assert!(
        links(&send)
            .iter()
            .all(|(_, attributes)| *attributes == link_type)
    );
}

#[test]
fn failed_entries_share_their_code_or_are_other() {
    let error_type = |codes: &[&'static str]| {
        OperationError::shared(codes.iter().copied()).map(|error| error.error_type().to_owned())
    };
    assert_eq!(error_type(&[]), None);
    assert_eq!(error_type(&["A", "A"]).as_deref(), Some("A"));
    assert_eq!(error_type(&["A", "B"]).as_deref(), Some("_OTHER"));
    assert_eq!(error_type(&[""]).as_deref(), Some("_OTHER"));
}

#[test]
fn dropped_spans_end_once_as_cancelled() {
    let recorder = Recorder::new();
    let instrumentation = recorder.instrumentation();
    let queue = orders();
    let mut create = instrumentation.create(&queue, &Context::new(), &MessageFacts::NONE);
    let send = instrumentation.send(&SendStart {
        batch_count: Some(1),
        ..single(&queue, &Context::new())
    });
    create.sending(send.started());
    let began = send.started().unwrap();
    drop((create, send));
    let spans = recorder.spans();
    assert_eq!(spans.len(), 2);
    for span in &spans {
        assert_eq!(attribute(span, "error.type").as_deref(), Some("cancelled"));
        assert!(matches!(span.status, Status::Error { .. }));
    }
    assert_eq!(recorder.span("create orders").end_time, began);
    assert!(recorder.span("send orders").end_time >= began);
    let cancelled = [("error.type", "cancelled")];
    assert_eq!(
        recorder.total("messaging.client.sent.messages", &cancelled),
        Some(1.0)
    );
}

#[test]
fn without_a_span_the_parents_context_goes_out() {
    let filtered = Recorder::new();
    let instrumentation = filtered.builder().destinations(|_| false).build();
    let queue = orders();
    let parent = created(7);
    let send = instrumentation.send(&single(&queue, &parent));
    assert_eq!(send.context().span().span_context(), &remote(7));
    send.end(&Outcome::success());
    let none = Instrumentation::builder()
        .tracer_provider(opentelemetry::trace::noop::NoopTracerProvider::new())
        .build();
    let send = none.send(&single(&queue, &parent));
    assert_eq!(send.context().span().span_context(), &remote(7));
    drop(send);
    assert!(filtered.spans().is_empty());
    assert!(filtered.metric("messaging.client.sent.messages").is_empty());
}

#[test]
fn suppressed_telemetry_has_no_span_no_metric_and_no_injection() {
    let recorder = Recorder::new();
    let instrumentation = recorder.instrumentation();
    let queue = orders();
    let parent = created(7).with_telemetry_suppressed();
    let send = instrumentation.send(&single(&queue, &parent));
    let mut carrier = HashMap::<String, String>::new();
    instrumentation.inject(&queue, send.context(), &mut carrier);
    send.end(&Outcome::success());
    assert!(carrier.is_empty());
    assert!(recorder.spans().is_empty());
    assert!(recorder.metric("messaging.client.sent.messages").is_empty());
    assert!(recorder.metric("tracehop.propagation.injected").is_empty());
}

#[test]
fn an_unsampled_send_is_injected_with_flags_00() {
    let recorder = Recorder::with_sampler(Sampler::AlwaysOff);
    let instrumentation = recorder.instrumentation();
    let queue = orders();
    let send = instrumentation.send(&single(&queue, &Context::new()));
    let mut carrier = HashMap::<String, String>::new();
    instrumentation.inject(&queue, send.context(), &mut carrier);
    send.end(&Outcome::success());
    assert!(carrier["traceparent"].ends_with("-00"), "{carrier:?}");
    assert!(recorder.spans().is_empty());
    assert_eq!(
        recorder.total("messaging.client.sent.messages", &[]),
        Some(1.0)
    );
}

#[test]
fn a_context_on_an_outgoing_message_is_stale_when_it_is_that_of_the_message_in_hand() {
    let recorder = Recorder::new();
    let queue = orders();
    let message = created(7);
    let process = recorder.instrumentation().process(&ProcessStart {
        destination: &queue,
        creation: &message,
        attempt: 1,
        previous: None,
        facts: MessageFacts::NONE,
        scope: Scope::Worker,
    });
    let in_handler = process.context();
    assert_eq!(
        Instrumentation::outgoing(&message, in_handler),
        Outgoing::Stale
    );
    // With no SDK the message's own context is current.
    assert_eq!(
        Instrumentation::outgoing(&message, &message),
        Outgoing::Stale
    );
    assert_eq!(
        Instrumentation::outgoing(&created(8), in_handler),
        Outgoing::Users(remote(8))
    );
    assert_eq!(
        Instrumentation::outgoing(&message, &Context::new()),
        Outgoing::Users(remote(7))
    );
    assert_eq!(
        Instrumentation::outgoing(&Context::new(), in_handler),
        Outgoing::Unmarked
    );
    let invalid = Context::new().with_remote_span_context(SpanContext::NONE);
    assert_eq!(
        Instrumentation::outgoing(&invalid, in_handler),
        Outgoing::Unmarked
    );
}

#[test]
fn a_users_creation_context_makes_the_send_a_client_span_that_links_to_it() {
    let recorder = Recorder::new();
    let queue = orders();
    let users = created(9);
    let send = recorder.instrumentation().send(&SendStart {
        creation: false,
        messages: &[MessageLink::new(&users)],
        ..single(&queue, &Context::new())
    });
    send.end(&Outcome::success());
    let span = recorder.span("send orders");
    assert_eq!(span.span_kind, SpanKind::Client);
    assert_eq!(
        links(&span),
        [(remote(9), map(&[("tracehop.link.type", "creation")]))]
    );
    assert_eq!(attribute(&span, "messaging.batch.message_count"), None);
}
