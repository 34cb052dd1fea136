use std::collections::BTreeMap;
use std::time::Duration;

use super::features::has;
use super::journal::{Journal, run, text};
use super::order::{counts, filled};
use super::{Fixture, QueueKind, worker};
use crate::worker::{Batch, BatchItem, Batches, Failure};

/// A verdict on an item stands; the items without one follow the result.
pub async fn a_batch_settles_by_verdict_and_then_by_result<F: Fixture>(fixture: &F) {
    let queue = filled(
        fixture,
        QueueKind::Plain,
        &["acked", "failed", "processed", "unmarked"],
        1,
    )
    .await;
    let journal = Journal::new();
    let records = journal.clone();
    let handler = move |batch: Batch| {
        let records = records.clone();
        async move {
            for item in &batch {
                records.record(item);
                match text(item).as_str() {
                    "acked0" => item.ack(),
                    "failed0" if item.attempt() == 1 => item.fail(Failure::new("once")),
                    "processed0" => assert!(item.process(async { Ok(()) }).await),
                    _ => {}
                }
            }
            let unmarked = |item: &BatchItem| text(item) == "unmarked0" && item.attempt() == 1;
            if batch.iter().any(unmarked) {
                return Err(Failure::new("those without a verdict"));
            }
            Ok(())
        }
    };
    let batches = Batches::of(4, handler).linger(Duration::from_secs(2));
    run(worker(fixture, &queue, batches), journal.has(6)).await;
    let expected = [
        ("acked0", 1),
        ("failed0", 2),
        ("processed0", 1),
        ("unmarked0", 2),
    ];
    let expected = expected.map(|(text, count)| (text.to_owned(), count));
    assert_eq!(counts(&journal), BTreeMap::from(expected));
}

/// A batch holds contiguous runs of a lane, and the lane goes on when the run is settled.
pub async fn a_lane_comes_in_runs_to_a_batch<F: Fixture>(fixture: &F) {
    if !has(fixture.features().lanes, "lanes") {
        return;
    }
    let queue = filled(fixture, QueueKind::Lanes, &["a", "b"], 8).await;
    let journal = Journal::new();
    let records = journal.clone();
    let handler = move |batch: Batch| {
        let records = records.clone();
        async move {
            batch.iter().for_each(|item| records.record(item));
            Ok(())
        }
    };
    let batches = Batches::of(3, handler);
    run(worker(fixture, &queue, batches), journal.has(16)).await;
    for lane in ["a", "b"] {
        let mut texts = journal.texts();
        texts.retain(|text| text.starts_with(lane));
        let expected: Vec<String> = (0..8).map(|number| format!("{lane}{number}")).collect();
        assert_eq!(texts, expected);
    }
}
