use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use opentelemetry::Context;
use tracehop::contract::Settlement;
use tracehop::telemetry::{
    MessageFacts, MessageLink, OperationError, Outcome, ProcessStart, Processed, Scope, SendStart,
    queue_time,
};
use tracehop::testing::Recorder;

use super::{created, map, orders};

const BUCKETS: [f64; 14] = [
    0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1.0, 2.5, 5.0, 7.5, 10.0,
];

fn send(recorder: &Recorder, batch: Option<usize>, outcome: &Outcome<'_>) {
    let span = recorder.instrumentation().send(&SendStart {
        destination: &orders(),
        parent: &Context::new(),
        batch_count: batch,
        creation: batch.is_none(),
        messages: &[],
        facts: MessageFacts::NONE,
    });
    span.end(outcome);
}

#[test]
fn a_send_has_a_duration_and_a_count_with_the_conventions_attributes() {
    let recorder = Recorder::new();
    send(&recorder, None, &Outcome::success());
    let attributes = map(&[
        ("messaging.system", "aws_sqs"),
        ("messaging.operation.name", "send"),
        ("messaging.operation.type", "send"),
        ("messaging.destination.name", "orders"),
        ("server.address", "sqs.eu-west-1.amazonaws.com"),
        ("server.port", "443"),
    ]);
    let [duration] = &recorder.metric("messaging.client.operation.duration")[..] else {
        panic!("one series");
    };
    assert_eq!(duration.attributes, attributes);
    assert_eq!((duration.count, duration.unit.as_str()), (1, "s"));
    assert_eq!(duration.bounds, BUCKETS);
    let [sent] = &recorder.metric("messaging.client.sent.messages")[..] else {
        panic!("one series");
    };
    assert_eq!(sent.attributes, attributes);
    assert_eq!((sent.value, sent.unit.as_str()), (1.0, "{message}"));
}

#[test]
fn a_batch_that_partly_failed_counts_both() {
    let recorder = Recorder::new();
    let outcome = Outcome {
        error: OperationError::shared(["Throttled", "Throttled"]),
        failed_count: 2,
        ..Outcome::success()
    };
    send(&recorder, Some(10), &outcome);
    let total = |attributes| recorder.total("messaging.client.sent.messages", attributes);
    assert_eq!(total(&[]), Some(10.0));
    assert_eq!(total(&[("error.type", "Throttled")]), Some(2.0));
}

#[test]
fn a_batch_that_failed_as_a_whole_counts_every_message() {
    let recorder = Recorder::new();
    let error = OperationError::new("QueueDoesNotExist", "gone");
    send(&recorder, Some(10), &Outcome::failure(error));
    let failed = [("error.type", "QueueDoesNotExist")];
    assert_eq!(
        recorder.total("messaging.client.sent.messages", &failed),
        Some(10.0)
    );
}

#[test]
fn creating_is_not_measured() {
    let recorder = Recorder::new();
    let create = recorder
        .instrumentation()
        .create(&orders(), &Context::new(), &MessageFacts::NONE);
    create.end(&Outcome::success());
    assert_eq!(recorder.spans().len(), 1);
    assert!(
        recorder
            .metric("messaging.client.operation.duration")
            .is_empty()
    );
    assert!(recorder.metric("messaging.client.sent.messages").is_empty());
}

#[test]
fn processing_has_a_duration_of_its_own_and_no_other() {
    let recorder = Recorder::new();
    let (queue, creation) = (orders(), created(7));
    let process = recorder.instrumentation().process(&ProcessStart {
        destination: &queue,
        creation: &creation,
        attempt: 1,
        previous: None,
        facts: MessageFacts::NONE,
        scope: Scope::Worker,
    });
    process.end(&Processed::default());
    let [duration] = &recorder.metric("messaging.process.duration")[..] else {
        panic!("one series");
    };
    assert_eq!((duration.count, &duration.bounds[..]), (1, &BUCKETS[..]));
    assert!(
        recorder
            .metric("messaging.client.operation.duration")
            .is_empty()
    );
    assert!(
        recorder
            .metric("messaging.client.consumed.messages")
            .is_empty()
    );
    assert!(recorder.metric("tracehop.message.queue_time").is_empty());
}

