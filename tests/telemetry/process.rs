use std::sync::Arc;

use opentelemetry::trace::{SpanId, SpanKind, Status};
use opentelemetry::{Context, KeyValue};
use opentelemetry_sdk::trace::{Sampler, SamplingDecision, SamplingResult, ShouldSample};
use tracehop::contract::{Destination, Settlement};
use tracehop::telemetry::{
    Correlation, Instrumentation, LinkType, MessageFacts, MessageLink, OperationError,
    ProcessStart, Processed, Scope,
};
use tracehop::testing::Recorder;

use super::{attribute, created, links, map, orders, remote};

pub(super) fn start<'a>(
    destination: &'a Arc<Destination>,
    creation: &'a Context,
    scope: Scope<'a>,
) -> ProcessStart<'a> {
    ProcessStart {
        destination,
        creation,
        attempt: 1,
        previous: None,
        facts: MessageFacts::NONE,
        scope,
    }
}

pub(super) fn linking(recorder: &Recorder) -> Instrumentation {
    recorder.builder().correlation(Correlation::Link).build()
}

#[test]
fn a_retry_links_to_the_attempt_before_and_says_which_it_is() {
    let recorder = Recorder::new();
    let (queue, message) = (orders(), created(7));
    let process = recorder.instrumentation().process(&ProcessStart {
        attempt: 3,
        previous: Some(remote(5)),
        ..start(&queue, &message, Scope::Worker)
    });
    let settlement = Settlement::Nack { delay: None };
    process.end(&Processed {
        settlement: Some(&settlement),
        error: Some(OperationError::lease_lost()),
        lease_lost: true,
        ..Processed::default()
    });
    let span = recorder.span("process orders");
    assert_eq!(
        attribute(&span, "tracehop.message.attempt").as_deref(),
        Some("3")
    );
    assert_eq!(
        attribute(&span, "tracehop.settlement").as_deref(),
        Some("nack")
    );
    assert_eq!(
        attribute(&span, "tracehop.lease.lost").as_deref(),
        Some("true")
    );
    assert_eq!(
        attribute(&span, "error.type").as_deref(),
        Some("lease_lost")
    );
    let previous = map(&[("tracehop.link.type", "previous_attempt")]);
    assert_eq!(links(&span)[1], (remote(5), previous));
}

#[test]
fn a_batch_is_a_root_that_links_to_each_message_and_its_messages_are_its_children() {
    let recorder = Recorder::new();
    let instrumentation = linking(&recorder);
    let queue = orders();
    let contexts = [created(1), created(2)];
    let messages: Vec<_> = contexts.iter().map(MessageLink::new).collect();
    let batch = instrumentation.process_batch(&queue, Scope::Worker, &messages);
    let current = batch.context().clone();
    let child = instrumentation.process(&start(&queue, &contexts[0], Scope::Batch(&current)));
    assert_eq!(child.trace().parent, batch.span_context());
    assert_eq!(child.trace().links, [(remote(1), LinkType::Creation)]);
    drop(child);
    batch.end(&Processed {
        failed_count: 1,
        ..Processed::default()
    });
    let spans = recorder.spans();
    let batch = spans
        .iter()
        .find(|span| span.parent_span_id == SpanId::INVALID)
        .unwrap();
    assert_eq!(batch.name, "process orders");
    assert_eq!(
        attribute(batch, "messaging.batch.message_count").as_deref(),
        Some("2")
    );
    assert_eq!(
        attribute(batch, "tracehop.batch.failed_count").as_deref(),
        Some("1")
    );
    let linked: Vec<_> = links(batch).into_iter().map(|(to, _)| to).collect();
    assert_eq!(linked, [remote(1), remote(2)]);
    let child = spans
        .iter()
        .find(|span| span.parent_span_id != SpanId::INVALID)
        .unwrap();
    assert_eq!(attribute(child, "error.type").as_deref(), Some("cancelled"));
}

