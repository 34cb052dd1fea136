//! Endpoints with credentials in their URL: nothing that this crate writes shows them.

#![cfg(all(feature = "sqs", feature = "testing", feature = "worker"))]
#![expect(clippy::unwrap_used, reason = "a failed unwrap fails the test")]

use std::fmt::Debug;
use std::time::Duration;

use aws_sdk_sqs::Client;
use aws_sdk_sqs::config::retry::RetryConfig;
use tracehop::contract::{Capacity, Message, Sink, Source};
use tracehop::sqs::{SqsSink, SqsSource, TraceInterceptor};
use tracehop::testing::Recorder;
use tracehop::testing::sqs::{Action, Fault, SqsEndpoint};
use tracehop::worker::{Failure, Incoming, Worker};
use tracing_subscriber::layer::SubscriberExt as _;

use logs::Logs;

#[path = "common/logs.rs"]
mod logs;

/// With what a generated secret is full of, and nobody encodes.
const SECRET: &str = "se/cr+et";

/// The same URL with credentials.
fn with_secret(url: &str) -> String {
    url.replace("http://", &format!("http://someone:{SECRET}@"))
}

#[track_caller]
fn shows_no_secret(what: &str, text: &str) {
    for part in ["someone", "se/cr", "cr+et"] {
        assert!(!text.contains(part), "{what}: {text}");
    }
}

#[track_caller]
fn is_silent(what: &str, value: impl Debug) {
    shows_no_secret(what, &format!("{value:?}"));
}

struct World {
    sqs: SqsEndpoint,
    recorder: Recorder,
    client: Client,
    /// The URL of a queue that is there.
    orders: String,
    /// The URL of one that is not.
    nowhere: String,
}

impl World {
    async fn new() -> Self {
        let (sqs, recorder) = (SqsEndpoint::start().await, Recorder::new());
        let orders = with_secret(&sqs.queue("orders").create());
        let config = sqs
            .config()
            .retry_config(RetryConfig::disabled())
            .interceptor(TraceInterceptor::with(recorder.instrumentation()));
        Self {
            client: Client::from_conf(config.build()),
            nowhere: orders.replace("/orders", "/nowhere"),
            sqs,
            recorder,
            orders,
        }
    }

    fn source(&self, url: &str) -> SqsSource {
        SqsSource::builder(self.client.clone(), url)
            .wait_time(Duration::from_secs(1))
            .instrumentation(self.recorder.instrumentation())
            .build()
            .unwrap()
    }

    fn sink(&self, url: &str) -> SqsSink {
        SqsSink::builder(self.client.clone(), url)
            .instrumentation(self.recorder.instrumentation())
            .build()
            .unwrap()
    }

    #[track_caller]
    fn telemetry_is_silent(&self) {
        assert!(!self.recorder.spans().is_empty());
        is_silent("spans", self.recorder.spans());
        is_silent(
            "metrics",
            self.recorder.metric("messaging.client.operation.duration"),
        );
    }
}

#[tokio::test]
async fn the_wrapped_client_records_none() {
    let world = World::new().await;
    for url in [&world.orders, &world.nowhere] {
        let send = world.client.send_message().queue_url(url);
        let sent = send.message_body("order").send().await;
        assert_eq!(sent.is_ok(), url == &world.orders);
        let received = world.client.receive_message().queue_url(url).send().await;
        assert_eq!(received.is_ok(), url == &world.orders);
    }
    world.telemetry_is_silent();
    let interceptor = TraceInterceptor::with(world.recorder.instrumentation());
    is_silent("an interceptor", interceptor);
}

#[tokio::test]
async fn a_worker_and_a_sink_record_and_log_none() {
    let world = World::new().await;
    let logs = Logs::default();
    let subscriber = tracing_subscriber::registry().with(logs.clone());
    // The one thread of this test runs the tasks of source and sink too.
    let _guard = tracing::subscriber::set_default(subscriber);
    let sink = world.sink(&world.orders);
    is_silent("a sink", &sink);
    for body in ["fine", "rejected"] {
        sink.send(Message::new(body)).await.unwrap();
    }
    let faults = world.sqs.faults();
    faults
        .on(Action::ReceiveMessage)
        .next(1, Fault::InternalError);
    let handle = |incoming: Incoming| async move {
        match incoming.text() {
            Some("fine") => Ok(()),
            _ => Err(Failure::reject("no such order")),
        }
    };
    let worker = Worker::new(world.source(&world.orders), handle)
        .instrumentation(world.recorder.instrumentation());
    let handle = worker.handle();
    let settled = async {
        while !logs.all().iter().any(|line| line.contains("no such order")) {
            is_silent("health", handle.health());
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    is_silent("a drain", worker.run_until(settled).await.unwrap());
    world.telemetry_is_silent();
    let logs = logs.all();
    assert!(!logs.is_empty(), "the rejected message is warned of");
    is_silent("logs", logs);
}

#[tokio::test]
async fn errors_show_none() {
    let world = World::new().await;
    let error = world.sink(&world.nowhere).send(Message::new("order")).await;
    is_silent("a send", error.unwrap_err());
    let source = world.source(&world.nowhere);
    is_silent("a source", &source);
    is_silent(
        "an open",
        source.open(Capacity::slots(1)).await.unwrap_err(),
    );
    is_silent("a backlog", source.backlog().await.unwrap_err());
    let no_url = with_secret("http://host").replace("http", "ftp");
    is_silent("no URL", SqsSource::new(world.client, no_url).unwrap_err());
}

#[tokio::test]
async fn an_endpoint_with_credentials_that_does_not_answer_shows_none() {
    let world = World::new().await;
    let endpoint = with_secret("http://127.0.0.1:1");
    let config = world.client.config().to_builder().endpoint_url(endpoint);
    let client = Client::from_conf(config.build());
    let sent = client.send_message().queue_url(&world.orders);
    sent.message_body("order").send().await.unwrap_err();
    let source = SqsSource::new(client, &world.orders).unwrap();
    is_silent("a source", &source);
    is_silent(
        "an open",
        source.open(Capacity::slots(1)).await.unwrap_err(),
    );
    world.telemetry_is_silent();
}
