//! A worker that is killed while it works, as a process, and the one that comes after it.

use std::collections::BTreeMap;
use std::time::Duration;

use serde_json::Value;
use tokio::io::{AsyncBufReadExt, BufReader, Lines};
use tokio::process::{Child, ChildStdout, Command};
use tokio::time::timeout;

/// How many messages are to wait for the first worker; their bodies are the numbers from 0. It
/// cannot print all of them before they are read: a pipe holds 64 KiB, and a line has over 100 bytes.
pub(crate) const MESSAGES: usize = 1_500;
/// Where it is killed.
const HANDLED: usize = 200;

/// Kills the first of two workers, and waits until all messages are handled, which the second
/// must do; it still runs, until it is dropped.
pub(crate) async fn nothing_is_lost(worker: impl Fn() -> Command) -> Running {
    let mut handled = BTreeMap::new();
    let mut first = Running::start(worker());
    while handled.len() < HANDLED {
        record(&mut handled, &first.next().await);
    }
    first.process.kill().await.unwrap();
    // What it printed and nobody has read yet was handled too.
    while let Some(line) = first.lines.next_line().await.unwrap() {
        record(&mut handled, &line);
    }
    assert!(handled.len() < MESSAGES, "killed too late to show anything");

    let mut second = Running::start(worker());
    while handled.len() < MESSAGES {
        record(&mut handled, &second.next().await);
    }
    let duplicates: usize = handled.values().map(|times| times - 1).sum();
    #[expect(clippy::print_stdout, reason = "the count is a figure, not a verdict")]
    {
        println!("{MESSAGES} messages, killed after {HANDLED}: 0 lost, {duplicates} duplicates");
    }
    second
}

pub(crate) struct Running {
    process: Child,
    lines: Lines<BufReader<ChildStdout>>,
}

impl Running {
    fn start(mut worker: Command) -> Self {
        let mut process = worker.spawn().unwrap();
        let lines = BufReader::new(process.stdout.take().unwrap()).lines();
        Self { process, lines }
    }

    /// What it tells of the next message.
    async fn next(&mut self) -> String {
        let line = timeout(Duration::from_secs(30), self.lines.next_line()).await;
        line.expect("a message within 30 s")
            .unwrap()
            .expect("a line")
    }
}

fn record(handled: &mut BTreeMap<usize, usize>, line: &str) {
    let line: Value = serde_json::from_str(line).unwrap();
    let number = line["body"].as_str().unwrap().parse().unwrap();
    *handled.entry(number).or_default() += 1;
}
