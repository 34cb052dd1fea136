use std::collections::BTreeMap;
use std::time::Duration;

use serde_json::Value;
use tokio::io::{AsyncBufReadExt, BufReader, Lines};
use tokio::process::{Child, ChildStdout};
use tokio::time::timeout;

use super::{common, support};

const MESSAGES: usize = 500;
/// Where the first worker is killed.
const HANDLED: usize = 200;

/// What SIGKILL leaves in hand comes again after its visibility timeout, to the next worker.
#[tokio::test]
async fn a_killed_worker_loses_nothing() {
    let Some(url) = common::localstack() else {
        return;
    };
    let client = support::client(&url);
    let queue = support::queue(&client, 4).await;
    support::send(&client, &queue, 0..MESSAGES).await;
    let mut handled = BTreeMap::new();

    let (mut first, mut lines) = worker(&url, &queue);
    while handled.len() < HANDLED {
        record(&mut handled, &next(&mut lines).await);
    }
    first.start_kill().unwrap();
    first.wait().await.unwrap();
    // What it printed and nobody has read yet was handled too.
    while let Some(line) = lines.next_line().await.unwrap() {
        record(&mut handled, &line);
    }
    assert!(handled.len() < MESSAGES, "killed too late to show anything");

    let (_second, mut lines) = worker(&url, &queue);
    while handled.len() < MESSAGES {
        record(&mut handled, &next(&mut lines).await);
    }
    while support::depth(&client, &queue).await != (0, 0) {
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    let duplicates: usize = handled.values().map(|times| times - 1).sum();
    #[expect(clippy::print_stdout, reason = "the count is a figure, not a verdict")]
    {
        println!("{MESSAGES} messages, killed after {HANDLED}: 0 lost, {duplicates} duplicates");
    }
}

fn worker(url: &str, queue: &str) -> (Child, Lines<BufReader<ChildStdout>>) {
    let mut child = support::example("sqs_worker", url, queue).spawn().unwrap();
    let lines = BufReader::new(child.stdout.take().unwrap()).lines();
    (child, lines)
}

async fn next(lines: &mut Lines<BufReader<ChildStdout>>) -> String {
    let line = timeout(Duration::from_secs(30), lines.next_line()).await;
    line.expect("a message within 30 s")
        .unwrap()
        .expect("a line")
}

fn record(handled: &mut BTreeMap<usize, usize>, line: &str) {
    let line: Value = serde_json::from_str(line).unwrap();
    let number = line["body"].as_str().unwrap().parse().unwrap();
    *handled.entry(number).or_default() += 1;
}
