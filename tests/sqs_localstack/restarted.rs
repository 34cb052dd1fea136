use std::collections::BTreeSet;
use std::time::Duration;

use tokio::sync::{mpsc, oneshot};
use tracehop::sqs::SqsSource;
use tracehop::worker::{Failure, Incoming, Worker};

use super::common::instance::Instance;
use super::{common, support};

/// LocalStack keeps nothing over a restart, so the queue is made again; the worker goes on with
/// it by itself.
#[tokio::test]
async fn a_worker_survives_a_restart_of_the_server() {
    if common::localstack().is_none() {
        return;
    }
    let server = Instance::localstack().await;
    let client = support::client(&server.url());
    let name = "restarted";
    let created = client.create_queue().queue_name(name).send().await;
    let queue = created.unwrap().queue_url.unwrap();

    let (seen, mut bodies) = mpsc::unbounded_channel();
    let handler = move |incoming: Incoming| {
        let body = incoming.text().map(str::to_owned);
        let seen = seen.clone();
        async move {
            seen.send(body.unwrap_or_default())?;
            Ok::<_, Failure>(())
        }
    };
    let source = SqsSource::new(client.clone(), queue.clone()).unwrap();
    let worker = Worker::new(source, handler);
    let handle = worker.handle();
    let (stop, stopped) = oneshot::channel::<()>();
    let running = tokio::spawn(worker.run_until(stopped));

    support::send(&client, &queue, 0..20).await;
    all(&mut bodies, 0..20).await;
    server.stop().await;
    until(|| !handle.health().is_ready()).await;
    server.start_again().await;
    client.create_queue().queue_name(name).send().await.unwrap();
    support::send(&client, &queue, 20..40).await;
    all(&mut bodies, 20..40).await;
    until(|| handle.health().is_ready()).await;

    stop.send(()).unwrap();
    running.await.unwrap().unwrap().complete().unwrap();
}

async fn all(handled: &mut mpsc::UnboundedReceiver<String>, numbers: std::ops::Range<usize>) {
    let mut missing: BTreeSet<String> = numbers.map(|number| number.to_string()).collect();
    while !missing.is_empty() {
        let next = tokio::time::timeout(Duration::from_mins(1), handled.recv()).await;
        let body = next.unwrap_or_else(|_| panic!("still missing after 60 s: {missing:?}"));
        missing.remove(&body.unwrap());
    }
}

async fn until(done: impl Fn() -> bool) {
    let wait = async {
        while !done() {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(30), wait)
        .await
        .unwrap();
}
