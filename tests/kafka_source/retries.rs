//! Failed messages that go through a topic.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::time::{Instant, sleep};
use tracehop::contract::Value;
use tracehop::telemetry::LinkType;
use tracehop::testing::Recorder;
use tracehop::worker::{Backoff, Failure, Incoming, Worker};

use super::common;
use super::common::spans::attribute;
use super::support::{LIMIT, Topic};

type Seen = Arc<Mutex<Vec<(Instant, Incoming)>>>;

/// The lane goes on meanwhile, the attempts are counted in the record, across workers too, and each
/// attempt links to the one before.
#[tokio::test]
async fn a_failed_message_waits_in_the_retry_topic_and_its_lane_goes_on() {
    let Some(brokers) = common::kafka() else {
        return;
    };
    let topic = Topic::create(&brokers, 1).await;
    let retries = Topic::create(&brokers, 1).await;
    topic.send(0..4).await;
    let seen = Seen::default();
    let recorder = Recorder::new();
    let worker = |seen: &Seen| {
        let instrumentation = recorder.instrumentation();
        let source = topic
            .source()
            .retry_topic(&retries.name)
            .instrumentation(instrumentation.clone());
        let records = Arc::clone(seen);
        let second = Duration::from_secs(1);
        let handler = move |incoming: Incoming| {
            records
                .lock()
                .unwrap()
                .push((Instant::now(), incoming.clone()));
            async move {
                match (incoming.text(), incoming.attempt()) {
                    (Some("1"), 1 | 2) => Err(Failure::retry_after(second)),
                    _ => Ok(()),
                }
            }
        };
        Worker::new(source.build().unwrap(), handler)
            .backoff(Backoff::new(second, second))
            .instrumentation(instrumentation)
    };
    run(worker(&seen), &seen, 5).await;
    let first: Vec<_> = seen.lock().unwrap().drain(..).collect();
    let (again, firsts): (Vec<_>, Vec<_>) = first.iter().partition(|(_, one)| one.attempt() > 1);
    let texts: Vec<_> = firsts.iter().map(|(_, one)| one.text().unwrap()).collect();
    assert_eq!(texts, ["0", "1", "2", "3"], "its lane goes on");
    let (failed, again) = (firsts[1], again[0]);
    assert_eq!((again.1.text(), again.1.attempt()), (Some("1"), 2));
    assert!(
        again.0 - failed.0 >= Duration::from_millis(900),
        "too early"
    );
    assert_eq!(again.1.destination().name, retries.name);
    assert_eq!(again.1.id(), failed.1.id(), "it is the same message");
    assert_eq!(again.1.key.as_deref(), Some(b"key 1".as_slice()));

    run(worker(&seen), &seen, 1).await;
    let last = seen.lock().unwrap()[0].1.clone();
    assert_eq!((last.text(), last.attempt()), (Some("1"), 3));
    let told = last.headers.get("tracehop-attempt").and_then(Value::as_str);
    assert_eq!(told, Some("2"));
    let parents = last
        .headers
        .iter()
        .filter(|(name, _)| *name == "traceparent");
    assert_eq!(parents.count(), 1, "the stale context is replaced");
    let spans = recorder.spans();
    let attempt = |number: &str| {
        let attempt = |span| attribute(span, "tracehop.message.attempt");
        let mut spans = spans.iter();
        let found = spans.find(|span| attempt(span).as_deref() == Some(number));
        found.unwrap().span_context.span_id()
    };
    let previous = last.trace().links.iter();
    let mut previous = previous.filter(|(_, link)| *link == LinkType::PreviousAttempt);
    assert_eq!(previous.next().unwrap().0.span_id(), attempt("2"));
}

async fn run<S: tracehop::contract::Source, W: tracehop::worker::Work>(
    worker: Worker<S, W>,
    seen: &Seen,
    count: usize,
) {
    let done = async {
        while seen.lock().unwrap().len() < count {
            sleep(Duration::from_millis(20)).await;
        }
    };
    let run = tokio::time::timeout(LIMIT, worker.run_until(done)).await;
    run.unwrap().unwrap().complete().unwrap();
}
