//! What it costs to put W3C trace context and two baggage members on a message and to read them
//! back: time and allocations, beside the SDK's propagators into a `HashMap`.
//!
//! `cargo bench --bench codecs`

use std::collections::HashMap;

use aws_sdk_sqs::operation::send_message::SendMessageInput;
use aws_sdk_sqs::types::Message;
use divan::{AllocProfiler, Bencher, black_box};
use opentelemetry::baggage::BaggageExt;
use opentelemetry::propagation::{TextMapCompositePropagator, TextMapPropagator};
use opentelemetry::trace::TraceContextExt;
use opentelemetry::{Context, KeyValue};
use opentelemetry_sdk::propagation::{BaggagePropagator, TraceContextPropagator};
use tracehop_propagation::{Composite, parse_traceparent};
use tracehop_sqs::Budget;

#[global_allocator]
static ALLOCATIONS: AllocProfiler = AllocProfiler::system();

fn main() {
    divan::Divan::from_args().sample_size(1_000).main();
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

fn into_map(propagator: &dyn TextMapPropagator, cx: &Context) -> HashMap<String, String> {
    let mut map = HashMap::new();
    propagator.inject_context(cx, &mut map);
    map
}

fn into_message(propagator: &Composite, cx: &Context) -> SendMessageInput {
    let input = SendMessageInput::builder().message_body("an order").build();
    let mut input = input.expect("a request");
    tracehop_sqs::inject(cx, propagator, &mut input, Budget::sqs());
    input
}

/// The request itself, which every variant on a message pays too.
#[divan::bench]
fn message_alone(bencher: Bencher) {
    bencher.bench(|| SendMessageInput::builder().message_body("an order").build());
}

#[divan::bench_group]
mod inject_and_extract {
    use super::{
        Bencher, Composite, Context, Message, TextMapPropagator, black_box, context, into_map,
        into_message, sdk,
    };

    #[divan::bench]
    fn sdk_hash_map(bencher: Bencher) {
        let (propagator, cx) = (sdk(), context());
        bencher.bench(|| {
            let map = into_map(&propagator, black_box(&cx));
            propagator.extract_with_context(&Context::new(), &map)
        });
    }

    #[divan::bench]
    fn tracehop_hash_map(bencher: Bencher) {
        let (propagator, cx) = (Composite::default(), context());
        bencher.bench(|| {
            let map = into_map(&propagator, black_box(&cx));
            propagator.extract_with_context(&Context::new(), &map)
        });
    }

    #[divan::bench]
    fn tracehop_sqs_message(bencher: Bencher) {
        let (propagator, cx) = (Composite::default(), context());
        bencher.bench(|| {
            let input = into_message(&propagator, black_box(&cx));
            let received = Message::builder()
                .set_message_attributes(input.message_attributes)
                .build();
            tracehop_sqs::extract(&propagator, &received)
        });
    }
}

#[divan::bench_group]
mod inject {
    use super::{Bencher, Composite, black_box, context, into_map, into_message, sdk};

    #[divan::bench]
    fn sdk_hash_map(bencher: Bencher) {
        let (propagator, cx) = (sdk(), context());
        bencher.bench(|| into_map(&propagator, black_box(&cx)));
    }

    #[divan::bench]
    fn tracehop_hash_map(bencher: Bencher) {
        let (propagator, cx) = (Composite::default(), context());
        bencher.bench(|| into_map(&propagator, black_box(&cx)));
    }

    #[divan::bench]
    fn tracehop_sqs_message(bencher: Bencher) {
        let (propagator, cx) = (Composite::default(), context());
        bencher.bench(|| into_message(&propagator, black_box(&cx)));
    }
}

#[divan::bench_group]
mod extract {
    use super::{
        Bencher, Composite, Context, Message, TextMapPropagator, black_box, context, into_map,
        into_message, sdk,
    };

    #[divan::bench]
    fn sdk_hash_map(bencher: Bencher) {
        let propagator = sdk();
        let map = into_map(&propagator, &context());
        bencher.bench(|| propagator.extract_with_context(&Context::new(), black_box(&map)));
    }

    #[divan::bench]
    fn tracehop_hash_map(bencher: Bencher) {
        let propagator = Composite::default();
        let map = into_map(&propagator, &context());
        bencher.bench(|| propagator.extract_with_context(&Context::new(), black_box(&map)));
    }

    #[divan::bench]
    fn tracehop_sqs_message(bencher: Bencher) {
        let propagator = Composite::default();
        let input = into_message(&propagator, &context());
        let received = Message::builder()
            .set_message_attributes(input.message_attributes)
            .set_attributes(None)
            .build();
        bencher.bench(|| tracehop_sqs::extract(&propagator, black_box(&received)));
    }
}
