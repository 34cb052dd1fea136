//! The variants, in rounds.

use std::time::Instant;

use opentelemetry::baggage::BaggageExt;
use opentelemetry::context::FutureExt;
use opentelemetry::{Context, KeyValue};

use super::load::{MESSAGES, Mode, WARM_UP};
use super::queue::Queue;
use super::support::collector::Collector;
use super::support::{self, CLIENTS, Figures};
use super::{consume, publish, sdk};

/// Of one message: publish, or process and ack.
const MOST_SPANS: u32 = 2;

pub(crate) fn compare(mode: Mode, rounds: usize) {
    let collector = Collector::start();
    let title = format!("{}, {MESSAGES} messages of 200 bytes", mode.name());
    let results = support::compare(&title, rounds, &CLIENTS, |client| {
        let queue = Queue::create();
        if mode == Mode::Consume {
            run(Mode::Publish, "sampled", &collector, &queue);
        }
        run(mode, client, &collector, &queue)
    });
    support::print_added(&results);
}

fn run(mode: Mode, variant: &str, collector: &Collector, queue: &Queue) -> Figures {
    let mut variables = collector.variables(MOST_SPANS * (MESSAGES + WARM_UP));
    if variant == "unsampled" {
        variables.push(("OTEL_TRACES_SAMPLER", "always_off".to_owned()));
    }
    let figures = support::child_with(&variables, mode.name(), &[variant, queue.name()]);
    assert!(figures.contains_key("cpu_us"), "{variant} reported nothing");
    figures
}

/// One round of one variant, in a process of its own.
pub(crate) fn measure(mode: Mode, variant: &str, queue: &str) {
    let has_sdk = matches!(variant, "unsampled" | "sampled" | "SDK alone");
    let pipeline = has_sdk.then(|| tracehop::setup::init().expect("a pipeline"));
    let runtime = tokio::runtime::Builder::new_current_thread();
    let runtime = { runtime }.enable_all().build().expect("a runtime");
    let baggage = [KeyValue::new("tenant", "acme")];
    let current = Context::new().with_baggage(baggage);
    runtime.block_on(async {
        // Measured from when the warm-up is over until the last span is exported.
        let start = || (support::cpu_seconds(), Instant::now());
        let (cpu, started) = match (mode, variant) {
            (_, "SDK alone") => {
                support::sdk::spans(&sdk::templates(mode), (WARM_UP, MESSAGES), start)
            }
            (Mode::Publish, "raw") => publish::raw(queue, false, start).await,
            (Mode::Publish, "raw + headers") => publish::raw(queue, true, start).await,
            (Mode::Publish, _) => publish::traced(queue, start).with_context(current).await,
            (Mode::Consume, "raw" | "raw + headers") => consume::raw(queue, start).await,
            (Mode::Consume, _) => consume::traced(queue, start).await,
        };
        let seconds = started.elapsed().as_secs_f64();
        if let Some(pipeline) = &pipeline {
            pipeline.flush();
            assert_eq!(pipeline.dropped_spans(), 0, "spans were dropped");
        }
        let cpu = support::cpu_seconds() - cpu;
        support::report([
            ("cpu_us", cpu * 1e6 / f64::from(MESSAGES)),
            ("messages/s", f64::from(MESSAGES) / seconds),
        ]);
    });
}
