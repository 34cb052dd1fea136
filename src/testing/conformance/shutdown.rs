use std::time::Duration;

use tokio::time::{sleep, timeout};
use tokio_util::sync::CancellationToken;

use super::journal::{Journal, recorded, run, text};
use super::order::filled;
use super::settling::{recording, sent};
use super::{Fixture, LIMIT, QueueKind, worker};
use crate::worker::Incoming;

/// A shutdown takes no more, and lets what runs come to its end.
pub async fn the_drain_lets_handlers_finish<F: Fixture>(fixture: &F) {
    let queue = filled(fixture, QueueKind::Plain, &["x"], 10).await;
    let (begun, finished) = (Journal::new(), Journal::new());
    let (shutdown, ends) = (CancellationToken::new(), finished.clone());
    let drains = shutdown.clone();
    let handler = recorded(&begun, move |incoming: Incoming| {
        let (drains, ends) = (drains.clone(), ends.clone());
        async move {
            drains.cancelled().await;
            sleep(Duration::from_secs(2)).await;
            ends.record(&incoming);
            Ok(())
        }
    });
    let first = worker(fixture, &queue, handler).concurrency(4);
    let done = async {
        begun.has(4).await;
        shutdown.cancel();
    };
    let drained = run(first, done).await;
    assert_eq!((drained.finished, drained.abandoned), (4, 0));
    assert_eq!(finished.texts().len(), 4);

    let rest = Journal::new();
    run(worker(fixture, &queue, recording(&rest)), rest.has(6)).await;
    let mut all = [finished.distinct(), rest.distinct()].concat();
    all.sort();
    all.dedup();
    assert_eq!(
        all.len(),
        10,
        "nothing was lost, and nothing was handled twice"
    );
}

/// Handlers that outlast the drain time are cancelled, and their messages come again.
pub async fn what_the_drain_time_cuts_off_comes_again<F: Fixture>(fixture: &F) {
    let queue = sent(fixture, "x").await;
    let journal = Journal::new();
    let handler = recorded(&journal, |_: Incoming| async {
        sleep(2 * LIMIT).await;
        Ok(())
    });
    let endless = worker(fixture, &queue, handler).drain(Duration::from_secs(3));
    let drained = endless
        .run_until(journal.has(1))
        .await
        .expect("the worker is to run");
    assert_eq!((drained.finished, drained.abandoned), (0, 1));
    assert!(drained.incomplete.is_some());

    let rest = Journal::new();
    run(worker(fixture, &queue, recording(&rest)), rest.has(1)).await;
}

/// A worker that is dropped in the middle aborts its handlers, and another finishes the work.
pub async fn a_dropped_worker_loses_nothing<F: Fixture>(fixture: &F) {
    let queue = filled(fixture, QueueKind::Plain, &["x"], 12).await;
    let journal = Journal::new();
    let records = journal.clone();
    let handler = move |incoming: Incoming| {
        let records = records.clone();
        async move {
            // Some are done when the worker goes, and some are not.
            let number = text(&incoming)[1..].parse::<u64>()?;
            sleep(Duration::from_millis(300 * number)).await;
            records.record(&incoming);
            Ok(())
        }
    };
    let dropped = worker(fixture, &queue, handler).concurrency(8);
    let ended = timeout(
        Duration::from_secs(1),
        dropped.run_until(std::future::pending::<()>()),
    );
    assert!(ended.await.is_err());
    let rest = journal.clone();
    run(
        worker(fixture, &queue, recording(&rest)),
        rest.has_distinct(12),
    )
    .await;
}

/// A paused worker takes nothing and says so; resumed it goes on.
pub async fn a_paused_worker_takes_nothing<F: Fixture>(fixture: &F) {
    let queue = sent(fixture, "x").await;
    let journal = Journal::new();
    let worker = worker(fixture, &queue, recording(&journal));
    let handle = worker.handle();
    handle.pause();
    let done = async {
        // Opening takes its time on some brokers.
        let paused = timeout(LIMIT, async {
            while handle.health().unready.as_deref() != Some("paused") {
                sleep(Duration::from_millis(50)).await;
            }
        });
        paused
            .await
            .expect("the worker is to say that it is paused");
        sleep(Duration::from_secs(2)).await;
        assert!(journal.texts().is_empty());
        handle.resume();
        journal.has(1).await;
        assert!(handle.health().is_ready(), "{:?}", handle.health());
    };
    run(worker, done).await;
    assert_eq!(handle.health().unready.as_deref(), Some("stopped"));
}
