use std::time::Duration;

use tokio::time::sleep;
use tracehop::worker::Incoming;

use crate::bench::{Bench, QUEUE, Seen};

#[tokio::test(start_paused = true)]
async fn a_worker_is_ready_between_its_start_and_its_end() {
    let bench = Bench::new();
    let worker = bench.worker(Seen::new().ok());
    let handle = worker.handle();
    assert_eq!(handle.health().unready.as_deref(), Some("not started"));
    let shutdown = async {
        sleep(Duration::from_secs(1)).await;
        assert!(handle.health().is_ready());
    };
    worker.run_until(shutdown).await.unwrap();
    assert_eq!(handle.health().unready.as_deref(), Some("stopped"));
}

#[tokio::test(start_paused = true)]
async fn a_worker_that_drains_says_so() {
    let bench = Bench::with(&["one"]).await;
    let seen = Seen::new();
    let worker = bench.worker(seen.then(|_| async {
        sleep(Duration::from_secs(5)).await;
        Ok(())
    }));
    let handle = worker.handle();
    let looking = async {
        sleep(Duration::from_secs(3)).await;
        handle.health().unready
    };
    let (drained, unready) = tokio::join!(worker.run_until(seen.has(1)), looking);
    assert_eq!(drained.unwrap().finished, 1);
    assert_eq!(unready.as_deref(), Some("draining"));
}

#[tokio::test(start_paused = true)]
async fn a_broker_that_is_gone_makes_the_worker_unready_for_its_reason() {
    let bench = Bench::new();
    let seen = Seen::new();
    let worker = bench.worker(seen.ok());
    let handle = worker.handle();
    let shutdown = async {
        sleep(Duration::from_secs(1)).await;
        bench.broker.interrupt(QUEUE, "connection refused");
        sleep(Duration::from_secs(1)).await;
        let unready = handle.health().unready;
        assert_eq!(unready.as_deref(), Some("connection refused"));
        bench.broker.restore(QUEUE);
        bench.send(tracehop::contract::Message::new("one")).await;
        seen.has(1).await;
        assert!(handle.health().is_ready());
    };
    worker.run_until(shutdown).await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn deliveries_in_hand_and_the_backlog_are_told() {
    let bench = Bench::with(&["one", "two", "three", "four", "five"]).await;
    let seen = Seen::new();
    let work = seen.then(|_: Incoming| async {
        sleep(Duration::from_secs(1)).await;
        Ok(())
    });
    let worker = bench.worker(work).concurrency(2);
    let handle = worker.handle();
    assert_eq!(handle.health().last_receive, None);
    let shutdown = async {
        seen.has(2).await;
        assert_eq!(handle.health().in_flight, 2);
        assert_eq!(handle.backlog().await.unwrap(), Some(3));
        assert!(handle.health().last_receive.is_some());
        bench.emptied().await;
        assert_eq!(handle.health().in_flight, 0);
    };
    worker.run_until(shutdown).await.unwrap();
    assert_eq!(handle.backlog().await.unwrap(), None, "the source is gone");
}
