//! Measures the traced channel and the worker beside bare lapin, in interleaved rounds of child
//! processes, so that each round's CPU time and memory are its own.
//!
//! `cargo bench --all-features --bench amqp -- publish|consume|worker|memory [ROUNDS]`, on the
//! RabbitMQ at `TRACEHOP_AMQP_URL`. `publish` keeps a thousand confirms in flight; `consume` runs a
//! handler in a process span, and acknowledges a hundred messages at a time: their spans go to an
//! OTLP receiver in a process of its own, and none is dropped.

#![expect(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a program that prints figures"
)]

mod consume;
mod load;
mod publish;
mod queue;
mod rounds;
mod sdk;
#[path = "../common/mod.rs"]
mod support;
mod worker;

use std::process::ExitCode;

use load::Mode;

fn main() -> ExitCode {
    let mut arguments: Vec<String> = std::env::args().skip(1).collect();
    arguments.retain(|argument| argument != "--bench");
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match words.as_slice() {
        ["--child=collector"] => support::collector::serve(),
        ["--child=publish", variant, queue] => rounds::measure(Mode::Publish, variant, queue),
        ["--child=consume", variant, queue] => rounds::measure(Mode::Consume, variant, queue),
        ["--child=worker", variant, queue] => worker::measure(variant, queue),
        ["publish", rounds @ ..] => rounds::compare(Mode::Publish, count(rounds, 6)),
        ["consume", rounds @ ..] => rounds::compare(Mode::Consume, count(rounds, 6)),
        ["worker", rounds @ ..] => worker::compare(count(rounds, 7)),
        ["memory", rounds @ ..] => worker::compare_memory(count(rounds, 3)),
        _ => {
            eprintln!("expected: publish|consume|worker|memory [ROUNDS]");
            return ExitCode::from(2);
        }
    }
    ExitCode::SUCCESS
}

fn count(rounds: &[&str], default: usize) -> usize {
    rounds.first().map_or(default, |rounds| {
        rounds.parse().expect("a number of rounds")
    })
}