#[test]
fn queue_time_is_measured_at_hand_over_once_a_message() {
    let started = Instant::now();
    let recorder = Recorder::new();
    let instrumentation = recorder.instrumentation();
    let (queue, creation) = (orders(), created(7));
    let waited = |seconds| {
        MessageFacts::default()
            .with_enqueued_at(SystemTime::now().checked_sub(Duration::from_secs(seconds)))
    };
    let messages = [100, 400].map(|seconds| MessageLink {
        creation: &creation,
        facts: waited(seconds),
    });
    let batch = instrumentation.process_batch(&queue, Scope::Worker, &messages);
    let current = batch.context().clone();
    for scope in [Scope::Batch(&current), Scope::Worker] {
        drop(instrumentation.process(&ProcessStart {
            destination: &queue,
            creation: &creation,
            attempt: 1,
            previous: None,
            facts: waited(1000),
            scope,
        }));
    }
    let [waits] = &recorder.metric("tracehop.message.queue_time")[..] else {
        panic!("one series");
    };
    assert_eq!(waits.count, 3);
    let most = 1500.0 + 3.0 * started.elapsed().as_secs_f64();
    assert!((1500.0..=most).contains(&waits.value), "{}", waits.value);
    assert_eq!(
        waits.bounds[14..],
        [30.0, 60.0, 300.0, 900.0, 3600.0, 21600.0, 86400.0]
    );
    assert_eq!(waits.unit, "s");
}

#[test]
fn clock_skew_is_no_negative_queue_time() {
    let now = SystemTime::now();
    assert_eq!(
        queue_time(now + Duration::from_secs(3), now),
        Duration::ZERO
    );
    assert_eq!(
        queue_time(now - Duration::from_secs(3), now),
        Duration::from_secs(3)
    );
}

#[test]
fn a_workers_counters_start_at_zero() {
    let recorder = Recorder::new();
    let instrumentation = recorder.instrumentation();
    let queue = orders();
    instrumentation.start_consumer(&queue);
    instrumentation.start_producer(&queue);
    let counters = [
        "messaging.client.consumed.messages",
        "messaging.client.sent.messages",
        "tracehop.propagation.injected",
        "tracehop.propagation.extracted",
        "tracehop.propagation.missing",
        "tracehop.worker.leases_lost",
        "tracehop.worker.in_flight",
    ];
    let said = [
        ("messaging.system", "aws_sqs"),
        ("messaging.destination.name", "orders"),
    ];
    for name in counters {
        assert_eq!(recorder.total(name, &said), Some(0.0), "{name}");
        assert_eq!(recorder.metric(name)[0].unit, "{message}", "{name}");
    }
    for how in ["ack", "nack", "release", "reject"] {
        let how = [("tracehop.settlement", how)];
        assert_eq!(recorder.total("tracehop.worker.settled", &how), Some(0.0));
    }
}

#[test]
fn a_worker_counts_what_it_settles_loses_and_has_in_hand() {
    let recorder = Recorder::new();
    let instrumentation = recorder.instrumentation();
    let queue = orders();
    let in_hand = instrumentation.in_flight(&queue);
    // The same destination, known to somebody else.
    let same = Arc::new((*queue).clone());
    drop(instrumentation.in_flight(&same));
    assert_eq!(recorder.total("tracehop.worker.in_flight", &[]), Some(1.0));
    drop(in_hand);
    assert_eq!(recorder.total("tracehop.worker.in_flight", &[]), Some(0.0));
    instrumentation.settled(&queue, &Settlement::Ack);
    instrumentation.settled(&queue, &Settlement::Release);
    instrumentation.lease_lost(&queue);
    let release = [("tracehop.settlement", "release")];
    assert_eq!(
        recorder.total("tracehop.worker.settled", &release),
        Some(1.0)
    );
    assert_eq!(recorder.total("tracehop.worker.settled", &[]), Some(2.0));
    assert_eq!(
        recorder.total("tracehop.worker.leases_lost", &[]),
        Some(1.0)
    );
}
