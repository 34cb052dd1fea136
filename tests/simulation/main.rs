//! The worker on the memory broker under paused time, with a schedule of faults drawn from a seed.
//!
//! `TRACEHOP_SEEDS=10000` runs that many seeds, `TRACEHOP_SEED=42` one of them alone.

#![cfg(feature = "worker")]
#![expect(clippy::unwrap_used, reason = "a failed unwrap fails the test")]

mod handler;
mod life;
mod plan;
mod scenario;
mod spans;
mod watched;
mod world;

use std::fmt::Write as _;
use std::sync::atomic::{AtomicU64, Ordering};

use scenario::Outcome;

const SEEDS: u64 = 300;

#[test]
fn at_every_seed_the_contract_holds() {
    silence_planned_panics();
    let (first, end) = match (variable("TRACEHOP_SEED"), variable("TRACEHOP_SEEDS")) {
        (Some(seed), _) => (seed, seed + 1),
        (None, seeds) => (0, seeds.unwrap_or(SEEDS)),
    };
    let next = AtomicU64::new(first);
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    let (failures, total) = std::thread::scope(|scope| {
        let workers: Vec<_> = (0..threads)
            .map(|_| scope.spawn(|| run(&next, end)))
            .collect();
        let results = workers.into_iter().map(|worker| worker.join().unwrap());
        results.fold(
            (Vec::new(), Outcome::default()),
            |(mut failures, total), (more, part)| {
                failures.extend(more);
                (failures, total + part)
            },
        )
    });
    assert!(failures.is_empty(), "{}", report(failures, end - first));
    if end - first >= SEEDS {
        let dull = total.dull();
        assert!(
            dull.is_empty(),
            "the schedules never brought about: {dull:?}, of {total:?}"
        );
    }
}

#[test]
fn a_seed_replays_to_the_same_end() {
    silence_planned_panics();
    for seed in 0..20 {
        let journal = scenario::run(seed, true).journal;
        assert!(journal.as_ref().is_some_and(|journal| !journal.is_empty()));
        assert_eq!(journal, scenario::run(seed, true).journal, "seed {seed}");
    }
}

fn run(next: &AtomicU64, end: u64) -> (Vec<(u64, Vec<String>)>, Outcome) {
    let mut failures = Vec::new();
    let mut total = Outcome::default();
    loop {
        let seed = next.fetch_add(1, Ordering::Relaxed);
        if seed >= end {
            return (failures, total);
        }
        let report = scenario::run(seed, false);
        if !report.violations.is_empty() {
            failures.push((seed, report.violations));
        }
        total = total + report.outcome;
    }
}

fn report(mut failures: Vec<(u64, Vec<String>)>, of: u64) -> String {
    failures.sort();
    let mut report = format!("{} of {of} seeds failed\n", failures.len());
    for (seed, violations) in failures.iter().take(5) {
        let violations = violations.join("\n    ");
        let _ = writeln!(report, "TRACEHOP_SEED={seed} replays: {violations}");
    }
    report
}

fn variable(name: &str) -> Option<u64> {
    let value = std::env::var(name).ok()?;
    Some(
        value
            .parse()
            .unwrap_or_else(|_| panic!("{name} is to be a number, it is {value:?}")),
    )
}

/// Handlers panic by plan; only other panics are worth a line.
fn silence_planned_panics() {
    let hook = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |info| {
        let planned = info.payload().downcast_ref::<&str>() == Some(&handler::PLANNED);
        if !planned {
            hook(info);
        }
    }));
}
