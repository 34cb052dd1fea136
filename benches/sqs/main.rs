//! Measures the traced client and the worker beside the bare AWS SDK, in interleaved rounds of
//! child processes, so that each round's CPU time and memory are its own.
//!
//! `cargo bench --all-features --bench sqs -- client|worker|mix|memory [ROUNDS]`. `client` talks to
//! the in-process endpoint (in a process of its own), the others to the server at
//! `TRACEHOP_ELASTICMQ_URL`.

#![expect(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a program that prints figures"
)]

mod bare;
mod client;
#[path = "../common/mod.rs"]
mod support;
mod worker;

use std::process::ExitCode;

fn main() -> ExitCode {
    let mut arguments: Vec<String> = std::env::args().skip(1).collect();
    arguments.retain(|argument| argument != "--bench");
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match words.as_slice() {
        ["--child=endpoint"] => client::endpoint(),
        ["--child=client", variant, url] => client::measure(variant, url),
        ["--child=worker", variant, url] => worker::measure(variant, url),
        ["--child=mix", variant, url] => worker::mix(variant, url),
        ["client", rounds @ ..] => client::compare(count(rounds, 10)),
        ["worker", rounds @ ..] => worker::compare(count(rounds, 7)),
        ["mix", rounds @ ..] => worker::compare_mix(count(rounds, 3)),
        ["memory", rounds @ ..] => worker::compare_memory(count(rounds, 3)),
        _ => {
            eprintln!("expected: client|worker|mix|memory [ROUNDS]");
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
