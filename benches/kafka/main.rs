//! Measures the traced Kafka clients beside bare rdkafka, in interleaved rounds of child processes,
//! so that each round's CPU time is its own, and beside what the SDK itself spends on the same
//! spans.
//!
//! `cargo bench --all-features --bench kafka -- produce|poll|consume|worker|memory [ROUNDS]`, on the
//! Kafka at `TRACEHOP_KAFKA_BROKERS`. `poll` takes records and does nothing else, `consume` also runs
//! a handler in a process span; `worker` and `memory` are about the worker. Spans go to
//! an OTLP receiver in a process of its own, and none is dropped.

#![expect(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a program that prints figures"
)]

mod consume;
mod load;
mod produce;
mod rounds;
mod sdk;
#[path = "../common/mod.rs"]
mod support;
mod topic;
mod worker;

use std::process::ExitCode;

use load::Mode;

fn main() -> ExitCode {
    let mut arguments: Vec<String> = std::env::args().skip(1).collect();
    arguments.retain(|argument| argument != "--bench");
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match words.as_slice() {
        ["--child=collector"] => support::collector::serve(),
        ["--child=measure", mode, variant, topic] => {
            rounds::measure(Mode::named(mode).expect("a mode"), variant, topic);
        }
        ["--child=worker", variant, topic] => worker::measure(variant, topic),
        ["worker", rounds @ ..] => worker::compare(count(rounds)),
        ["memory", rounds @ ..] => worker::compare_memory(count(rounds)),
        [mode, rounds @ ..] if Mode::named(mode).is_some() => {
            rounds::compare(Mode::named(mode).expect("a mode"), count(rounds));
        }
        _ => {
            eprintln!("expected: produce|poll|consume|worker|memory [ROUNDS]");
            return ExitCode::from(2);
        }
    }
    ExitCode::SUCCESS
}

fn count(rounds: &[&str]) -> usize {
    let rounds = rounds.first();
    rounds.map_or(6, |rounds| rounds.parse().expect("a number of rounds"))
}
