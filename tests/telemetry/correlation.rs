//! Where a process span goes: its parent, its links and what its handler runs in.

use std::collections::HashMap;

use opentelemetry::baggage::BaggageExt;
use opentelemetry::trace::{SpanContext, SpanId, SpanKind, TraceContextExt, Tracer};
use opentelemetry::{Context, KeyValue};
use tracehop::telemetry::{Correlation, LinkType, MessageFacts, ProcessStart, Processed, Scope};
use tracehop::testing::Recorder;
use tracehop_propagation::Extracted;

use super::process::{linking, start};
use super::{attribute, created, links, map, orders, remote};

/// A current context with a local span.
fn ambient(recorder: &Recorder) -> Context {
    Context::new().with_span(recorder.tracer().start("ambient"))
}

#[test]
fn in_a_worker_the_creation_context_is_parent_and_link() {
    let recorder = Recorder::new();
    let (queue, message) = (orders(), created(7));
    let around_run = ambient(&recorder).attach();
    let process = recorder.instrumentation().process(&ProcessStart {
        facts: MessageFacts::default().with_id(Some("m-1")),
        ..start(&queue, &message, Scope::Worker)
    });
    drop(around_run);
    assert_eq!(process.trace().parent, Some(remote(7)));
    assert_eq!(process.trace().links, [(remote(7), LinkType::Creation)]);
    let own = process.span_context().unwrap();
    assert_eq!(process.context().span().span_context(), &own);
    process.end(&Processed::default());
    let span = recorder.span("process orders");
    assert_eq!(span.span_kind, SpanKind::Consumer);
    assert_eq!(span.span_context, own);
    assert_eq!(span.parent_span_id, SpanId::from(7));
    assert_eq!(span.span_context.trace_id(), remote(7).trace_id());
    assert_eq!(
        attribute(&span, "messaging.message.id").as_deref(),
        Some("m-1")
    );
    let link = map(&[
        ("tracehop.link.type", "creation"),
        ("messaging.message.id", "m-1"),
    ]);
    assert_eq!(links(&span), [(remote(7), link)]);
}

#[test]
fn in_link_mode_each_hop_is_a_trace_of_its_own() {
    let recorder = Recorder::new();
    let (queue, message) = (orders(), created(7));
    let process = linking(&recorder).process(&start(&queue, &message, Scope::Worker));
    assert_eq!(process.trace().parent, None);
    process.end(&Processed::default());
    let span = recorder.span("process orders");
    assert_eq!(span.parent_span_id, SpanId::INVALID);
    assert_ne!(span.span_context.trace_id(), remote(7).trace_id());
    assert_eq!(links(&span)[0].0, remote(7));
}

#[test]
fn in_the_users_loop_a_local_span_is_the_parent_and_in_link_mode_a_link() {
    let recorder = Recorder::new();
    let (queue, message) = (orders(), created(7));
    let current = ambient(&recorder);
    let local = current.span().span_context().clone();
    let scope = Scope::Caller(&current);

    let child = recorder
        .instrumentation()
        .process(&start(&queue, &message, scope));
    assert_eq!(child.trace().parent, Some(local.clone()));
    assert_eq!(child.trace().links, [(remote(7), LinkType::Creation)]);

    let root = linking(&recorder).process(&start(&queue, &message, scope));
    assert_eq!(root.trace().parent, None);
    let expected = [(remote(7), LinkType::Creation), (local, LinkType::Ambient)];
    assert_eq!(root.trace().links, expected);
    root.end(&Processed::default());
    let span = recorder.span("process orders");
    assert_eq!(links(&span)[1].1, map(&[("tracehop.link.type", "ambient")]));
}

#[test]
fn in_the_users_loop_without_a_local_span_correlation_decides() {
    let recorder = Recorder::new();
    let (queue, message) = (orders(), created(7));
    for current in [Context::new(), created(99)] {
        let scope = Scope::Caller(&current);
        let process = recorder
            .instrumentation()
            .process(&start(&queue, &message, scope));
        assert_eq!(process.trace().parent, Some(remote(7)));
        let process = linking(&recorder).process(&start(&queue, &message, scope));
        assert_eq!(process.trace().parent, None);
        assert_eq!(process.trace().links, [(remote(7), LinkType::Creation)]);
    }
}

#[test]
fn a_message_without_a_valid_context_starts_a_new_trace_with_no_link() {
    let recorder = Recorder::new();
    let queue = orders();
    let invalid = Context::new().with_remote_span_context(SpanContext::NONE);
    for message in [Context::new(), invalid] {
        let process = recorder
            .instrumentation()
            .process(&start(&queue, &message, Scope::Worker));
        assert_eq!(process.trace().parent, None);
        assert!(process.trace().links.is_empty());
        assert!(process.span_context().unwrap().is_valid());
    }
}

#[test]
fn the_handlers_baggage_is_the_messages_whole_and_nothing_else() {
    let recorder = Recorder::new();
    let queue = orders();
    let current = ambient(&recorder).with_baggage([KeyValue::new("mine", "1")]);
    let message = created(7).with_baggage([KeyValue::new("theirs", "2")]);
    for instrumentation in [recorder.instrumentation(), linking(&recorder)] {
        for scope in [
            Scope::Worker,
            Scope::Caller(&current),
            Scope::Batch(&current),
        ] {
            let process = instrumentation.process(&start(&queue, &message, scope));
            let baggage = process.context().baggage();
            assert_eq!(baggage.len(), 1, "{scope:?}");
            assert_eq!(baggage.get("theirs").unwrap().as_str(), "2");
            let bare = created(8);
            let process = instrumentation.process(&start(&queue, &bare, scope));
            assert!(process.context().baggage().is_empty(), "{scope:?}");
        }
    }
}

