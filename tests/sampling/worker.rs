//! Workers: a span a message, and a span a batch.

use std::future::ready;
use std::time::Duration;

use opentelemetry::Context;
use opentelemetry::trace::SpanId;
use opentelemetry_sdk::trace::Sampler;
use tokio::sync::mpsc;
use tracehop::contract::{Message, Sink as _};
use tracehop::memory::MemoryBroker;
use tracehop::telemetry::InstrumentationBuilder;
use tracehop::testing::Recorder;
use tracehop::worker::{Batch, Batches, Failure, Incoming, Work, Worker};
use tracehop_propagation::{Composite, XRay, xray_header};

use crate::{linked, linked_traces, recorder, traceparent};

/// Sends messages with these headers, and handles them until none is left.
async fn handled(
    instrumentation: InstrumentationBuilder,
    headers: &[(&str, String)],
    work: impl Work,
) {
    // Those who send are not looked at.
    let broker = MemoryBroker::new().with_instrumentation(Recorder::new().instrumentation());
    for (name, value) in headers {
        let message = Message::new("order").with_header((*name).to_owned(), value.clone());
        broker.sink("orders").send(message).await.unwrap();
    }
    let instrumentation = instrumentation.build();
    let broker = broker.with_instrumentation(instrumentation.clone());
    let emptied = async {
        while broker.waiting("orders") + broker.in_hand("orders").len() > 0 {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    let worker = Worker::new(broker.source("orders"), work).instrumentation(instrumentation);
    worker.run_until(emptied).await.unwrap();
}

async fn succeed(_: Incoming) -> Result<(), Failure> {
    Ok(())
}

fn parents(sampled: &[bool]) -> Vec<(&'static str, String)> {
    let parents = (1..).zip(sampled);
    parents
        .map(|(id, sampled)| ("traceparent", traceparent(id, *sampled)))
        .collect()
}

#[tokio::test(start_paused = true)]
async fn the_messages_that_are_sampled_have_process_spans() {
    let recorder = linked();
    let parents = parents(&[true, false, true]);
    handled(recorder.builder(), &parents, succeed).await;
    let mut handled: Vec<_> = recorder.spans();
    handled.retain(|span| span.name == "process orders");
    let mut traces: Vec<_> = handled.iter().flat_map(linked_traces).collect();
    traces.sort_unstable();
    assert_eq!(traces, [1, 3]);
}

#[tokio::test(start_paused = true)]
async fn one_sampled_message_brings_the_span_of_its_batch() {
    let work = |_: Batch| async { Ok(()) };
    for (sampled, count) in [([false, true, false], 1), ([false; 3], 0)] {
        let recorder = linked();
        let batches = Batches::of(3, work);
        handled(recorder.builder(), &parents(&sampled), batches).await;
        let mut batches = recorder.spans();
        batches.retain(|span| span.name == "process orders");
        assert_eq!(batches.len(), count);
        for batch in batches {
            assert_eq!(batch.parent_span_id, SpanId::INVALID);
            assert_eq!(linked_traces(&batch), [1, 2, 3]);
        }
    }
}

/// A message whose sender left the decision open.
fn open() -> [(&'static str, String); 1] {
    let header = "Root=1-00000000-000000000000000000000007;Parent=0000000000000007;Sampled=?";
    [("x-amzn-trace-id", header.to_owned())]
}

fn xray() -> Composite {
    Composite::none().with(XRay)
}

/// An open decision is no sampled link, so it goes to the sampler inside, as at a root.
#[tokio::test(start_paused = true)]
async fn an_open_decision_is_taken_by_the_sampler_inside() {
    for (inner, count) in [(Sampler::AlwaysOn, 1), (Sampler::AlwaysOff, 0)] {
        let recorder = recorder(Sampler::ParentBased(Box::new(inner)));
        handled(recorder.builder().propagator(xray()), &open(), succeed).await;
        let mut handled = recorder.spans();
        handled.retain(|span| span.name == "process orders");
        assert_eq!(handled.len(), count);
        for span in handled {
            assert_eq!(span.parent_span_id, SpanId::from(7));
            assert_eq!(linked_traces(&span), [7]);
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_handler_passes_on_what_was_decided_and_without_a_span_that_nothing_was() {
    for (traced, inner, decision) in [
        (true, Sampler::AlwaysOn, "Sampled=1"),
        (true, Sampler::AlwaysOff, "Sampled=0"),
        (false, Sampler::AlwaysOn, "Sampled=?"),
    ] {
        let recorder = recorder(Sampler::ParentBased(Box::new(inner)));
        let builder = recorder.builder().propagator(xray());
        let builder = builder.destinations(move |_| traced);
        let (sent, mut passed_on) = mpsc::unbounded_channel();
        let work = move |_: Incoming| {
            sent.send(xray_header(&Context::current())).unwrap();
            ready(Ok(()))
        };
        handled(builder, &open(), work).await;
        let header = passed_on.recv().await.unwrap().unwrap();
        assert!(header.starts_with("Root=1-00000000-000000000000000000000007;"));
        assert!(header.ends_with(decision), "{header}");
    }
}
