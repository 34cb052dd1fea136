//! Measures the worker beside a bare lapin loop, in interleaved rounds of child processes, so that
//! each round's CPU time and memory are its own.
//!
//! `cargo bench --all-features --bench amqp -- worker|memory [ROUNDS]`, on the RabbitMQ at
//! `TRACEHOP_AMQP_URL`.

#![expect(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a program that prints figures"
)]

#[path = "../common/mod.rs"]
mod support;
mod worker;

use std::process::ExitCode;

fn main() -> ExitCode {
    let mut arguments: Vec<String> = std::env::args().skip(1).collect();
    arguments.retain(|argument| argument != "--bench");
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match words.as_slice() {
        ["--child=worker", variant, queue] => worker::measure(variant, queue),
        ["worker", rounds @ ..] => worker::compare(count(rounds, 7)),
        ["memory", rounds @ ..] => worker::compare_memory(count(rounds, 3)),
        _ => {
            eprintln!("expected: worker|memory [ROUNDS]");
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
