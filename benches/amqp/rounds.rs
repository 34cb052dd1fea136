//! The variants, in rounds.

use std::time::Instant;

use opentelemetry::baggage::BaggageExt;
use opentelemetry::context::FutureExt;
use opentelemetry::{Context, KeyValue};

use super::queue::Queue;
use super::support::collector::Collector;
use super::support::{self, Figures, Spread};
use super::{consume, publish};

/// Messages of a round, besides a tenth more to warm up on.
pub(crate) const MESSAGES: u32 = 50_000;
pub(crate) const WARM_UP: u32 = MESSAGES / 10;

/// Of one message: publish, or process and ack.
const MOST_SPANS: u32 = 2;

/// What is measured.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Mode {
    Publish,
    Consume,
}

impl Mode {
    const fn name(self) -> &'static str {
        match self {
            Self::Publish => "publish",
            Self::Consume => "consume",
        }
    }
}

const VARIANTS: [&str; 4] = ["raw", "no SDK", "unsampled", "sampled"];

pub(crate) fn compare(mode: Mode, rounds: usize) {
    let collector = Collector::start();
    let title = format!("{}, {MESSAGES} messages of 200 bytes", mode.name());
    let results = support::compare(&title, rounds, &VARIANTS, |variant| {
        let queue = Queue::create();
        if mode == Mode::Consume {
            run(Mode::Publish, "sampled", &collector, &queue);
        }
        run(mode, variant, &collector, &queue)
    });

    let cpu = |variant: usize| results[variant].iter().map(|round| round["cpu_us"]);
    for (index, variant) in VARIANTS.iter().enumerate().skip(1) {
        let added = cpu(index).zip(cpu(0)).map(|(traced, raw)| traced - raw);
        println!(
            "  {variant:<18} added cpu_us a message  {:.2}",
            Spread::of(added)
        );
    }
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
    let has_sdk = !matches!(variant, "raw" | "no SDK");
    let pipeline = has_sdk.then(|| tracehop::setup::init().expect("a pipeline"));
    let runtime = tokio::runtime::Builder::new_current_thread();
    let runtime = { runtime }.enable_all().build().expect("a runtime");
    let baggage = [KeyValue::new("tenant", "acme")];
    let current = Context::new().with_baggage(baggage);
    runtime.block_on(async {
        // Measured from when the warm-up is over until the last span is exported.
        let start = || (support::cpu_seconds(), Instant::now());
        let (cpu, started) = match (mode, variant) {
            (Mode::Publish, "raw") => publish::raw(queue, start).await,
            (Mode::Publish, _) => publish::traced(queue, start).with_context(current).await,
            (Mode::Consume, "raw") => consume::raw(queue, start).await,
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
