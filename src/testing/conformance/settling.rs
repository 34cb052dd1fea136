use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use tokio::time::{sleep, timeout};

use super::features::has;
use super::journal::{Journal, recorded, run, text};
use super::{Fixture, LIMIT, QueueKind, message, worker};
use crate::contract::{Message, Sink, SinkExt, Value};
use crate::telemetry::LinkType;
use crate::worker::{DeadLetter, Failure, Incoming};

/// Every message is handled once, and then gone.
pub async fn a_success_is_acked<F: Fixture>(fixture: &F) {
    let queue = fixture.make_queue(QueueKind::Plain).await;
    let messages = (0..25).map(|number| message(format!("{number:02}")));
    for sent in fixture.sink(&queue).send_all(messages).await {
        sent.expect("the message is to be sent");
    }
    let journal = Journal::new();
    for _ in 0..2 {
        let handler = recording(&journal);
        let quiet = async {
            journal.has(25).await;
            sleep(fixture.redelivery()).await;
        };
        run(worker(fixture, &queue, handler), quiet).await;
    }
    let expected: Vec<String> = (0..25).map(|number| format!("{number:02}")).collect();
    assert_eq!(journal.distinct(), expected);
    assert_eq!(journal.texts().len(), 25, "handled once each");
}

/// An error through `?` lets the message come again, and the attempts are counted.
pub async fn a_failure_comes_again_with_its_attempt_counted<F: Fixture>(fixture: &F) {
    let queue = sent(fixture, "x").await;
    let journal = Journal::new();
    let handler = recorded(&journal, |incoming: Incoming| async move {
        if incoming.attempt() < 3 {
            text(&incoming).parse::<u32>()?;
        }
        Ok(())
    });
    run(worker(fixture, &queue, handler), journal.has(3)).await;
    let attempts: Vec<u32> = journal
        .entries()
        .iter()
        .map(|entry| entry.attempt)
        .collect();
    assert_eq!(attempts, [1, 2, 3]);
}

/// A panic and a timeout are failures like others, and end nothing else.
pub async fn a_panic_and_a_timeout_come_again<F: Fixture>(fixture: &F) {
    let queue = sent(fixture, "x").await;
    let journal = Journal::new();
    let handler = recorded(&journal, |incoming: Incoming| async move {
        match incoming.attempt() {
            1 => panic!("a panic of the conformance suite"),
            2 => sleep(LIMIT).await,
            _ => {}
        }
        Ok(())
    });
    let worker = worker(fixture, &queue, handler).timeout(Duration::from_millis(500));
    run(worker, journal.has(3)).await;
}

/// `retry_after` stands above the backoff.
pub async fn a_handler_chooses_when_its_message_comes_again<F: Fixture>(fixture: &F) {
    let queue = sent(fixture, "x").await;
    let journal = Journal::new();
    let handler = recorded(&journal, |incoming: Incoming| async move {
        match incoming.attempt() {
            1 => Err(Failure::retry_after(Duration::from_secs(3))),
            _ => Ok(()),
        }
    });
    run(worker(fixture, &queue, handler), journal.has(2)).await;
    let entries = journal.entries();
    let waited = entries[1].at - entries[0].at;
    // Brokers count in whole seconds, and not all of them exactly.
    assert!(
        waited >= Duration::from_secs(2),
        "came again after {waited:?}"
    );
}

/// A rejected message is published with its lineage, and gone from its queue.
pub async fn a_rejected_message_becomes_a_dead_letter<F: Fixture>(fixture: &F) {
    let (queue, dead) = (
        sent(fixture, "x").await,
        fixture.make_queue(QueueKind::Plain).await,
    );
    let reject = async |_: Incoming| Err(Failure::reject("no such order"));
    let letter = dead_letter(fixture, &queue, &dead, reject, None).await;
    assert_eq!(text(&letter), "x");
    assert_eq!(header(&letter, "tracehop-attempt"), "1");
    assert_eq!(header(&letter, "tracehop-error"), "no such order");
    assert!(header(&letter, "tracehop-origin").contains(&queue));
}

