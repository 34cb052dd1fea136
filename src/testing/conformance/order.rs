use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::sync::watch;
use tokio::time::{sleep, timeout};

use super::features::has;
use super::journal::{Journal, run, text};
use super::settling::recording;
use super::{Fixture, LIMIT, QueueKind, message, worker};
use crate::contract::SinkExt;
use crate::worker::{Failure, Incoming};

/// Within a lane messages are handled in order, and one at a time, failures or not.
pub async fn lanes_are_handled_in_order_one_at_a_time<F: Fixture>(fixture: &F) {
    const LANES: [&str; 3] = ["a", "b", "c"];
    if !has(fixture.features().lanes, "lanes") {
        return;
    }
    let queue = filled(fixture, QueueKind::Lanes, &LANES, 6).await;
    let journal = Journal::new();
    let (records, busy) = (journal.clone(), Busy::default());
    let handler = move |incoming: Incoming| {
        let (records, busy) = (records.clone(), busy.clone());
        async move {
            let lane = incoming.lane().expect("the message has a lane").clone();
            let _alone = busy.enter(lane.name());
            records.record(&incoming);
            sleep(Duration::from_millis(20)).await;
            // The first of one lane, and one in the middle of another.
            match (text(&incoming).as_str(), incoming.attempt()) {
                ("a0" | "b3", 1) => Err(Failure::new("once")),
                _ => Ok(()),
            }
        }
    };
    run(worker(fixture, &queue, handler), journal.has(20)).await;
    for lane in LANES {
        let mut texts: Vec<String> = journal.texts();
        texts.retain(|text| text.starts_with(lane));
        // A failure comes again before its successors.
        texts.dedup();
        let expected: Vec<String> = (0..6).map(|number| format!("{lane}{number}")).collect();
        assert_eq!(texts, expected);
    }
}

/// While one message takes its time, the others go on.
pub async fn a_slow_message_holds_back_no_other<F: Fixture>(fixture: &F) {
    let queue = filled(fixture, QueueKind::Plain, &["slow", "fast", "more"], 7).await;
    let finished = Journal::new();
    let (records, others) = (finished.clone(), finished.clone());
    let handler = move |incoming: Incoming| {
        let (records, others) = (records.clone(), others.clone());
        async move {
            if text(&incoming) == "slow0" {
                others.has(20).await;
            }
            records.record(&incoming);
            Ok(())
        }
    };
    let worker = worker(fixture, &queue, handler).concurrency(2);
    run(worker, finished.has(21)).await;
    assert_eq!(finished.texts()[20], "slow0");
}

/// While one lane takes its time, the others go on to their ends.
pub async fn a_slow_lane_holds_back_no_other<F: Fixture>(fixture: &F) {
    if !has(fixture.features().lanes, "lanes") {
        return;
    }
    let queue = filled(fixture, QueueKind::Lanes, &["slow", "a", "b"], 6).await;
    let finished = Journal::new();
    let (records, others) = (finished.clone(), finished.clone());
    let handler = move |incoming: Incoming| {
        let (records, others) = (records.clone(), others.clone());
        async move {
            if text(&incoming) == "slow0" {
                others.has(12).await;
            }
            records.record(&incoming);
            Ok(())
        }
    };
    let worker = worker(fixture, &queue, handler).concurrency(2);
    run(worker, finished.has(18)).await;
    let texts = finished.texts();
    let slow = texts.iter().position(|text| text == "slow0");
    assert_eq!(slow, Some(12), "{texts:?}");
}

/// The slots are filled, and never more than those.
pub async fn no_more_handlers_run_than_allowed<F: Fixture>(fixture: &F) {
    let queue = filled(fixture, QueueKind::Plain, &["x"], 20).await;
    let journal = Journal::new();
    let records = journal.clone();
    let (running, most) = (Arc::new(AtomicUsize::new(0)), watch::Sender::new(0));
    let highest = most.subscribe();
    let handler = move |incoming: Incoming| {
        let (records, running, most) = (records.clone(), Arc::clone(&running), most.clone());
        async move {
            let now = running.fetch_add(1, Ordering::SeqCst) + 1;
            most.send_modify(|most| *most = now.max(*most));
            // However slowly they come, the slots are filled before the first is free again.
            let mut highest = most.subscribe();
            let filled = timeout(LIMIT, highest.wait_for(|most| *most >= 4));
            assert!(filled.await.is_ok(), "4 handlers are to run at once");
            sleep(Duration::from_millis(200)).await;
            running.fetch_sub(1, Ordering::SeqCst);
            records.record(&incoming);
            Ok(())
        }
    };
    let worker = worker(fixture, &queue, handler).concurrency(4);
    run(worker, journal.has(20)).await;
    assert_eq!(*highest.borrow(), 4);
    // A second one finds nothing left.
    let left = Journal::new();
    let looking = super::worker(fixture, &queue, recording(&left));
    run(looking, sleep(Duration::from_secs(1))).await;
    assert!(left.texts().is_empty());
}

/// Makes a queue in which messages `a0, b0, a1, b1, …` wait, each in the lane that it is named
/// after, where there are lanes.
pub(super) async fn filled<F: Fixture>(
    fixture: &F,
    kind: QueueKind,
    lanes: &[&str],
    each: usize,
) -> String {
    let queue = fixture.make_queue(kind).await;
    let mut messages = Vec::new();
    for number in 0..each {
        for lane in lanes {
            let text = format!("{lane}{number}");
            let mut message = message(text.clone());
            if kind == QueueKind::Lanes {
                message = message.with_group((*lane).to_owned()).with_dedup_id(text);
            }
            messages.push(message);
        }
    }
    for sent in fixture.sink(&queue).send_all(messages).await {
        sent.expect("the message is to be sent");
    }
    queue
}

/// Which lanes a handler is in.
#[derive(Clone, Default)]
struct Busy(Arc<Mutex<BTreeSet<Vec<u8>>>>);

impl Busy {
    fn enter(&self, lane: &[u8]) -> Alone {
        let alone = self
            .0
            .lock()
            .expect("nobody panicked")
            .insert(lane.to_vec());
        assert!(alone, "two handlers at a time in lane {lane:?}");
        Alone(self.clone(), lane.to_vec())
    }
}

struct Alone(Busy, Vec<u8>);

impl Drop for Alone {
    fn drop(&mut self) {
        self.0.0.lock().expect("nobody panicked").remove(&self.1);
    }
}

/// How often each text stands in a journal.
pub(super) fn counts(journal: &Journal) -> BTreeMap<String, usize> {
    let mut counts = BTreeMap::new();
    for text in journal.texts() {
        *counts.entry(text).or_default() += 1;
    }
    counts
}
