use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use opentelemetry::propagation::TextMapPropagator;
use opentelemetry::trace::TraceContextExt;
use opentelemetry::{Context, KeyValue, baggage::BaggageExt};
use opentelemetry_sdk::propagation::TraceContextPropagator;
use tracehop::contract::{Destination, System};
use tracehop::telemetry::{LinkType, MessageFacts, ProcessStart, Scope};
use tracehop::testing::Recorder;
use tracehop_propagation::{B3, BaggageDropped, Composite};

use super::{created, orders, remote};

fn carrier(fields: &[(&str, &str)]) -> HashMap<String, String> {
    let owned = fields
        .iter()
        .map(|(key, value)| ((*key).to_owned(), (*value).to_owned()));
    owned.collect()
}

#[test]
fn extraction_counts_what_it_found() {
    const PARENT: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
    let recorder = Recorder::new();
    let instrumentation = recorder.instrumentation();
    let queue = orders();
    let valid = carrier(&[("traceparent", PARENT), ("baggage", "a=1,b c=2")]);
    let cx = instrumentation.extract(&queue, &valid);
    assert!(cx.span().span_context().is_remote());
    assert_eq!(cx.baggage().get("a").unwrap().as_str(), "1");
    let malformed = carrier(&[("traceparent", "00-nonsense")]);
    instrumentation.extract(&queue, &malformed);
    instrumentation.extract(&queue, &carrier(&[]));
    instrumentation.extract(&queue, &carrier(&[]));

    let total = |name, attributes| recorder.total(name, attributes);
    let destination = [
        ("messaging.system", "aws_sqs"),
        ("messaging.destination.name", "orders"),
    ];
    assert_eq!(
        total("tracehop.propagation.extracted", &destination),
        Some(1.0)
    );
    assert_eq!(
        total("tracehop.propagation.missing", &destination),
        Some(2.0)
    );
    let format = [
        destination[0],
        destination[1],
        ("tracehop.format", "tracecontext"),
    ];
    assert_eq!(total("tracehop.propagation.malformed", &format), Some(1.0));
    let reason = [
        destination[0],
        destination[1],
        ("tracehop.reason", "malformed"),
    ];
    assert_eq!(total("tracehop.baggage.dropped", &reason), Some(1.0));
    assert_eq!(
        recorder.metric("tracehop.baggage.dropped")[0].unit,
        "{member}"
    );
}

#[test]
fn the_formats_of_a_destination_are_asked_for_once_and_may_panic() {
    let asked = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&asked);
    let recorder = Recorder::new();
    let instrumentation = recorder
        .builder()
        .destination_formats(move |destination| {
            count.fetch_add(1, Ordering::Relaxed);
            assert_ne!(destination.name, "orders", "a bug of the user's");
            Some(Composite::none().with(B3))
        })
        .build();
    let other = Arc::new(Destination::new(System::AwsSqs, "other"));
    for _ in 0..3 {
        let mut fields = HashMap::new();
        instrumentation.inject(&other, &created(7), &mut fields);
        assert_eq!(fields.into_keys().collect::<Vec<_>>(), ["b3"]);
        let mut fields = HashMap::new();
        instrumentation.inject(&orders(), &created(7), &mut fields);
        assert!(fields.contains_key("traceparent"), "{fields:?}");
    }
    let kept = orders();
    let asked_before = asked.load(Ordering::Relaxed);
    for _ in 0..3 {
        instrumentation.extract(&kept, &carrier(&[]));
    }
    assert_eq!(asked.load(Ordering::Relaxed), asked_before + 1);
}

#[test]
fn extraction_takes_nothing_of_what_is_current() {
    let recorder = Recorder::new();
    let current = created(7)
        .with_baggage([KeyValue::new("mine", "1")])
        .attach();
    let cx = recorder.instrumentation().extract(&orders(), &carrier(&[]));
    drop(current);
    assert!(!cx.span().span_context().is_valid());
    assert!(cx.baggage().is_empty());
}

#[test]
fn injection_counts_messages_and_fields_that_did_not_fit() {
    let recorder = Recorder::new();
    let instrumentation = recorder.instrumentation();
    let queue = orders();
    let mut written = carrier(&[]);
    instrumentation.inject(&queue, &created(7), &mut written);
    assert!(written.contains_key("traceparent"));
    let dropped = [("baggage", "attributes")];
    let members = BaggageDropped {
        bytes: 2,
        ..BaggageDropped::default()
    };
    instrumentation.injected(&queue, &created(7), dropped, members);
    // Baggage alone is no context.
    instrumentation.injected(&queue, &Context::new(), [], BaggageDropped::default());
    assert_eq!(
        recorder.total("tracehop.propagation.injected", &[]),
        Some(2.0)
    );
    let field = [
        ("tracehop.field", "baggage"),
        ("tracehop.reason", "attributes"),
    ];
    assert_eq!(
        recorder.total("tracehop.propagation.dropped", &field),
        Some(1.0)
    );
    let reason = [("tracehop.reason", "bytes")];
    assert_eq!(
        recorder.total("tracehop.baggage.dropped", &reason),
        Some(2.0)
    );
}

#[test]
fn a_propagator_of_the_users_is_used_as_it_is() {
    let recorder = Recorder::new();
    let builder = recorder.builder().propagator(TraceContextPropagator::new());
    let instrumentation = builder.build();
    assert!(instrumentation.propagator().composite().is_none());
    let mut written = carrier(&[]);
    instrumentation.inject(&orders(), &created(7), &mut written);
    let read = instrumentation.extract(&orders(), &written);
    assert_eq!(read.span().span_context(), &remote(7));
    assert_eq!(
        recorder.total("tracehop.propagation.extracted", &[]),
        Some(1.0)
    );
    let fields: Vec<&str> = instrumentation.propagator().fields().collect();
    assert_eq!(fields, ["traceparent", "tracestate"]);
}

#[test]
fn an_x_ray_context_that_may_only_be_linked_to_becomes_a_link() {
    let recorder = Recorder::new();
    let instrumentation = recorder.builder().propagator(Composite::default()).build();
    let queue = orders();
    let header = "Root=1-00000000-000000000000000000000007;Parent=0000000000000007;Sampled=0";
    let extracted = instrumentation
        .propagator()
        .extract(&carrier(&[]))
        .or_aws_trace_header(header);
    let creation = instrumentation.extracted(&queue, extracted);
    let process = instrumentation.process(&ProcessStart {
        destination: &queue,
        creation: &creation,
        attempt: 1,
        previous: None,
        facts: MessageFacts::NONE,
        scope: Scope::Worker,
    });
    assert_eq!(process.trace().parent, None);
    let [(to, link_type)] = process.trace().links.as_slice() else {
        panic!("{:?}", process.trace());
    };
    assert_eq!(
        (to.span_id(), *link_type),
        (remote(7).span_id(), LinkType::Creation)
    );
}
