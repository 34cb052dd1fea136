use std::collections::BTreeSet;

use lapin::options::QueueDeleteOptions;
use tokio::sync::{mpsc, oneshot};
use tokio::time::timeout;
use tracehop::contract::{ErrorKind, Operation, Settled, Settlement, Source};
use tracehop::worker::{Failure, Incoming, Worker};

use crate::common::instance::Instance;
use crate::common::proxy::Proxy;
use crate::common::{self, rabbitmqctl};
use crate::support::{self, LIMIT, Rabbit, body, close, next, opened, settle, take};

#[tokio::test]
async fn with_its_connection_every_lease_is_lost_and_everything_comes_again() {
    let Some(rabbit) = Rabbit::quorum().await else {
        return;
    };
    let wire = Proxy::to(&rabbit.url).await;
    rabbit.send(0..20).await;
    let source = tracehop::amqp::AmqpSource::builder(wire.url(&rabbit.url), rabbit.queue.as_str());
    let source = opened(source, 4).await;
    let mut in_hand = take(&source, 4).await;
    let last = in_hand.pop().unwrap();
    settle(&source, last, Settlement::Ack).await;
    broker_has_read(&rabbit, 1).await;
    wire.cut();
    for delivery in in_hand {
        let lost = timeout(LIMIT, delivery.lease.lost()).await;
        lost.expect("the lease ends with the connection");
        assert_eq!(
            settle(&source, delivery, Settlement::Ack).await,
            Settled::LeaseLost
        );
    }
    let mut bodies = BTreeSet::new();
    for delivery in take(&source, 19).await {
        assert!(bodies.insert(body(&delivery)));
        assert_eq!(
            settle(&source, delivery, Settlement::Ack).await,
            Settled::Recorded
        );
    }
    assert_eq!(source.unready(), None);
    close(&source).await;
    drop(source);
    assert_eq!(rabbit.ready(&rabbit.queue).await, 0);
}

/// Waits until the broker has read that many acks of 20.
async fn broker_has_read(rabbit: &Rabbit, acked: u32) {
    let wait = async {
        loop {
            let listed = rabbitmqctl(&[
                "list_queues",
                "--quiet",
                "--no-table-headers",
                "name",
                "messages",
            ])
            .await;
            let line = listed.lines().find(|line| line.starts_with(&rabbit.queue));
            let count = line.and_then(|line| line.split_whitespace().last()?.parse::<u32>().ok());
            if count == Some(20 - acked) {
                return;
            }
        }
    };
    timeout(LIMIT, wait).await.unwrap();
}

#[tokio::test]
async fn a_worker_survives_that_all_connections_are_closed() {
    let Some(url) = common::rabbitmq() else {
        return;
    };
    let host = common::unique("host");
    rabbitmqctl(&["add_vhost", &host]).await;
    rabbitmqctl(&[
        "set_permissions",
        "--vhost",
        &host,
        "guest",
        ".*",
        ".*",
        ".*",
    ])
    .await;
    let (server, _) = url.rsplit_once('/').unwrap();
    let url = format!("{server}/{host}");
    let rabbit = Rabbit::at(url.clone(), "classic", &[]).await;
    let worker = Running::start(&rabbit);
    rabbit.send(0..20).await;
    let worker = worker.all(0..20).await;
    rabbitmqctl(&["close_all_connections", "--vhost", &host, "for a test"]).await;
    let again = Rabbit::of(url, rabbit.queue).await;
    again.send(20..40).await;
    worker.all(20..40).await.stop().await;
    rabbitmqctl(&["delete_vhost", &host]).await;
}

#[tokio::test]
async fn a_worker_on_a_classic_queue_survives_that_the_broker_is_killed_and_started_again() {
    survives_a_kill("classic").await;
}

#[tokio::test]
async fn a_worker_on_a_quorum_queue_survives_that_the_broker_is_killed_and_started_again() {
    survives_a_kill("quorum").await;
}

