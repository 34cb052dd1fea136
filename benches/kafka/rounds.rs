//! The variants, in rounds.

use std::any::Any;
use std::time::Instant;

use opentelemetry::baggage::BaggageExt;
use opentelemetry::context::FutureExt;
use opentelemetry::{Context, KeyValue};

use super::load::{MESSAGES, Mode, WARM_UP};
use super::support::collector::Collector;
use super::support::{self, CLIENTS, Figures};
use super::{consume, produce, sdk, topic::Topic};

pub(crate) fn compare(mode: Mode, rounds: usize) {
    let collector = Collector::start();
    let filled = (mode != Mode::Produce).then(|| {
        let filled = Topic::create();
        run(Mode::Produce, "sampled", &collector, &filled);
        filled
    });
    let title = format!("{}, {MESSAGES} records of 200 bytes", mode.name());
    let results = support::compare(&title, rounds, &CLIENTS, |client| match &filled {
        Some(filled) => run(mode, client, &collector, filled),
        None => run(mode, client, &collector, &Topic::create()),
    });
    support::print_added(&results);
}

fn run(mode: Mode, variant: &str, collector: &Collector, topic: &Topic) -> Figures {
    let mut variables = collector.variables(2 * (MESSAGES + WARM_UP));
    if variant == "unsampled" {
        variables.push(("OTEL_TRACES_SAMPLER", "always_off".to_owned()));
    }
    let figures = support::child_with(&variables, "measure", &[mode.name(), variant, topic.name()]);
    assert!(figures.contains_key("cpu_us"), "{variant} reported nothing");
    figures
}

/// One round of one variant, in a process of its own.
pub(crate) fn measure(mode: Mode, variant: &str, topic: &str) {
    let has_sdk = matches!(variant, "unsampled" | "sampled" | "SDK alone");
    let pipeline = has_sdk.then(|| tracehop::setup::init().expect("a pipeline"));
    let runtime = tokio::runtime::Builder::new_current_thread();
    let runtime = { runtime }.enable_all().build().expect("a runtime");
    let baggage = [KeyValue::new("tenant", "acme")];
    let current = Context::new().with_baggage(baggage);
    runtime.block_on(async {
        // Measured from when the warm-up is over until the last span is exported.
        let start = || (support::cpu_seconds(), Instant::now());
        let ((cpu, started), _client) = match (mode, variant) {
            (_, "SDK alone") => {
                let messages = (WARM_UP, MESSAGES);
                let started = support::sdk::spans(&sdk::templates(mode), messages, start);
                (started, Box::new(()) as Box<dyn Any>)
            }
            (Mode::Produce, "raw") => produce::raw(topic, false, start).await,
            (Mode::Produce, "raw + headers") => produce::raw(topic, true, start).await,
            (Mode::Produce, _) => produce::traced(topic, start).with_context(current).await,
            (_, "raw") => consume::raw(topic, mode, false, start).await,
            (_, "raw + headers") => consume::raw(topic, mode, true, start).await,
            (_, _) => consume::traced(topic, mode, start).await,
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
