//! What the measuring programs share: CPU and memory of this process, rounds in child processes,
//! medians with their spread.

#![allow(dead_code, reason = "each program measures what it needs")]

pub(crate) mod collector;
pub(crate) mod sdk;

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::process::{Command, Stdio};

use opentelemetry_sdk::error::OTelSdkResult;
use opentelemetry_sdk::trace::{
    BatchConfigBuilder, BatchSpanProcessor, SdkTracerProvider, SpanData, SpanExporter,
};

/// One round of one variant: figures by name, as its child process printed them.
pub(crate) type Figures = BTreeMap<String, f64>;

/// CPU time (user and system) that the living threads of this process have used, in seconds.
pub(crate) fn cpu_seconds() -> f64 {
    let threads = std::fs::read_dir("/proc/self/task").expect("procfs");
    threads
        .filter_map(|thread| std::fs::read_to_string(thread.ok()?.path().join("schedstat")).ok())
        .filter_map(|stat| stat.split(' ').next()?.parse::<f64>().ok())
        .sum::<f64>()
        / 1e9
}

/// The most memory that this process has had resident, in MiB.
pub(crate) fn peak_mib() -> f64 {
    let status = std::fs::read_to_string("/proc/self/status").expect("procfs");
    let line = status.lines().find(|line| line.starts_with("VmHWM:"));
    line.and_then(|line| line.split_whitespace().nth(1)?.parse::<f64>().ok())
        .expect("VmHWM in /proc/self/status")
        / 1024.0
}

/// Prints the figures of this child process for the parent to read.
pub(crate) fn report(figures: impl IntoIterator<Item = (&'static str, f64)>) {
    let line = figures.into_iter().fold(String::new(), |mut line, figure| {
        let _ = write!(line, "{}={} ", figure.0, figure.1);
        line
    });
    println!("figures {line}");
}

/// Runs this program again as `variant` with `arguments`, and reads the figures it reports.
pub(crate) fn child(variant: &str, arguments: &[&str]) -> Figures {
    child_with(&[], variant, arguments)
}

/// The same with variables of the environment.
pub(crate) fn child_with(
    variables: &[(&str, String)],
    variant: &str,
    arguments: &[&str],
) -> Figures {
    let program = std::env::current_exe().expect("own path");
    let output = Command::new(program)
        .arg(format!("--child={variant}"))
        .args(arguments)
        .envs(variables.iter().map(|(name, value)| (name, value)))
        .stderr(Stdio::inherit())
        .output()
        .expect("the child starts");
    assert!(
        output.status.success(),
        "{variant} failed: {}",
        output.status
    );
    String::from_utf8_lossy(&output.stdout)
        .lines()
        .filter_map(|line| line.strip_prefix("figures "))
        .flat_map(str::split_whitespace)
        .filter_map(|figure| {
            let (name, value) = figure.split_once('=')?;
            Some((name.to_owned(), value.parse().ok()?))
        })
        .collect()
}

/// Minimum, median and maximum of one figure over the rounds.
pub(crate) struct Spread {
    pub(crate) least: f64,
    pub(crate) median: f64,
    pub(crate) most: f64,
}

impl Spread {
    pub(crate) fn of(values: impl IntoIterator<Item = f64>) -> Self {
        let mut values: Vec<f64> = values.into_iter().collect();
        values.sort_by(f64::total_cmp);
        let middle = values.len() / 2;
        let median = if values.len() % 2 == 1 {
            values[middle]
        } else {
            f64::midpoint(values[middle - 1], values[middle])
        };
        Self {
            least: values[0],
            median,
            most: values[values.len() - 1],
        }
    }
}

impl std::fmt::Display for Spread {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let digits = f.precision().unwrap_or(2);
        write!(
            f,
            "{:.digits$} ({:.digits$} to {:.digits$})",
            self.median, self.least, self.most
        )
    }
}

/// Runs every variant once a round, in turn, and prints each figure's median and spread, and its
/// ratio to the first variant round by round. The answer has the rounds of each variant.
pub(crate) fn compare(
    title: &str,
    rounds: usize,
    variants: &[&str],
    mut run: impl FnMut(&str) -> Figures,
) -> Vec<Vec<Figures>> {
    let mut results: Vec<Vec<Figures>> = vec![Vec::new(); variants.len()];
    for _ in 0..rounds {
        for (variant, results) in variants.iter().zip(&mut results) {
            results.push(run(variant));
        }
    }
    println!("\n{title}, {rounds} interleaved rounds: median (least to most)");
    for (variant, rounds) in variants.iter().zip(&results) {
        for name in rounds[0].keys() {
            let own = Spread::of(rounds.iter().map(|round| round[name]));
            let baseline = results[0].iter().filter_map(|round| round.get(name));
            let ratio = Spread::of(
                rounds
                    .iter()
                    .zip(baseline)
                    .map(|(round, baseline)| round[name] / baseline),
            );
            println!("  {variant:<18} {name:<22} {own:<38.2} ratio {ratio:.3}");
        }
    }
    results
}

/// What is compared of a client: the first is what the others add to, and the last what the SDK
/// spends on the spans of the one before it, with no broker at all.
pub(crate) const CLIENTS: [&str; 6] = [
    "raw",
    "raw + headers",
    "no SDK",
    "unsampled",
    "sampled",
    "SDK alone",
];

/// Prints what each client adds, and the most of it over the SDK alone, from the rounds of
/// [`CLIENTS`].
pub(crate) fn print_added(results: &[Vec<Figures>]) {
    let cpu = |client: usize| results[client].iter().map(|round| round["cpu_us"]);
    let added = |client| cpu(client).zip(cpu(0)).map(|(one, raw)| one - raw);
    for (client, name) in CLIENTS.iter().enumerate().take(5).skip(1) {
        let added = Spread::of(added(client));
        println!("  {name:<18} added cpu_us a message  {added:.2}");
    }
    let ratio = added(4).zip(cpu(5)).map(|(added, sdk)| added / sdk);
    println!(
        "  sampled            added over SDK alone    {:.2}",
        Spread::of(ratio)
    );
}

/// Installs a pipeline that samples every span and hands it, in batches, to an exporter that
/// encodes nothing.
pub(crate) fn sampled() -> SdkTracerProvider {
    let batch = BatchConfigBuilder::default()
        .with_max_queue_size(65_536)
        .with_max_export_batch_size(4_096);
    let processor = BatchSpanProcessor::builder(Discard)
        .with_batch_config(batch.build())
        .build();
    let tracers = SdkTracerProvider::builder()
        .with_span_processor(processor)
        .build();
    opentelemetry::global::set_tracer_provider(tracers.clone());
    tracers
}

#[derive(Debug)]
struct Discard;

impl SpanExporter for Discard {
    async fn export(&self, _: Vec<SpanData>) -> OTelSdkResult {
        Ok(())
    }
}
