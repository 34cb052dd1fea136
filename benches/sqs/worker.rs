//! The worker beside a bare loop, on ElasticMQ.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

use aws_sdk_sqs::Client;
use tokio::sync::Notify;
use tracehop::contract::Result;
use tracehop::sqs::SqsSource;
use tracehop::worker::{Failure, Incoming, Worker};

use super::bare::{self, Requests};
use super::support;

const MESSAGES: usize = 20_000;
const WAITING: usize = 100_000;

/// 20,000 waiting messages.
pub(crate) fn compare(rounds: usize) {
    let title = format!("worker at concurrency 32, {MESSAGES} messages");
    let variants = ["bare loop", "worker", "worker sampled"];
    support::compare(&title, rounds, &variants, |variant| {
        let queue = filled(MESSAGES);
        support::child("worker", &[variant, &queue])
    });
}

/// What memory does when five times as many messages wait.
pub(crate) fn compare_memory(rounds: usize) {
    let title = format!("worker at concurrency 32, {MESSAGES} messages of {WAITING} that wait");
    support::compare(&title, rounds, &["bare loop", "worker"], |variant| {
        let queue = filled(WAITING);
        support::child("worker", &[variant, &queue])
    });
}

/// 200 messages of 1 s, one in ten of 5 s, 32 slots: in arrival order 12 s is the best possible.
pub(crate) fn compare_mix(rounds: usize) {
    let title = "200 messages of 1 s, one in ten of 5 s, 32 slots (best possible: 12 s)";
    support::compare(title, rounds, &["worker"], |variant| {
        let queue = filled(200);
        support::child("mix", &[variant, &queue])
    });
}

/// One round of one variant on a filled queue, in a process of its own.
pub(crate) fn measure(variant: &str, queue: &str) {
    let requests = Requests::default();
    let client = client(&requests);
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    let tracers = (variant == "worker sampled").then(support::sampled);
    runtime.block_on(async {
        let (cpu, start) = (support::cpu_seconds(), Instant::now());
        let handled = match variant {
            "bare loop" => bare::consume(&client, queue, MESSAGES).await,
            _ => work(&client, queue, MESSAGES, async |_| Ok(()))
                .await
                .expect("a clean run"),
        };
        if let Some(tracers) = &tracers {
            tracers.force_flush().expect("flushed");
        }
        let messages = f64::from(u32::try_from(MESSAGES).expect("a small number"));
        let requests = f64::from(u32::try_from(requests.count()).expect("a small number"));
        support::report([
            (
                "cpu_us/message",
                (support::cpu_seconds() - cpu) * 1e6 / messages,
            ),
            ("messages/s", messages / (handled - start).as_secs_f64()),
            ("requests/message", requests / messages),
            ("peak_MiB", support::peak_mib()),
        ]);
    });
}

/// One round of the mix, in a process of its own.
pub(crate) fn mix(_variant: &str, queue: &str) {
    let client = client(&Requests::default());
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    runtime.block_on(async {
        let start = Instant::now();
        let arrived = Arc::new(AtomicUsize::new(0));
        let handler = move |_: Incoming| {
            let slow = arrived.fetch_add(1, Ordering::Relaxed) % 10 == 9;
            async move {
                tokio::time::sleep(Duration::from_secs(if slow { 5 } else { 1 })).await;
                Ok(())
            }
        };
        let handled = work(&client, queue, 200, handler).await;
        let handled = handled.expect("a clean run");
        support::report([("seconds", (handled - start).as_secs_f64())]);
    });
}

/// Runs the worker until it has handled `messages` and drained; says when the last was handled.
async fn work<F>(
    client: &Client,
    queue: &str,
    messages: usize,
    handler: impl Fn(Incoming) -> F + Send + Sync + 'static,
) -> Result<Instant>
where
    F: Future<Output = Result<(), Failure>> + Send + 'static,
{
    let (done, last) = (Arc::new(Notify::new()), OnceLock::new());
    let counted = {
        let (done, handled) = (Arc::clone(&done), AtomicUsize::new(0));
        let handled = Arc::new(handled);
        move |incoming: Incoming| {
            let (done, handled) = (Arc::clone(&done), Arc::clone(&handled));
            let handling = handler(incoming);
            async move {
                let outcome = handling.await;
                if handled.fetch_add(1, Ordering::Relaxed) + 1 == messages {
                    done.notify_one();
                }
                outcome
            }
        }
    };
    let source = SqsSource::new(client.clone(), queue)?;
    let worker = Worker::new(source, counted).concurrency(32);
    let shutdown = async {
        done.notified().await;
        let _ = last.set(Instant::now());
    };
    worker.run_until(shutdown).await?.complete()?;
    Ok(*last.get().expect("all were handled"))
}

fn client(requests: &Requests) -> Client {
    let config = bare::config(&server()).interceptor(requests.clone());
    Client::from_conf(config.build())
}

fn server() -> String {
    std::env::var("TRACEHOP_ELASTICMQ_URL").expect(
        "TRACEHOP_ELASTICMQ_URL: the address of an ElasticMQ, as ./localstack/env prints it",
    )
}

/// A new queue with that many small messages.
fn filled(messages: usize) -> String {
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    runtime.block_on(async {
        let client = Client::from_conf(bare::config(&server()).build());
        let name = format!("bench-{:016x}", fastrand::u64(..));
        let created = client.create_queue().queue_name(name).send().await;
        let queue = created.expect("a queue").queue_url.expect("its URL");
        bare::fill(&client, &queue, messages).await;
        queue
    })
}
