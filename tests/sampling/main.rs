//! What `LinkedSampler` makes of the spans of a client, a worker and a batch: each with a sampler
//! inside that would record nothing.
#![cfg(all(
    feature = "setup",
    feature = "sqs",
    feature = "testing",
    feature = "worker"
))]
#![expect(clippy::unwrap_used, reason = "a failed unwrap fails the test")]

mod client;
mod worker;

use opentelemetry_sdk::trace::{Sampler, ShouldSample, SpanData};
use tracehop::setup::{DeferredSampler, LinkedSampler};
use tracehop::testing::Recorder;

/// A `traceparent` with that sampled flag, of a trace and a span of that number.
fn traceparent(id: u64, sampled: bool) -> String {
    format!("00-{id:032x}-{id:016x}-{:02x}", u8::from(sampled))
}

/// A recorder that records nothing by itself, only what links to something sampled.
fn linked() -> Recorder {
    recorder(Sampler::TraceIdRatioBased(0.0))
}

fn recorder(inner: impl ShouldSample + 'static) -> Recorder {
    Recorder::with_sampler(LinkedSampler::new(DeferredSampler::new(inner)))
}

/// The names of the spans that were recorded, in the order of their ends.
fn names(recorder: &Recorder) -> Vec<String> {
    let spans = recorder.spans();
    spans.iter().map(|span| span.name.to_string()).collect()
}

/// The numbers of the traces that a span links to.
fn linked_traces(span: &SpanData) -> Vec<u64> {
    let links = span.links.iter();
    links
        .map(|link| {
            let trace_id = u128::from_be_bytes(link.span_context.trace_id().to_bytes());
            u64::try_from(trace_id).unwrap()
        })
        .collect()
}
