use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::time::{Instant, sleep};
use tracehop::contract::Message;
use tracehop::worker::{Backoff, Batch, Batches, Failure, Incoming};

use crate::bench::{Bench, QUEUE, Seen};

const SECOND: Duration = Duration::from_secs(1);

#[tokio::test(start_paused = true)]
async fn a_freed_slot_is_filled_at_once() {
    let texts: Vec<String> = (0..200).map(|number| number.to_string()).collect();
    let bench = Bench::with(&texts.iter().map(String::as_str).collect::<Vec<_>>()).await;
    let seen = Seen::new();
    let worker = bench.worker(seen.then(|incoming: Incoming| async move {
        let number: u64 = incoming.text().unwrap().parse()?;
        sleep(SECOND * if number.is_multiple_of(10) { 5 } else { 1 }).await;
        Ok(())
    }));
    let start = Instant::now();
    worker
        .concurrency(32)
        .run_until(bench.emptied())
        .await
        .unwrap();
    // What 32 slots can do at best in order of arrival, for one in ten that takes five times as
    // long.
    assert_eq!(start.elapsed().as_secs(), 12);
}

#[tokio::test(start_paused = true)]
async fn an_async_fn_and_a_type_of_its_own_are_handlers() {
    async fn function(_incoming: Incoming) -> Result<(), Failure> {
        Ok(())
    }
    struct Typed(String);
    impl tracehop::worker::Handler for Typed {
        async fn handle(&self, incoming: Incoming) -> Result<(), Failure> {
            assert_eq!(incoming.text(), Some(self.0.as_str()));
            Ok(())
        }
    }
    let bench = Bench::with(&["one"]).await;
    bench
        .worker(function)
        .run_until(bench.emptied())
        .await
        .unwrap();
    bench.send(Message::new("two")).await;
    let typed = Typed("two".to_owned());
    bench
        .worker(typed)
        .run_until(bench.emptied())
        .await
        .unwrap();
}

#[tokio::test(start_paused = true)]
async fn failures_wait_by_the_backoff() {
    let bench = Bench::with(&["one"]).await;
    let times = Arc::new(Mutex::new(Vec::new()));
    let handled_at = Arc::clone(&times);
    let worker = bench
        .worker(move |_: Incoming| {
            let mut times = handled_at.lock().unwrap();
            times.push(Instant::now());
            let done = times.len() == 20;
            async move {
                if done {
                    Ok(())
                } else {
                    Err(Failure::new("again"))
                }
            }
        })
        .backoff(Backoff::new(SECOND, 8 * SECOND));
    worker.run_until(bench.emptied()).await.unwrap();
    let times = times.lock().unwrap();
    let waits: Vec<Duration> = times.windows(2).map(|pair| pair[1] - pair[0]).collect();
    for (attempt, wait) in (0..).zip(&waits) {
        let ceiling = SECOND * 2_u32.saturating_pow(attempt).min(8);
        assert!(
            *wait <= ceiling + Duration::from_millis(1),
            "{attempt}: {wait:?}"
        );
    }
    assert!(waits.iter().max() > Some(&(4 * SECOND)), "{waits:?}");
}

#[tokio::test(start_paused = true)]
async fn a_batch_waits_for_more_until_it_is_full_or_its_time_is_over() {
    let bench = Bench::with(&["one"]).await;
    let sizes = Arc::new(Mutex::new(Vec::new()));
    let noted = Arc::clone(&sizes);
    let work = move |batch: Batch| {
        noted.lock().unwrap().push(batch.len());
        async { Ok(()) }
    };
    let batches = Batches::of(3, work).linger(10 * SECOND);
    let start = Instant::now();
    let sending = async {
        for text in ["two", "three", "four"] {
            sleep(SECOND).await;
            bench.send(Message::new(text)).await;
        }
        bench.emptied().await;
    };
    bench.worker(batches).run_until(sending).await.unwrap();
    assert_eq!(*sizes.lock().unwrap(), [3, 1]);
    // The fourth came after 3 s.
    assert_eq!(start.elapsed().as_secs(), 13);
}

