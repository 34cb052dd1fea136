use opentelemetry::Context;
use opentelemetry::trace::{SpanId, SpanKind, TraceContextExt, Tracer};
use tracehop::telemetry::{
    ClientOperation, MessageFacts, MessageLink, Outcome, ProcessStart, Scope, SettleStart,
};
use tracehop::testing::Recorder;

use super::{attribute, created, links, map, orders, remote};

pub(super) fn settle<'a>(
    destination: &'a std::sync::Arc<tracehop::contract::Destination>,
    operation: ClientOperation,
    parent: &'a Context,
) -> SettleStart<'a> {
    SettleStart {
        destination,
        operation,
        parent,
        messages: &[],
        batch_count: None,
        facts: MessageFacts::NONE,
    }
}

#[test]
fn settling_in_a_handler_is_its_child_and_links_to_the_message_in_hand() {
    let recorder = Recorder::new();
    let instrumentation = recorder.instrumentation();
    let queue = orders();
    let message = created(7);
    let process = instrumentation.process(&ProcessStart {
        destination: &queue,
        creation: &message,
        attempt: 1,
        previous: None,
        facts: MessageFacts::NONE,
        scope: Scope::Worker,
    });
    let inner = process.context().with_span(
        recorder
            .tracer()
            .start_with_context("inner", process.context()),
    );
    instrumentation
        .settle(&settle(&queue, ClientOperation::Delete, &inner))
        .end(&Outcome::success());
    let span = recorder.span("delete orders");
    assert_eq!(span.span_kind, SpanKind::Client);
    assert_eq!(span.parent_span_id, inner.span().span_context().span_id());
    assert_eq!(
        links(&span),
        [(remote(7), map(&[("tracehop.link.type", "creation")]))]
    );
    assert_eq!(
        attribute(&span, "messaging.operation.type").as_deref(),
        Some("settle")
    );
}

#[test]
fn a_gathered_settle_is_a_root_that_links_to_each_message() {
    let recorder = Recorder::new();
    let queue = orders();
    let contexts = [created(1), created(2)];
    let messages: Vec<_> = contexts.iter().map(MessageLink::new).collect();
    let cx = Context::new();
    recorder
        .instrumentation()
        .settle(&SettleStart {
            messages: &messages,
            batch_count: Some(2),
            ..settle(&queue, ClientOperation::Delete, &cx)
        })
        .end(&Outcome::success());
    let span = recorder.span("delete orders");
    assert_eq!(span.parent_span_id, SpanId::INVALID);
    let linked: Vec<_> = links(&span).into_iter().map(|(to, _)| to).collect();
    assert_eq!(linked, [remote(1), remote(2)]);
}

#[test]
fn changing_visibility_settles_only_where_it_gives_the_message_back() {
    for (settles, operation_type) in [(true, Some("settle")), (false, None)] {
        let recorder = Recorder::new();
        let queue = orders();
        let cx = Context::new();
        let operation = ClientOperation::ChangeVisibility { settles };
        let span = recorder
            .instrumentation()
            .settle(&settle(&queue, operation, &cx));
        span.end(&Outcome::success());
        let span = recorder.span("change_visibility orders");
        assert_eq!(span.span_kind, SpanKind::Client);
        let found = attribute(&span, "messaging.operation.type");
        assert_eq!(found.as_deref(), operation_type);
        let durations = recorder.metric("messaging.client.operation.duration");
        assert_eq!(durations.len(), usize::from(settles));
    }
}

#[test]
fn settle_spans_can_be_switched_off_and_their_metrics_stay() {
    let recorder = Recorder::new();
    let queue = orders();
    let cx = Context::new();
    let instrumentation = recorder.builder().settle_spans(false).build();
    let span = instrumentation.settle(&settle(&queue, ClientOperation::Delete, &cx));
    span.end(&Outcome::success());
    assert!(recorder.spans().is_empty());
    let delete = [("messaging.operation.name", "delete")];
    assert!(
        recorder
            .total("messaging.client.operation.duration", &delete)
            .is_some()
    );
}
