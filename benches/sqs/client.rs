//! The wrapped client beside the bare one.

use std::io::{BufRead, BufReader, Read};
use std::process::{Command, Stdio};
use std::time::Instant;

use opentelemetry::baggage::BaggageExt;
use opentelemetry::{Context, KeyValue};
use tracehop::sqs::TraceInterceptor;
use tracehop::testing::sqs::SqsEndpoint;

use super::{bare, support};

/// Rounds of one send, one receive and one delete.
const CALLS: u32 = 2_000;

/// A process that is nothing but the endpoint, until its standard input ends.
pub(crate) fn endpoint() {
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    let endpoint = runtime.block_on(SqsEndpoint::start());
    println!("{}", endpoint.queue("bench").create());
    let _ = std::io::stdin().read(&mut [0]);
}

/// Compares the bare client, the traced one with no SDK installed, and the traced one that
/// samples everything.
pub(crate) fn compare(rounds: usize) {
    let mut endpoint = Command::new(std::env::current_exe().expect("own path"))
        .arg("--child=endpoint")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("the endpoint starts");
    let mut queue = String::new();
    BufReader::new(endpoint.stdout.take().expect("its output"))
        .read_line(&mut queue)
        .expect("the queue's URL");
    let variants = ["bare", "no SDK", "sampled"];
    let title = format!("client, {CALLS} times send, receive, delete on the in-process endpoint");
    support::compare(&title, rounds, &variants, |variant| {
        support::child("client", &[variant, queue.trim()])
    });
    drop(endpoint.stdin.take());
    endpoint.wait().expect("the endpoint ends");
}

/// One round of one variant, in a process of its own.
pub(crate) fn measure(variant: &str, queue: &str) {
    let runtime = tokio::runtime::Builder::new_current_thread();
    let runtime = { runtime }.enable_all().build().expect("a runtime");
    let providers = (variant == "sampled").then(support::sampled);
    let (server, _) = queue.rsplit_once("/000000000000/").expect("a queue URL");
    let config = bare::config(server);
    let config = match variant {
        "bare" => config,
        "no SDK" | "sampled" => config.interceptor(TraceInterceptor::new()),
        other => panic!("no variant {other}"),
    };
    let client = aws_sdk_sqs::Client::from_conf(config.build());
    let baggage = Context::new().with_baggage([KeyValue::new("tenant", "acme")]);
    runtime.block_on(async {
        calls(&client, queue, &baggage, CALLS / 10).await;
        let (cpu, start) = (support::cpu_seconds(), Instant::now());
        calls(&client, queue, &baggage, CALLS).await;
        if let Some(tracers) = &providers {
            tracers.force_flush().expect("flushed");
        }
        support::report([
            (
                "cpu_us/round",
                (support::cpu_seconds() - cpu) * 1e6 / f64::from(CALLS),
            ),
            (
                "wall_us/round",
                start.elapsed().as_secs_f64() * 1e6 / f64::from(CALLS),
            ),
        ]);
    });
}

async fn calls(client: &aws_sdk_sqs::Client, queue: &str, baggage: &Context, times: u32) {
    for _ in 0..times {
        let send = client
            .send_message()
            .queue_url(queue)
            .message_body("an order");
        let send = opentelemetry::context::FutureExt::with_context(send.send(), baggage.clone());
        send.await.expect("sent");
        let received = client.receive_message().queue_url(queue);
        let received = received.max_number_of_messages(10).send().await;
        for message in received.expect("received").messages() {
            let delete = client.delete_message().queue_url(queue);
            let delete = delete.set_receipt_handle(message.receipt_handle.clone());
            delete.send().await.expect("deleted");
        }
    }
}