#[tokio::test(start_paused = true)]
async fn a_shutdown_hands_over_the_batch_that_is_waiting_to_fill_up() {
    let bench = Bench::with(&["one"]).await;
    let batches = Batches::of(3, |_: Batch| async { Ok(()) }).linger(Duration::from_hours(1));
    let drained = bench
        .worker(batches)
        .run_until(sleep(SECOND))
        .await
        .unwrap();
    assert!(drained.incomplete.is_none());
    assert_eq!(bench.left(), 0);
}

#[tokio::test(start_paused = true)]
async fn in_a_batch_what_stands_behind_a_failure_of_its_lane_comes_again() {
    let bench = Bench::new();
    for (text, lane) in [("a1", "a"), ("a2", "a"), ("b1", "b"), ("a3", "a")] {
        bench.send(Message::new(text).with_group(lane)).await;
    }
    let order = Arc::new(Mutex::new(Vec::new()));
    let noted = Arc::clone(&order);
    let work = move |batch: Batch| {
        let texts: Vec<String> = batch
            .iter()
            .map(|item| item.text().unwrap().to_owned())
            .collect();
        noted.lock().unwrap().push(texts.join(" "));
        for item in &batch {
            match (item.text(), item.attempt()) {
                (Some("a2"), 1) => item.fail(Failure::retry_after(SECOND)),
                _ => item.ack(),
            }
        }
        async { Ok(()) }
    };
    let worker = bench.worker(Batches::of(4, work)).concurrency(1);
    worker.run_until(bench.emptied()).await.unwrap();
    assert_eq!(*order.lock().unwrap(), ["a1 a2 a3 b1", "a2 a3"]);
}

#[tokio::test(start_paused = true)]
async fn a_shutdown_before_the_source_is_open_is_a_drain_of_nothing() {
    let bench = Bench::with(&["one"]).await;
    let drained = bench
        .worker(Seen::new().ok())
        .run_until(async {})
        .await
        .unwrap();
    assert_eq!(drained.finished, 0);
    assert_eq!(bench.broker.waiting(QUEUE), 1);
}

#[tokio::test(start_paused = true)]
async fn a_run_that_is_sent_to_another_task_is_still_a_worker() {
    let bench = Bench::with(&["one"]).await;
    let seen = Seen::new();
    let worker = bench.worker(seen.ok());
    let (stop, stopped) = tokio::sync::oneshot::channel::<()>();
    let running = tokio::spawn(worker.run_until(stopped));
    seen.has(1).await;
    drop(stop);
    running.await.unwrap().unwrap();
}

#[tokio::test(start_paused = true)]
async fn times_without_end_are_no_trouble() {
    let bench = Bench::with(&["again", "done"]).await;
    let seen = Arc::new(Mutex::new(Vec::new()));
    let listed = Arc::clone(&seen);
    let work = move |batch: Batch| {
        for item in &batch {
            listed.lock().unwrap().push(item.text().unwrap().to_owned());
            if item.text() == Some("again") {
                item.fail(Failure::retry_after(Duration::MAX));
            }
        }
        async { Ok(()) }
    };
    let gate = tracehop::worker::Gate::new();
    let worker = bench
        .worker(Batches::of(2, work).linger(Duration::MAX))
        .gate(gate.clone())
        .timeout(Duration::MAX)
        .backoff(Backoff::new(Duration::MAX, Duration::MAX))
        .drain(Duration::MAX);
    let shutdown = async {
        while seen.lock().unwrap().len() < 2 {
            sleep(SECOND).await;
        }
        gate.pause_for(Duration::MAX);
    };
    let drained = worker.run_until(shutdown).await.unwrap();
    assert!(drained.complete().is_ok() && !gate.is_open());
}
