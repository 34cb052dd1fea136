use std::time::Duration;

use tokio::time::{Instant, sleep};
use tracehop::contract::{
    Capacity, Delivery, Destination, ErrorKind, Message, Operation, Result, Settled, Settlement,
    Source,
};
use tracehop::memory::{MemoryReceipt, MemorySource};
use tracehop::worker::{Backoff, DeadLetter, Failure, Incoming, LostLease, Worker};

use crate::bench::{Bench, DEAD, QUEUE, Seen};

const SECOND: Duration = Duration::from_secs(1);

#[tokio::test(start_paused = true)]
async fn a_queue_that_is_missing_at_the_start_is_an_error_that_names_it() {
    let bench = Bench::new();
    bench.broker.delete(QUEUE);
    let worker = bench.worker(Seen::new().ok());
    let error = worker
        .run_until(std::future::pending::<()>())
        .await
        .unwrap_err();
    assert_eq!(error.kind(), ErrorKind::NotFound);
    assert_eq!(
        error.to_string(),
        "open memory:orders: the queue was deleted"
    );
}

#[tokio::test(start_paused = true)]
async fn a_queue_deleted_under_the_worker_is_an_error_after_the_drain() {
    let bench = Bench::with(&["one"]).await;
    let seen = Seen::new();
    let done = Seen::new();
    let finished = done.clone();
    let work = seen.then(move |incoming| {
        let finished = finished.clone();
        async move {
            sleep(SECOND).await;
            finished.ok()(incoming).await
        }
    });
    let worker = bench.worker(work);
    let deleting = async {
        seen.has(1).await;
        bench.broker.delete(QUEUE);
    };
    let (ended, ()) = tokio::join!(worker.run_until(std::future::pending::<()>()), deleting);
    let error = ended.unwrap_err();
    assert_eq!(
        (error.operation(), error.kind()),
        (Operation::Receive, ErrorKind::NotFound)
    );
    assert_eq!(done.list().len(), 1, "the handler came to its end");
}

#[tokio::test(start_paused = true)]
async fn a_settlement_that_fails_is_counted_and_the_message_comes_again() {
    let bench = Bench::with(&["one"]).await;
    bench.broker.fail_settles(QUEUE, 1);
    let seen = Seen::new();
    let worker = bench.worker(seen.ok());
    let handle = worker.handle();
    worker.run_until(bench.emptied()).await.unwrap();
    assert_eq!(seen.list(), [("one".to_owned(), 1), ("one".to_owned(), 2)]);
    assert_eq!(handle.health().failed_settles, 1);
}

#[tokio::test(start_paused = true)]
async fn a_dead_letter_that_cannot_be_published_keeps_its_message() {
    let bench = Bench::with(&["one"]).await;
    bench.broker.fail_sends(DEAD, 2);
    let seen = Seen::new();
    let worker = bench
        .worker(seen.then(|_| async { Err(Failure::reject("never")) }))
        .on_reject(DeadLetter::to(bench.broker.sink(DEAD)));
    worker.run_until(bench.emptied()).await.unwrap();
    assert_eq!(seen.list().len(), 3);
    assert_eq!(bench.broker.waiting(DEAD), 1);
}