/// At the last attempt a failure rejects.
pub async fn the_last_attempt_makes_a_dead_letter<F: Fixture>(fixture: &F) {
    let (queue, dead) = (
        sent(fixture, "x").await,
        fixture.make_queue(QueueKind::Plain).await,
    );
    let fail = async |_: Incoming| Err(Failure::new("out of order"));
    let letter = dead_letter(fixture, &queue, &dead, fail, Some(2)).await;
    assert_eq!(header(&letter, "tracehop-attempt"), "2");
    assert!(header(&letter, "tracehop-error").contains("out of order"));
}

/// A lease that is lost drops the handler's future, is counted, and nothing is settled.
pub async fn a_lost_lease_cancels_the_handler_and_settles_nothing<F: Fixture>(fixture: &F) {
    if !has(fixture.features().revocable, "way to take a lease away") {
        return;
    }
    let queue = sent(fixture, "x").await;
    let journal = Journal::new();
    // Not every broker counts what it took away as an attempt.
    let first = AtomicBool::new(true);
    let handler = recorded(&journal, move |_: Incoming| {
        let first = first.swap(false, Ordering::Relaxed);
        async move {
            if first {
                sleep(2 * LIMIT).await;
            }
            Ok(())
        }
    });
    let worker = worker(fixture, &queue, handler);
    let handle = worker.handle();
    let done = async {
        journal.has(1).await;
        let id = journal.entries()[0].incoming.id().map(str::to_owned);
        let id = id.expect("the message has an id");
        fixture.revoke(&queue, &id).await;
        journal.has(2).await;
        // A source may learn of it only when it next extends its lease.
        while handle.health().lost_leases == 0 {
            sleep(Duration::from_millis(50)).await;
        }
        assert_eq!(handle.health().lost_leases, 1);
    };
    // A handler that went on would outlast the drain.
    let ended = timeout(LIMIT, run(worker, done)).await;
    ended.expect("the worker is to end");
}

/// Runs a handler that brings about a dead letter, and answers the letter.
async fn dead_letter<F, Handler>(
    fixture: &F,
    queue: &str,
    dead: &str,
    handler: impl Fn(Incoming) -> Handler + Send + Sync + 'static,
    max_attempts: Option<u32>,
) -> Incoming
where
    F: Fixture,
    Handler: Future<Output = Result<(), Failure>> + Send + 'static,
{
    let mut worker_of_letters =
        worker(fixture, queue, handler).on_reject(DeadLetter::to(fixture.sink(dead)));
    if let Some(attempts) = max_attempts {
        worker_of_letters = worker_of_letters.max_attempts(attempts);
    }
    let letters = Journal::new();
    let reader = worker(fixture, dead, recording(&letters));
    tokio::join!(
        run(worker_of_letters, letters.has(1)),
        run(reader, letters.has(1)),
    );
    let letter = letters.entries()[0].incoming.clone();
    let mut links = letter.trace().links.iter();
    assert!(
        links.any(|(_, link_type)| *link_type == LinkType::PreviousAttempt),
        "a dead letter links to the attempt that failed"
    );
    // Gone from where it came from.
    let again = Journal::new();
    let looking = worker(fixture, queue, recording(&again));
    run(looking, sleep(fixture.redelivery())).await;
    assert!(again.texts().is_empty(), "the rejected message came again");
    letter
}

/// A handler that succeeds.
pub(super) fn recording(
    journal: &Journal,
) -> impl Fn(Incoming) -> std::future::Ready<Result<(), Failure>> + Send + Sync + 'static {
    recorded(journal, |_| std::future::ready(Ok(())))
}

/// A plain queue in which one message waits.
pub(super) async fn sent<F: Fixture>(fixture: &F, text: &str) -> String {
    let queue = fixture.make_queue(QueueKind::Plain).await;
    let sent = fixture.sink(&queue).send(message(text)).await;
    sent.expect("the message is to be sent");
    queue
}

fn header(message: &Message, name: &str) -> String {
    let value = message.headers.get(name).and_then(Value::as_str);
    value
        .unwrap_or_else(|| panic!("{name} is missing"))
        .to_owned()
}
