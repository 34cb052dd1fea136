//! What it costs to put W3C trace context and two baggage members on a message and to read them
//! back: time and allocations, for each broker's carrier, beside one written by hand for the SDK's
//! propagators, and beside those into a `HashMap`.
//!
//! `cargo bench --all-features --bench codecs`

mod amqp;
mod kafka;
mod map;
mod sqs;

use std::hint::black_box;

use divan::{AllocProfiler, Bencher};
use opentelemetry::baggage::BaggageExt;
use opentelemetry::propagation::TextMapCompositePropagator;
use opentelemetry::trace::TraceContextExt;
use opentelemetry::{Context, KeyValue};
use opentelemetry_sdk::propagation::{BaggagePropagator, TraceContextPropagator};
use tracehop_propagation::{Composite, parse_traceparent};

#[global_allocator]
static ALLOCATIONS: AllocProfiler = AllocProfiler::system();

fn main() {
    divan::Divan::from_args().sample_size(1_000).main();
}

/// A message of one broker and what carries context on it.
trait Carried {
    type Message;

    /// A message with nothing on it yet.
    fn message() -> Self::Message;
    fn inject(&self, cx: &Context, message: &mut Self::Message);
    fn extract(&self, message: &Self::Message) -> Context;
}

fn context() -> Context {
    let parent = parse_traceparent("00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01");
    Context::new()
        .with_remote_span_context(parent.expect("a valid traceparent"))
        .with_baggage([
            KeyValue::new("tenant", "acme"),
            KeyValue::new("plan", "gold"),
        ])
}

fn sdk() -> TextMapCompositePropagator {
    TextMapCompositePropagator::new(vec![
        Box::new(TraceContextPropagator::new()),
        Box::new(BaggagePropagator::new()),
    ])
}

fn written<C: Carried>(carried: &C, cx: &Context) -> C::Message {
    let mut message = C::message();
    carried.inject(cx, &mut message);
    message
}

/// The message itself, which every variant on one pays too.
fn alone<C: Carried>(bencher: Bencher, _: &C) {
    bencher.bench_local(C::message);
}

fn inject<C: Carried>(bencher: Bencher, carried: &C) {
    let cx = context();
    bencher.bench_local(|| written(carried, black_box(&cx)));
}

fn extract<C: Carried>(bencher: Bencher, carried: &C) {
    let message = written(carried, &context());
    assert_eq!(carried.extract(&message).baggage().len(), 2);
    bencher.bench_local(|| carried.extract(black_box(&message)));
}

fn both<C: Carried>(bencher: Bencher, carried: &C) {
    let cx = context();
    bencher.bench_local(|| carried.extract(&written(carried, black_box(&cx))));
}

/// One group of benchmarks for each carrier, in the same variants.
macro_rules! carriers {
    ($($group:ident: $carried:expr;)*) => {$(
        fn $group() -> impl Carried {
            $carried
        }

        #[divan::bench_group]
        mod $group {
            use super::Bencher;

            #[divan::bench]
            fn alone(bencher: Bencher) {
                super::alone(bencher, &super::$group());
            }

            #[divan::bench]
            fn inject(bencher: Bencher) {
                super::inject(bencher, &super::$group());
            }

            #[divan::bench]
            fn extract(bencher: Bencher) {
                super::extract(bencher, &super::$group());
            }

            #[divan::bench]
            fn inject_and_extract(bencher: Bencher) {
                super::both(bencher, &super::$group());
            }
        }
    )*};
}
carriers! {
    map_sdk: map::Map(sdk());
    map_tracehop: map::Map(Composite::default());
    sqs_by_hand: sqs::ByHand(sdk());
    sqs_tracehop: sqs::Tracehop(Composite::default());
    kafka_by_hand: kafka::ByHand(sdk());
    kafka_tracehop: kafka::Tracehop(Composite::default());
    amqp_by_hand: amqp::ByHand(sdk());
    amqp_tracehop: amqp::Tracehop(Composite::default());
}
