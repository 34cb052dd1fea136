//! The variants, in rounds.

use std::any::Any;
use std::time::Instant;

use opentelemetry::baggage::BaggageExt;
use opentelemetry::context::FutureExt;
use opentelemetry::{Context, KeyValue};

use super::support::collector::Collector;
use super::support::{self, Figures, Spread};
use super::{consume, produce, sdk, topic::Topic};

/// Messages of a round, besides a tenth more to warm up on.
pub(crate) const MESSAGES: u32 = 200_000;
pub(crate) const WARM_UP: u32 = MESSAGES / 10;

/// What is measured.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Mode {
    Produce,
    Poll,
    Consume,
}

impl Mode {
    pub(crate) fn named(name: &str) -> Option<Self> {
        [Self::Produce, Self::Poll, Self::Consume]
            .into_iter()
            .find(|mode| mode.name() == name)
    }

    const fn name(self) -> &'static str {
        match self {
            Self::Produce => "produce",
            Self::Poll => "poll",
            Self::Consume => "consume",
        }
    }
}

/// The last is what the SDK spends on the spans of the one before it, with no Kafka at all.
const VARIANTS: [&str; 5] = ["raw", "no SDK", "unsampled", "sampled", "SDK alone"];

pub(crate) fn compare(mode: Mode, rounds: usize) {
    let collector = Collector::start();
    let filled = (mode != Mode::Produce).then(|| {
        let filled = Topic::create();
        run(Mode::Produce, "sampled", &collector, &filled);
        filled
    });
    let title = format!("{}, {MESSAGES} records of 200 bytes", mode.name());
    let results = support::compare(&title, rounds, &VARIANTS, |variant| match &filled {
        Some(filled) => run(mode, variant, &collector, filled),
        None => run(mode, variant, &collector, &Topic::create()),
    });

    let cpu = |variant: usize| results[variant].iter().map(|round| round["cpu_us"]);
    for (index, variant) in VARIANTS.iter().enumerate().take(4).skip(1) {
        let added = cpu(index).zip(cpu(0)).map(|(traced, raw)| traced - raw);
        println!(
            "  {variant:<18} added cpu_us a message  {:.2}",
            Spread::of(added)
        );
    }
    let added = cpu(3).zip(cpu(0)).map(|(traced, raw)| traced - raw);
    let ratio = added.zip(cpu(4)).map(|(added, sdk)| added / sdk);
    println!(
        "  sampled            added over SDK alone    {:.2}",
        Spread::of(ratio)
    );
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
    let has_sdk = !matches!(variant, "raw" | "no SDK");
    let pipeline = has_sdk.then(|| tracehop::setup::init().expect("a pipeline"));
    let runtime = tokio::runtime::Builder::new_current_thread();
    let runtime = { runtime }.enable_all().build().expect("a runtime");
    let baggage = [KeyValue::new("tenant", "acme")];
    let current = Context::new().with_baggage(baggage);
    runtime.block_on(async {
        // Measured from when the warm-up is over until the last span is exported.
        let start = || (support::cpu_seconds(), Instant::now());
        let ((cpu, started), _client) = match (mode, variant) {
            (_, "SDK alone") => (sdk::spans(mode, start), Box::new(()) as Box<dyn Any>),
            (Mode::Produce, "raw") => produce::raw(topic, start).await,
            (Mode::Produce, _) => produce::traced(topic, start).with_context(current).await,
            (_, "raw") => consume::raw(topic, mode, start).await,
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
