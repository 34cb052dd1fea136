use std::collections::BTreeMap;
use std::time::Duration;

use lapin::options::{BasicPublishOptions, ConfirmSelectOptions, QueueDeclareOptions};
use lapin::types::{AMQPValue, FieldTable};
use lapin::{BasicProperties, Connection, ConnectionProperties};
use serde_json::Value;
use tokio::io::{AsyncBufReadExt, BufReader, Lines};
use tokio::process::{Child, ChildStdout};
use tokio::time::timeout;

use crate::common;
use crate::common::example::example;

const MESSAGES: usize = 500;
/// Where the first worker is killed.
const HANDLED: usize = 200;

/// What SIGKILL leaves in hand comes again with the end of its connection, to the next worker.
#[tokio::test]
async fn a_killed_worker_loses_nothing() {
    let Some(url) = common::rabbitmq() else {
        return;
    };
    let connection = Connection::connect(&url, ConnectionProperties::default());
    let connection = connection.await.unwrap();
    let channel = connection.create_channel().await.unwrap();
    let confirms = ConfirmSelectOptions::default();
    channel.confirm_select(confirms).await.unwrap();
    let queue = common::unique("killed");
    let mut arguments = FieldTable::default();
    arguments.insert(
        "x-queue-type".into(),
        AMQPValue::LongString("quorum".into()),
    );
    let options = QueueDeclareOptions {
        durable: true,
        ..QueueDeclareOptions::default()
    };
    let declared = channel.queue_declare(queue.as_str().into(), options, arguments);
    declared.await.unwrap();
    for number in 0..MESSAGES {
        let body = number.to_string();
        let published = channel.basic_publish(
            "".into(),
            queue.as_str().into(),
            BasicPublishOptions::default(),
            body.as_bytes(),
            BasicProperties::default().with_delivery_mode(2),
        );
        drop(published.await.unwrap());
    }
    channel.wait_for_confirms().await.unwrap();
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
    let duplicates: usize = handled.values().map(|times| times - 1).sum();
    #[expect(clippy::print_stdout, reason = "the count is a figure, not a verdict")]
    {
        println!("{MESSAGES} messages, killed after {HANDLED}: 0 lost, {duplicates} duplicates");
    }
}

fn worker(url: &str, queue: &str) -> (Child, Lines<BufReader<ChildStdout>>) {
    let mut child = example("amqp_worker")
        .env("AMQP_URL", url)
        .env("QUEUE", queue)
        .spawn()
        .unwrap();
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