#[test]
fn links_beyond_128_are_counted() {
    let recorder = Recorder::new();
    let queue = orders();
    let contexts: Vec<_> = (1..=131).map(created).collect();
    let messages: Vec<_> = contexts.iter().map(MessageLink::new).collect();
    let batch = recorder
        .instrumentation()
        .process_batch(&queue, Scope::Worker, &messages);
    assert_eq!(batch.trace().links.len(), 128);
    batch.end(&Processed::default());
    let span = recorder.span("process orders");
    assert_eq!(span.links.len(), 128);
    assert_eq!(span.links.dropped_count, 0);
    assert_eq!(
        attribute(&span, "tracehop.links.omitted").as_deref(),
        Some("3")
    );
    assert_eq!(
        attribute(&span, "messaging.batch.message_count").as_deref(),
        Some("131")
    );
}

#[test]
fn a_handler_error_is_on_the_span_and_the_metric() {
    let recorder = Recorder::new();
    let (queue, message) = (orders(), created(7));
    let process = recorder
        .instrumentation()
        .process(&start(&queue, &message, Scope::Worker));
    process.end(&Processed {
        error: Some(OperationError::other("out of stock")),
        ..Processed::default()
    });
    let span = recorder.span("process orders");
    assert_eq!(span.status, Status::error("out of stock"));
    assert_eq!(attribute(&span, "error.type").as_deref(), Some("_OTHER"));
    let failed = [("error.type", "_OTHER")];
    assert!(
        recorder
            .total("messaging.process.duration", &failed)
            .is_some()
    );
}

/// Samples what has a link and the attributes that the conventions want at span start.
#[derive(Clone, Debug)]
struct Picky;

impl ShouldSample for Picky {
    fn should_sample(
        &self,
        _: Option<&Context>,
        _: opentelemetry::trace::TraceId,
        _: &str,
        _: &SpanKind,
        attributes: &[KeyValue],
        links: &[opentelemetry::trace::Link],
    ) -> SamplingResult {
        let wanted = [
            "messaging.system",
            "messaging.operation.name",
            "messaging.operation.type",
            "messaging.destination.name",
            "messaging.destination.partition.id",
            "server.address",
            "server.port",
        ];
        let has = |key: &str| attributes.iter().any(|known| known.key.as_str() == key);
        let sampled = wanted.into_iter().all(has) && !links.is_empty();
        SamplingResult {
            decision: if sampled {
                SamplingDecision::RecordAndSample
            } else {
                SamplingDecision::Drop
            },
            attributes: Vec::new(),
            trace_state: opentelemetry::trace::TraceState::NONE,
        }
    }
}

#[test]
fn samplers_see_the_destination_and_the_links() {
    let recorder = Recorder::with_sampler(Picky);
    let (queue, message) = (orders(), created(7));
    let attributes = tracehop::contract::Attributes {
        partition: Some(1),
        ..Default::default()
    };
    let body = tracehop::contract::Message::default();
    let process = recorder.instrumentation().process(&ProcessStart {
        facts: MessageFacts::of(&body, &attributes),
        ..start(&queue, &message, Scope::Worker)
    });
    process.end(&Processed::default());
    assert_eq!(recorder.spans().len(), 1);
}

#[test]
fn an_unsampled_process_span_has_a_context_and_a_trace_and_is_not_exported() {
    let recorder = Recorder::with_sampler(Sampler::AlwaysOff);
    let (queue, message) = (orders(), created(7));
    let process = recorder
        .instrumentation()
        .process(&start(&queue, &message, Scope::Worker));
    let own = process.span_context().unwrap();
    assert!(own.is_valid() && !own.is_sampled());
    assert_eq!(own.trace_id(), remote(7).trace_id());
    assert_eq!(process.trace().parent, Some(remote(7)));
    process.end(&Processed::default());
    assert!(recorder.spans().is_empty());
    assert_eq!(recorder.metric("messaging.process.duration")[0].count, 1);
}
