use std::time::Duration;

use tokio::sync::oneshot;
use tokio::time::{sleep, timeout};
use tracehop::worker::{Failure, Incoming, Worker};

use super::common;
use super::common::instance::Instance;
use super::support::{Handled, LIMIT, Topic};

/// Kafka dies and comes back under a running worker, who goes on by itself.
#[tokio::test]
async fn a_worker_survives_a_crash_of_the_broker() {
    if common::kafka().is_none() {
        return;
    }
    let server = Instance::kafka().await;
    let topic = Topic::create(&server.url(), 3).await;
    let handled = Handled::new();
    let records = handled.clone();
    let worker = Worker::new(
        topic.source().build().unwrap(),
        move |incoming: Incoming| {
            let records = records.clone();
            async move {
                let number = incoming.text().unwrap().parse()?;
                sleep(Duration::from_millis(5)).await;
                records.record(number);
                Ok::<_, Failure>(())
            }
        },
    );
    let handle = worker.handle();
    let (stop, stopped) = oneshot::channel::<()>();
    let running = tokio::spawn(worker.run_until(stopped));

    topic.send(0..2_000).await;
    handled.has(500).await;
    server.kill().await;
    until(|| !handle.health().is_ready()).await;
    server.start_again().await;
    handled.has(2_000).await;
    topic.send(2_000..2_500).await;
    handled.has(2_500).await;
    until(|| handle.health().is_ready()).await;

    stop.send(()).unwrap();
    running.await.unwrap().unwrap().complete().unwrap();
    let duplicates = handled.duplicates();
    #[expect(clippy::print_stdout, reason = "the count is a figure, not a verdict")]
    {
        println!("2500 messages, the broker killed once: 0 lost, {duplicates} duplicates");
    }
}

async fn until(done: impl Fn() -> bool) {
    let wait = async {
        while !done() {
            sleep(Duration::from_millis(20)).await;
        }
    };
    timeout(LIMIT, wait).await.unwrap();
}