async fn survives_a_kill(kind: &str) {
    if common::rabbitmq().is_none() {
        return;
    }
    let broker = Instance::rabbitmq().await;
    let Rabbit { queue, .. } = Rabbit::at(broker.url(), kind, &[]).await;
    // A quorum queue younger than a second or so does not outlive a kill (RabbitMQ 3.10); a broker
    // that is stopped writes down which it has.
    broker.stop().await;
    broker.start_again().await;
    let rabbit = Rabbit::of(broker.url(), queue).await;
    let worker = Running::start(&rabbit);
    rabbit.send(0..20).await;
    let worker = worker.all(0..20).await;
    broker.kill().await;
    worker.until_ready(false).await;
    broker.start_again().await;
    let rabbit = Rabbit::of(broker.url(), rabbit.queue).await;
    rabbit.send(20..40).await;
    let worker = worker.all(20..40).await;
    worker.until_ready(true).await;
    worker.stop().await;
}

#[tokio::test]
async fn a_queue_deleted_under_the_source_is_an_error() {
    let Some(rabbit) = Rabbit::classic().await else {
        return;
    };
    rabbit.send(0..1).await;
    let source = rabbit.source(1).await;
    let delivery = next(&source).await;
    delete(&rabbit).await;
    let lost = timeout(LIMIT, delivery.lease.lost()).await;
    lost.expect("the lease ends with the queue");
    let received = timeout(LIMIT, source.receive(1)).await;
    let error = received.expect("an error in time").unwrap_err();
    assert_eq!(
        (error.operation(), error.kind()),
        (Operation::Open, ErrorKind::NotFound)
    );
    assert!(source.unready().is_some());
    close(&source).await;
}

#[tokio::test]
async fn a_queue_that_is_deleted_is_declared_again_where_the_user_asked_for_it() {
    let Some(rabbit) = Rabbit::classic().await else {
        return;
    };
    let queue = rabbit.queue.clone();
    let builder = rabbit.builder().topology(move |channel| {
        let queue = queue.clone();
        async move { support::declare(&channel, &queue, "classic", &[]).await }
    });
    let source = opened(builder, 1).await;
    rabbit.send(0..1).await;
    let delivery = next(&source).await;
    delete(&rabbit).await;
    timeout(LIMIT, delivery.lease.lost()).await.unwrap();
    rabbit.declare(&rabbit.queue, "classic", &[]).await;
    rabbit.send(1..2).await;
    assert_eq!(body(&next(&source).await), "1");
}

async fn delete(rabbit: &Rabbit) {
    let queue = rabbit.queue.as_str().into();
    let delete = QueueDeleteOptions::default();
    rabbit.channel.queue_delete(queue, delete).await.unwrap();
}

/// A worker that tells of what it handled.
struct Running {
    handled: mpsc::UnboundedReceiver<String>,
    handle: tracehop::worker::WorkerHandle,
    stop: oneshot::Sender<()>,
    task: tokio::task::JoinHandle<tracehop::contract::Result<tracehop::worker::Drained>>,
}

impl Running {
    fn start(rabbit: &Rabbit) -> Self {
        let (seen, handled) = mpsc::unbounded_channel();
        let handler = move |incoming: Incoming| {
            let body = incoming.text().map(str::to_owned);
            let seen = seen.clone();
            async move {
                seen.send(body.unwrap_or_default())?;
                Ok::<_, Failure>(())
            }
        };
        let worker = Worker::new(rabbit.builder().build().unwrap(), handler);
        let (stop, stopped) = oneshot::channel();
        Self {
            handled,
            handle: worker.handle(),
            stop,
            task: tokio::spawn(worker.run_until(stopped)),
        }
    }

    async fn all(mut self, numbers: std::ops::Range<usize>) -> Self {
        let mut missing: BTreeSet<String> = numbers.map(|number| number.to_string()).collect();
        while !missing.is_empty() {
            let next = timeout(LIMIT * 2, self.handled.recv()).await;
            let body = next.unwrap_or_else(|_| panic!("still missing: {missing:?}"));
            missing.remove(&body.unwrap());
        }
        self
    }

    async fn until_ready(&self, ready: bool) {
        let wait = async {
            while self.handle.health().is_ready() != ready {
                tokio::time::sleep(std::time::Duration::from_millis(20)).await;
            }
        };
        timeout(LIMIT, wait).await.unwrap();
    }

    async fn stop(self) {
        self.stop.send(()).unwrap();
        self.task.await.unwrap().unwrap().complete().unwrap();
    }
}
