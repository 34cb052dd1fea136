use std::collections::BTreeMap;
use std::time::Duration;

use serde_json::Value;
use tokio::io::{AsyncBufReadExt as _, BufReader};
use tokio::process::{Child, Command};
use tokio::sync::mpsc;
use tokio::time::{sleep, timeout};

use super::common;
use super::common::example::example;
use super::support::Topic;

const MESSAGES: usize = 4_000;
/// So many are sent every 50 ms, so that there is always something finished and not committed.
const AT_A_TIME: usize = 20;
/// The group waits for the session of one that was killed to end.
const LIMIT: Duration = Duration::from_mins(2);

#[tokio::test]
async fn eager_members_are_killed_and_nothing_is_lost() {
    members_are_killed("eager").await;
}

#[tokio::test]
async fn cooperative_members_are_killed_and_nothing_is_lost() {
    members_are_killed("cooperative").await;
}

#[tokio::test]
async fn members_of_the_consumer_protocol_are_killed_and_nothing_is_lost() {
    members_are_killed("consumer").await;
}

/// Processes join, are told to go, and are killed, all under load.
async fn members_are_killed(protocol: &str) {
    let Some(brokers) = common::kafka() else {
        return;
    };
    let topic = Topic::create(&brokers, 6).await;
    let (handled, mut numbers) = mpsc::unbounded_channel();
    let mut seen = Seen::default();
    let mut first = member(&topic, protocol, &handled);
    let mut second = member(&topic, protocol, &handled);
    let sending = tokio::spawn(send(topic.clone()));
    seen.until(MESSAGES / 6, &mut numbers).await;
    first.start_kill().unwrap();
    first.wait().await.unwrap();
    let third = member(&topic, protocol, &handled);
    seen.until(MESSAGES / 3, &mut numbers).await;
    interrupt(&second).await;
    assert!(second.wait().await.unwrap().success());
    let mut fourth = member(&topic, protocol, &handled);
    seen.until(MESSAGES * 2 / 3, &mut numbers).await;
    fourth.start_kill().unwrap();
    fourth.wait().await.unwrap();
    seen.until(MESSAGES, &mut numbers).await;
    sending.await.unwrap();
    drop(third);
    let duplicates: usize = seen.0.values().map(|times| times - 1).sum();
    #[expect(clippy::print_stdout, reason = "the count is a figure, not a verdict")]
    {
        println!("{protocol}: {MESSAGES} messages, 2 kills: 0 lost, {duplicates} duplicates");
    }
}

async fn send(topic: Topic) {
    for first in (0..MESSAGES).step_by(AT_A_TIME) {
        topic.send(first..first + AT_A_TIME).await;
        sleep(Duration::from_millis(50)).await;
    }
}

/// How often each message was handled.
#[derive(Default)]
struct Seen(BTreeMap<usize, usize>);

impl Seen {
    /// Waits until so many different messages were handled.
    async fn until(&mut self, count: usize, numbers: &mut mpsc::UnboundedReceiver<usize>) {
        while self.0.len() < count {
            let next = timeout(LIMIT, numbers.recv()).await;
            let number = next.unwrap_or_else(|_| panic!("{} of {count}", self.0.len()));
            *self.0.entry(number.unwrap()).or_default() += 1;
        }
    }
}

/// A process that handles messages and says which; it is killed when dropped.
fn member(topic: &Topic, protocol: &str, handled: &mpsc::UnboundedSender<usize>) -> Child {
    let mut child = example("kafka_worker")
        .env("KAFKA_BROKERS", &topic.brokers)
        .env("TOPIC", &topic.name)
        .env("GROUP", &topic.group)
        .env("PROTOCOL", protocol)
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let handled = handled.clone();
    tokio::spawn(async move {
        // The last line of one that is killed may be cut off: it is not known to be handled.
        while let Ok(Some(line)) = lines.next_line().await {
            if let Ok(line) = serde_json::from_str::<Value>(&line) {
                let number = line["body"].as_str().unwrap().parse().unwrap();
                let _ = handled.send(number);
            }
        }
    });
    child
}

/// Asks a process to drain and end.
async fn interrupt(child: &Child) {
    let pid = child.id().unwrap().to_string();
    let told = Command::new("kill").args(["-INT", &pid]).status().await;
    assert!(told.unwrap().success());
}
