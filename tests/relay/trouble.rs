//! Failures on the way: duplicates, never gaps.

use std::collections::BTreeSet;
use std::sync::atomic::Ordering;
use std::time::Duration;

use opentelemetry::trace::Status;
use tokio::time::{Instant, sleep, timeout};
use tracehop::contract::Message;
use tracehop::relay::Relay;
use tracehop::worker::DeadLetter;

use crate::bench::{Bench, FROM, Fault, TO, Unsteady, complete_and_in_order};

fn texts(arrived: &[tracehop::contract::Delivery<()>]) -> Vec<String> {
    let texts = arrived.iter().map(|delivery| delivery.message.text());
    texts.map(|text| text.unwrap().to_owned()).collect()
}

#[tokio::test(start_paused = true)]
async fn a_run_is_sent_again_from_its_first_failure_on() {
    for fault in [Fault::Enqueue, Fault::Confirm, Fault::Panic] {
        let bench = Bench::new();
        bench.fill(&["a"], 6).await;
        let plan = [None, None, Some(fault)];
        let sink = Unsteady::new(bench.broker.sink(TO), plan);
        bench.run(Relay::to(sink.clone())).await;
        let texts = texts(&bench.arrived().await);
        let expected: &[&str] = match fault {
            // They were under way before the failure was heard of.
            Fault::Confirm => &["a0", "a1", "a3", "a4", "a5", "a2", "a3", "a4", "a5"],
            _ => &["a0", "a1", "a2", "a3", "a4", "a5"],
        };
        assert_eq!(texts, expected, "{fault:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn what_was_not_tried_is_no_attempt() {
    let bench = Bench::new();
    bench.fill(&["a"], 4).await;
    let sink = Unsteady::new(bench.broker.sink(TO), [None, Some(Fault::Enqueue)]);
    bench.run(Relay::to(sink.clone())).await;
    assert_eq!(sink.given.load(Ordering::Relaxed), 5, "a2 and a3 once");
    let mut spans = bench.recorder.spans();
    spans.retain(|span| span.name == "process orders");
    let told: Vec<_> = spans
        .iter()
        .map(|span| {
            let attribute = |key| {
                let mut found = span
                    .attributes
                    .iter()
                    .filter(|known| known.key.as_str() == key);
                found.next().map(|known| known.value.to_string())
            };
            (
                attribute("tracehop.message.attempt").unwrap(),
                attribute("tracehop.settlement").unwrap(),
            )
        })
        .collect();
    let expected = [
        ("1", "ack"),
        ("1", "nack"),
        ("2", "ack"),
        ("1", "ack"),
        ("1", "ack"),
    ];
    let expected = expected.map(|(attempt, how)| (attempt.to_owned(), how.to_owned()));
    assert_eq!(told, expected);
    assert!(
        matches!(&spans[1].status, Status::Error { description } if description.contains("by plan"))
    );
    let released = [("tracehop.settlement", "release")];
    let released = bench.recorder.total("tracehop.worker.settled", &released);
    assert_eq!(released, Some(2.0));
}

#[tokio::test(start_paused = true)]
async fn what_cannot_be_carried_is_rejected_and_holds_up_nothing() {
    let bench = Bench::new();
    bench.fill(&["a"], 3).await;
    let sink = Unsteady::new(bench.broker.sink(TO), [None, Some(Fault::Payload)]);
    let worker = bench
        .worker(Relay::to(sink))
        .on_reject(DeadLetter::to(bench.broker.sink("dead")));
    let done = async {
        while bench.broker.waiting("dead") == 0 || bench.broker.waiting(TO) < 2 {
            sleep(Duration::from_millis(10)).await;
        }
    };
    worker.run_until(done).await.unwrap();
    assert_eq!(texts(&bench.arrived().await), ["a0", "a2"]);
    assert_eq!(bench.broker.waiting(FROM), 0);
}

#[tokio::test(start_paused = true)]
async fn nothing_is_settled_before_the_target_has_it() {
    let bench = Bench::new();
    bench.fill(&["a", "b"], 1).await;
    let sink = Unsteady::new(bench.broker.sink(TO), [Some(Fault::Silence)]);
    let worker = bench.worker(Relay::to(sink)).drain(Duration::from_secs(1));
    let done = async {
        // The other lane goes on meanwhile, and its message is settled.
        while bench.broker.in_hand(FROM).len() != 1 || bench.broker.waiting(TO) < 2 {
            sleep(Duration::from_millis(10)).await;
        }
    };
    let drained = worker.run_until(done).await.unwrap();
    assert_eq!((drained.finished, drained.abandoned), (0, 1));
    assert_eq!(bench.broker.waiting(FROM), 1, "it comes again");
}

#[tokio::test(start_paused = true)]
async fn a_run_that_takes_too_long_comes_again() {
    let bench = Bench::new();
    bench.fill(&["a"], 2).await;
    let sink = Unsteady::new(bench.broker.sink(TO), [None, Some(Fault::Silence)]);
    let worker = bench
        .worker(Relay::to(sink))
        .timeout(Duration::from_secs(1));
    let done = async {
        while bench.broker.waiting(TO) < 3 {
            sleep(Duration::from_millis(10)).await;
        }
    };
    worker.run_until(done).await.unwrap();
    assert_eq!(texts(&bench.arrived().await), ["a0", "a1", "a1"]);
}

#[tokio::test(start_paused = true)]
async fn confirms_are_in_flight_together() {
    let bench = Bench::new();
    let count = bench.fill(&["a"], 100).await;
    let slow = Slow(bench.broker.sink(TO));
    let started = Instant::now();
    bench.run(Relay::to(slow)).await;
    assert_eq!(bench.arrived().await.len(), count);
    assert!(
        started.elapsed() < Duration::from_secs(2),
        "{:?}",
        started.elapsed()
    );
}

/// Takes a second to confirm.
struct Slow(tracehop::memory::MemorySink);

impl tracehop::contract::Sink for Slow {
    fn destination(&self) -> &tracehop::contract::Destination {
        self.0.destination()
    }

    async fn enqueue(
        &self,
        message: Message,
        parent: &opentelemetry::Context,
    ) -> tracehop::contract::Result<tracehop::contract::Confirm> {
        let confirm = self.0.enqueue(message, parent).await?;
        Ok(tracehop::contract::Confirm::new(async move {
            sleep(Duration::from_secs(1)).await;
            confirm.await
        }))
    }
}

/// With the sink failing and the relay dropped in the middle, again and again, everything arrives.
#[tokio::test(start_paused = true)]
async fn a_relay_that_dies_again_and_again_loses_nothing() {
    const LANES: [&str; 5] = ["a", "b", "c", "d", "e"];
    for seed in 0..10 {
        let mut random = fastrand::Rng::with_seed(seed);
        let bench = Bench::new();
        let count = bench.fill(&LANES, 40).await;
        let mut arrived = Vec::new();
        while bench.broker.waiting(FROM) + bench.broker.in_hand(FROM).len() > 0 {
            let plan: Vec<_> = (0..400).map(|_| fault(&mut random)).collect();
            let sink = Unsteady::new(bench.broker.sink(TO), plan);
            let worker = bench.worker(Relay::to(sink).run(8)).concurrency(4);
            let worker = worker.timeout(Duration::from_secs(2));
            let life = Duration::from_millis(random.u64(1..200));
            let idle = async {
                while bench.broker.waiting(FROM) + bench.broker.in_hand(FROM).len() > 0 {
                    sleep(Duration::from_millis(10)).await;
                }
            };
            // Dropped where it stands, in most lives.
            drop(timeout(life, worker.run_until(idle)).await);
            arrived.extend(texts(&bench.arrived().await));
        }
        complete_and_in_order(&arrived, &LANES, 40);
        let distinct: BTreeSet<_> = arrived.iter().collect();
        assert_eq!(distinct.len(), count, "seed {seed}");
    }
}

fn fault(random: &mut fastrand::Rng) -> Option<Fault> {
    match random.u32(0..100) {
        0..4 => Some(Fault::Enqueue),
        4..8 => Some(Fault::Confirm),
        8..9 => Some(Fault::Silence),
        _ => None,
    }
}
