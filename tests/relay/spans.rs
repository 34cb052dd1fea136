//! The context of a message that is relayed.

use opentelemetry::baggage::BaggageExt as _;
use opentelemetry::trace::TraceContextExt as _;
use opentelemetry::{Context, KeyValue};
use tracehop::contract::{Message, Sink as _};
use tracehop::telemetry::Correlation;
use tracehop::testing::SpanTree;

use crate::bench::{Bench, FROM};

const SHOWN: [&str; 4] = [
    "tracehop.relay.route",
    "tracehop.relay.hop",
    "tracehop.settlement",
    "error.type",
];

#[tokio::test(start_paused = true)]
async fn each_message_has_a_process_span_with_its_send_below() {
    let bench = Bench::new();
    bench.fill(&["a"], 2).await;
    bench.run(bench.relay()).await;
    SpanTree::new(bench.recorder.spans())
        .attributes(SHOWN)
        .assert_is(
            "
            send orders PRODUCER
              process orders CONSUMER {tracehop.relay.route=memory:orders -> memory:archive, \
                 tracehop.relay.hop=1, tracehop.settlement=ack} -> send orders (parent)
                send archive PRODUCER
            send orders PRODUCER
              process orders CONSUMER {tracehop.relay.route=memory:orders -> memory:archive, \
                 tracehop.relay.hop=1, tracehop.settlement=ack} -> send orders (parent)
                send archive PRODUCER
            ",
        );
}

#[tokio::test(start_paused = true)]
async fn with_links_alone_each_hop_is_a_trace_of_its_own() {
    let bench = Bench::new();
    bench.fill(&["a"], 1).await;
    let instrumentation = bench.recorder.builder().correlation(Correlation::Link);
    let relay = bench.relay().route("archiving");
    let worker = bench.worker(relay).instrumentation(instrumentation.build());
    let done = async {
        while bench.broker.waiting("archive") == 0 {
            tokio::task::yield_now().await;
        }
    };
    worker.run_until(done).await.unwrap();
    SpanTree::new(bench.recorder.spans())
        .attributes(["tracehop.relay.route"])
        .assert_is(
            "
            process orders CONSUMER {tracehop.relay.route=archiving} -> send orders
              send archive PRODUCER
            send orders PRODUCER
            ",
        );
}

#[tokio::test(start_paused = true)]
async fn stale_fields_are_replaced_and_hops_counted() {
    let bench = Bench::new();
    bench
        .send(Message::new("x").with_header("Traceparent", "stale"))
        .await;
    bench.run(bench.relay()).await;
    let arrived = bench.arrived().await.remove(0);
    let names: Vec<_> = arrived
        .message
        .headers
        .iter()
        .map(|(name, _)| name.clone())
        .collect();
    assert_eq!(names, ["tracehop-hops", "traceparent"]);
    let sent = bench.recorder.span("send archive");
    assert_eq!(*arrived.context.span().span_context(), {
        let sent = sent.span_context.clone();
        opentelemetry::trace::SpanContext::new(
            sent.trace_id(),
            sent.span_id(),
            sent.trace_flags(),
            true,
            sent.trace_state().clone(),
        )
    });

    bench.send(arrived.into_message()).await;
    let again = bench.relayed(bench.relay()).await.into_message();
    assert_eq!(again.headers.get("tracehop-hops"), Some(&"2".into()));
    assert_eq!(again.headers.len(), 2);
}

/// Odd, and in parts broken.
const BAGGAGE: &str = "b = 2 ;p=1, a=%41%20,broken,,zeta=z";

async fn baggage(bench: &Bench) -> Option<String> {
    bench.run(bench.relay()).await;
    let arrived = bench.arrived().await.remove(0).into_message();
    let header = arrived.headers.get("baggage")?;
    header.as_str().map(ToOwned::to_owned)
}

#[tokio::test(start_paused = true)]
async fn baggage_goes_on_byte_for_byte() {
    let long = format!("big={}", "x".repeat(9000));
    for header in [BAGGAGE, &long, "broken"] {
        let bench = Bench::new();
        let message = Message::new("x").with_header("baggage", header);
        // As it comes from elsewhere, with no context of ours around it.
        let suppressed = Context::new().with_telemetry_suppressed();
        let sent = bench.broker.sink(FROM).enqueue(message, &suppressed).await;
        sent.unwrap().await.unwrap();
        assert_eq!(baggage(&bench).await.as_deref(), Some(header));
    }
}

#[tokio::test(start_paused = true)]
async fn baggage_that_may_not_pass_stays_behind() {
    let bench = Bench::new();
    let members = ["tenant", "secret"].map(|key| KeyValue::new(key, "1"));
    let cx = Context::new().with_baggage(members);
    for allowed in ["tenant", "nothing"] {
        let sent = bench
            .broker
            .sink(FROM)
            .enqueue(Message::new("x"), &cx)
            .await;
        sent.unwrap().await.unwrap();
        let relay = bench.relay().baggage(move |key| key == allowed);
        let arrived = bench.relayed(relay).await;
        let baggage = arrived.message.headers.get("baggage");
        let expected = (allowed == "tenant").then(|| "tenant=1".into());
        assert_eq!(baggage, expected.as_ref());
        assert_eq!(arrived.context.baggage().get("secret"), None);
    }
}