#[tokio::test(start_paused = true)]
async fn rejected_messages_go_the_brokers_way_unless_the_user_discards_them() {
    let bench = Bench::with(&["one"]).await;
    let reject = |_: Incoming| async { Err(Failure::reject("never")) };
    bench
        .worker(reject)
        .run_until(bench.emptied())
        .await
        .unwrap();
    assert_eq!(bench.broker.rejected(QUEUE).len(), 1);

    bench.send(Message::new("two")).await;
    let worker = bench.worker(reject).on_reject(DeadLetter::Discard);
    worker.run_until(bench.emptied()).await.unwrap();
    assert_eq!(bench.broker.rejected(QUEUE).len(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_dead_letter_keeps_the_message_and_its_deduplication_id_is_the_message_id() {
    let bench = Bench::new();
    let mut message = Message::new("one")
        .with_group("g")
        .with_header("kind", "order");
    message.properties.expiration = Some(SECOND);
    let id = bench.send(message).await.message_id.unwrap();
    let worker = bench
        .worker(Seen::new().then(|_| async { Err(Failure::reject("x".repeat(999))) }))
        .on_reject(DeadLetter::to(bench.broker.sink(DEAD)));
    worker.run_until(bench.emptied()).await.unwrap();

    let dead = bench.broker.source(DEAD);
    dead.open(Capacity::slots(1)).await.unwrap();
    let delivery = dead.receive(1).await.unwrap().remove(0);
    let letter = &delivery.message;
    assert_eq!(letter.dedup_id.as_deref(), Some(id.as_bytes()));
    assert_eq!(letter.group.as_deref(), Some(b"g".as_slice()));
    assert_eq!(letter.headers.get("kind").unwrap().as_str(), Some("order"));
    let error = letter
        .headers
        .get("tracehop-error")
        .unwrap()
        .as_str()
        .unwrap();
    assert_eq!(error.len(), 256);
    assert_eq!(
        letter.properties.expiration, None,
        "a dead letter does not expire"
    );
    dead.settle(delivery.receipt, Settlement::Ack)
        .await
        .unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_handler_may_finish_without_its_lease_and_settles_nothing() {
    let bench = Bench::with(&["one"]).await;
    let (seen, done) = (Seen::new(), Seen::new());
    let finished = done.clone();
    let work = seen.then(move |incoming| {
        let finished = finished.clone();
        async move {
            sleep(SECOND).await;
            finished.ok()(incoming).await
        }
    });
    let worker = bench.worker(work).on_lost_lease(LostLease::Finish);
    let handle = worker.handle();
    let shutdown = async {
        seen.has(1).await;
        bench.broker.revoke_all(QUEUE);
        bench.emptied().await;
    };
    worker.run_until(shutdown).await.unwrap();
    assert_eq!(done.list(), [("one".to_owned(), 1), ("one".to_owned(), 2)]);
    assert_eq!(handle.health().lost_leases, 1);
}

#[tokio::test(start_paused = true)]
async fn a_drain_that_runs_out_of_time_names_the_destination_and_keeps_its_limit() {
    let bench = Bench::with(&["one", "two"]).await;
    let seen = Seen::new();
    let worker = bench
        .worker(seen.then(|incoming| async move {
            let minutes = if incoming.text() == Some("one") {
                0
            } else {
                60
            };
            sleep(SECOND + Duration::from_mins(minutes)).await;
            Ok(())
        }))
        .drain(10 * SECOND);
    let shutdown = seen.has(2);
    let start = Instant::now();
    let drained = worker.run_until(shutdown).await.unwrap();
    // A tenth is kept for settlements.
    assert_eq!(start.elapsed(), 9 * SECOND);
    assert_eq!((drained.finished, drained.abandoned), (1, 1));
    let error = drained.complete().unwrap_err().to_string();
    assert!(
        error.starts_with("close memory:orders: unfinished near the end of the drain time of 10s"),
        "{error}"
    );
    assert_eq!(bench.broker.waiting(QUEUE), 1, "it came back at once");
}

#[tokio::test(start_paused = true)]
async fn a_future_that_panics_when_it_is_dropped_ends_nothing_else() {
    struct Bomb;
    impl Drop for Bomb {
        fn drop(&mut self) {
            assert!(std::thread::panicking(), "a bomb of this test");
        }
    }
    let bench = Bench::with(&["one", "two"]).await;
    let seen = Seen::new();
    let worker = bench
        .worker(seen.then(|incoming| async move {
            if (incoming.text(), incoming.attempt()) == (Some("one"), 1) {
                let _bomb = Bomb;
                sleep(Duration::from_mins(1)).await;
            }
            Ok(())
        }))
        .backoff(Backoff::new(Duration::ZERO, Duration::ZERO))
        .timeout(Duration::from_millis(10));
    worker.run_until(bench.emptied()).await.unwrap();
    assert_eq!(seen.list().len(), 3);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 3)]
async fn a_handler_that_blocks_its_thread_does_not_stop_the_worker() {
    let bench = Bench::with(&["block", "two", "three", "four"]).await;
    let (free, blocked) = std::sync::mpsc::channel::<()>();
    let blocked = std::sync::Mutex::new(Some(blocked));
    let seen = Seen::new();
    let worker = bench
        .worker(seen.then(move |incoming| {
            if incoming.text() == Some("block")
                && let Some(blocked) = blocked.lock().unwrap().take()
            {
                blocked.recv().unwrap();
            }
            async { Ok(()) }
        }))
        .concurrency(2);
    let done = async {
        seen.has(4).await;
        free.send(()).unwrap();
        bench.emptied().await;
    };
    worker.run_until(done).await.unwrap();
    assert_eq!(seen.list().len(), 4);
}

/// A source that yields more than it is asked for.
struct Greedy(MemorySource);

impl Source for Greedy {
    type Receipt = MemoryReceipt;

    fn destination(&self) -> &Destination {
        self.0.destination()
    }

    async fn open(&self, capacity: Capacity) -> Result<()> {
        self.0.open(capacity).await
    }

    async fn receive(&self, _max: usize) -> Result<Vec<Delivery<MemoryReceipt>>> {
        self.0.receive(9).await
    }

    async fn settle(&self, receipt: MemoryReceipt, how: Settlement) -> Result<Settled> {
        self.0.settle(receipt, how).await
    }

    async fn close(&self, deadline: Instant) -> Result<()> {
        self.0.close(deadline).await
    }
}

#[tokio::test(start_paused = true)]
async fn a_source_that_yields_too_much_gets_it_back_at_the_shutdown() {
    let bench = Bench::with(&["one", "two", "three"]).await;
    let seen = Seen::new();
    let slow = seen.then(|_| async {
        sleep(SECOND).await;
        Ok(())
    });
    let worker = Worker::new(Greedy(bench.broker.source(QUEUE)), slow).concurrency(1);
    worker.run_until(seen.has(2)).await.unwrap();
    assert_eq!(seen.list().len(), 2);
    let rest = Seen::new();
    bench
        .worker(rest.ok())
        .run_until(rest.has(1))
        .await
        .unwrap();
    assert_eq!(rest.list(), [("three".to_owned(), 1)], "it was no attempt");
}
