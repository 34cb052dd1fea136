use std::num::NonZeroUsize;
use std::sync::Mutex;
use std::time::Duration;

use tokio::time::{Instant, sleep};
use tracehop::contract::Message;
use tracehop::worker::middleware::{CircuitBreaker, Deduplicate, Seen as _, SeenInMemory, Timeout};
use tracehop::worker::{Backoff, Failure, Gate};

use crate::bench::{Bench, Seen};

const SECOND: Duration = Duration::from_secs(1);

#[tokio::test(start_paused = true)]
async fn a_timeout_lets_the_message_come_again() {
    let bench = Bench::with(&["one"]).await;
    let seen = Seen::new();
    let slow_at_first = seen.then(|incoming| async move {
        if incoming.attempt() == 1 {
            sleep(Duration::from_hours(1)).await;
        }
        Ok(())
    });
    let worker = bench.worker(Timeout::new(slow_at_first, SECOND));
    worker.run_until(bench.emptied()).await.unwrap();
    assert_eq!(seen.list().len(), 2);
    let timed_out = &bench.recorder.spans()[1];
    assert_eq!(
        crate::spans::attribute(timed_out, "error.type"),
        Some("timeout".into())
    );
}

fn with_id(id: &str) -> Message {
    let mut message = Message::new(id.to_owned());
    message.properties.message_id = Some(id.to_owned());
    message
}

fn remembering(most: usize) -> SeenInMemory {
    SeenInMemory::new(NonZeroUsize::new(most).unwrap())
}

#[tokio::test(start_paused = true)]
async fn a_message_that_was_handled_is_not_handled_again() {
    let bench = Bench::new();
    for id in ["a", "b", "a"] {
        bench.send(with_id(id)).await;
    }
    let seen = Seen::new();
    let worker = bench
        .worker(Deduplicate::new(seen.ok(), remembering(9)))
        .concurrency(1);
    worker.run_until(bench.emptied()).await.unwrap();
    assert_eq!(seen.list(), [("a".to_owned(), 1), ("b".to_owned(), 1)]);
}

#[tokio::test(start_paused = true)]
async fn a_message_that_failed_is_no_duplicate() {
    let bench = Bench::new();
    bench.send(with_id("a")).await;
    let seen = Seen::new();
    let once = seen.then(|incoming| async move {
        if incoming.attempt() == 1 {
            Err(Failure::new("once"))
        } else {
            Ok(())
        }
    });
    let worker = bench.worker(Deduplicate::new(once, remembering(9)));
    worker.run_until(bench.emptied()).await.unwrap();
    assert_eq!(seen.list().len(), 2);
}

#[tokio::test]
async fn of_too_many_the_longest_unseen_is_forgotten() {
    let record = remembering(2);
    for key in ["a", "b"] {
        record.insert(key).await.unwrap();
    }
    assert!(record.contains("a").await.unwrap());
    record.insert("c").await.unwrap();
    assert!(record.contains("a").await.unwrap());
    assert!(!record.contains("b").await.unwrap());
}

#[tokio::test(start_paused = true)]
async fn failures_in_a_row_pause_the_worker_and_a_success_ends_it() {
    let texts: Vec<String> = (0..12).map(|number| number.to_string()).collect();
    let bench = Bench::with(&texts.iter().map(String::as_str).collect::<Vec<_>>()).await;
    let start = Instant::now();
    let gate = Gate::new();
    let seen = Seen::new();
    // The dependency is down for 100 s.
    let handler = seen.then(move |_| async move {
        if start.elapsed() < 100 * SECOND {
            Err(Failure::new("down"))
        } else {
            Ok(())
        }
    });
    let breaker = CircuitBreaker::new(handler, gate.clone())
        .failures(3)
        .pause(30 * SECOND);
    let worker = bench
        .worker(breaker)
        .concurrency(1)
        .gate(gate)
        .backoff(Backoff::new(Duration::ZERO, Duration::ZERO));
    let handle = worker.handle();
    let shutdown = async {
        sleep(SECOND).await;
        assert_eq!(seen.list().len(), 3);
        assert_eq!(handle.health().unready.as_deref(), Some("paused"));
        bench.emptied().await;
    };
    worker.run_until(shutdown).await.unwrap();
    // Three, then one after each of three pauses of 30 s, then all at 120 s.
    assert_eq!(seen.list().len(), 6 + 12);
    assert_eq!(start.elapsed().as_secs(), 120);
}

#[tokio::test(start_paused = true)]
async fn rejections_do_not_open_the_circuit() {
    let bench = Bench::with(&["1", "2", "3", "4"]).await;
    let gate = Gate::new();
    let reject = Seen::new().then(|_| async { Err(Failure::reject("never")) });
    let breaker = CircuitBreaker::new(reject, gate.clone()).failures(1);
    bench
        .worker(breaker)
        .run_until(bench.emptied())
        .await
        .unwrap();
    assert!(gate.is_open());
}

/// A store of the user's own that fails.
struct Broken(Mutex<u32>);

impl tracehop::worker::middleware::Seen for Broken {
    async fn contains(&self, _key: &str) -> Result<bool, Failure> {
        let mut calls = self.0.lock().unwrap();
        *calls += 1;
        if *calls == 1 {
            Err(Failure::new("no database"))
        } else {
            Ok(false)
        }
    }

    async fn insert(&self, _key: &str) -> Result<(), Failure> {
        Ok(())
    }
}

#[tokio::test(start_paused = true)]
async fn a_record_that_cannot_be_read_lets_the_message_come_again() {
    let bench = Bench::with(&["one"]).await;
    let seen = Seen::new();
    let worker = bench.worker(Deduplicate::new(seen.ok(), Broken(Mutex::new(0))));
    worker.run_until(bench.emptied()).await.unwrap();
    assert_eq!(seen.list(), [("one".to_owned(), 2)]);
}