#[test]
fn the_users_own_values_stay_in_the_context() {
    #[derive(Debug, PartialEq)]
    struct Mine(u8);
    let recorder = Recorder::new();
    let (queue, message) = (orders(), created(7));
    let current = ambient(&recorder).with_value(Mine(3));
    let scope = Scope::Caller(&current);
    let process = recorder
        .instrumentation()
        .process(&start(&queue, &message, scope));
    assert_eq!(process.context().get(), Some(&Mine(3)));
}

#[test]
fn a_message_that_is_read_where_something_is_current_takes_nothing_of_another_message() {
    #[derive(Debug, PartialEq)]
    struct Mine(u8);
    let recorder = Recorder::new();
    let instrumentation = recorder.instrumentation();
    let queue = orders();
    let traceparent = tracehop_propagation::traceparent(&remote(7)).unwrap();
    let headers = [("traceparent", &*traceparent), ("baggage", "theirs=2")];
    let carrier = headers.map(|(key, value)| (key.to_owned(), value.to_owned()));
    let carrier = HashMap::from(carrier);
    // An AWS service's own trace, which may only be linked to.
    let linked = Extracted::from(Context::new()).or_aws_trace_header(
        "Root=1-00000000-000000000000000000000009;Parent=0000000000000009;Sampled=0",
    );
    let others = [
        Context::new(),
        Context::new().with_baggage([KeyValue::new("mine", "1")]),
        created(8),
        ambient(&recorder),
        linked.context,
    ];
    for current in others.map(|current| current.with_value(Mine(3))) {
        let (creation, scope) = instrumentation.creation_within(&queue, &carrier, &current);
        let process = instrumentation.process(&start(&queue, &creation, scope));
        assert_eq!(process.trace().links[0], (remote(7), LinkType::Creation));
        assert_eq!(process.trace().links.len(), 1);
        let local = current.span().span_context().clone();
        let is_ambient = local.is_valid() && !local.is_remote();
        let parent = if is_ambient { local } else { remote(7) };
        assert_eq!(process.trace().parent, Some(parent));
        assert_eq!(process.context().get(), Some(&Mine(3)));
        let baggage = process.context().baggage();
        assert_eq!(baggage.len(), 1);
        assert_eq!(baggage.get("theirs").unwrap().as_str(), "2");
        let empty = HashMap::<String, String>::new();
        let (creation, scope) = instrumentation.creation_within(&queue, &empty, &current);
        let process = instrumentation.process(&start(&queue, &creation, scope));
        assert!(process.context().baggage().is_empty());
        assert!(process.trace().links.is_empty());
    }
}

#[test]
fn without_an_sdk_or_on_a_filtered_destination_the_messages_context_is_current() {
    let recorder = Recorder::new();
    let queue = orders();
    let message = created(7).with_baggage([KeyValue::new("k", "v")]);
    let noop = || opentelemetry::trace::noop::NoopTracerProvider::new();
    let nowhere = Context::new();
    for correlation in [Correlation::ParentAndLink, Correlation::Link] {
        let builder = recorder.builder().correlation(correlation);
        let filtered = builder.clone().destinations(|_| false).build();
        let without = builder.tracer_provider(noop()).build();
        for instrumentation in [filtered, without] {
            for scope in [Scope::Worker, Scope::Caller(&nowhere)] {
                let process = instrumentation.process(&start(&queue, &message, scope));
                assert_eq!(process.context().span().span_context(), &remote(7));
                assert_eq!(process.context().baggage().len(), 1);
                assert_eq!(process.span_context(), None);
                assert_eq!(process.trace().parent, None);
                assert!(process.trace().links.is_empty());
                process.end(&Processed::default());
            }
        }
    }
    assert!(recorder.spans().is_empty());
}

#[cfg(feature = "setup")]
#[test]
fn a_processor_sees_the_messages_baggage_in_either_mode() {
    use opentelemetry_sdk::trace::{InMemorySpanExporter, SdkTracerProvider};
    use tracehop::setup::BaggageAttributes;
    use tracehop::telemetry::Instrumentation;

    for correlation in [Correlation::ParentAndLink, Correlation::Link] {
        let exporter = InMemorySpanExporter::default();
        let provider = SdkTracerProvider::builder()
            .with_span_processor(BaggageAttributes::new(["tenant"]))
            .with_simple_exporter(exporter.clone())
            .build();
        let builder = Instrumentation::builder().tracer_provider(provider.clone());
        let instrumentation = builder.correlation(correlation).build();
        let message = created(7).with_baggage([KeyValue::new("tenant", "acme")]);
        let process = instrumentation.process(&start(&orders(), &message, Scope::Worker));
        let tracer = opentelemetry::trace::TracerProvider::tracer(&provider, "the handler's");
        drop(tracer.start_with_context("in the handler", process.context()));
        process.end(&Processed::default());
        let spans = exporter.get_finished_spans().unwrap();
        assert_eq!(spans.len(), 2);
        for span in spans {
            assert_eq!(
                attribute(&span, "tenant").as_deref(),
                Some("acme"),
                "{span:?}"
            );
        }
    }
}
