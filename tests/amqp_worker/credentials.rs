//! The URL of a broker carries a password: nothing that this crate writes shows it.

use std::fmt::Debug;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use lapin::options::QueueDeclareOptions;
use lapin::types::FieldTable;
use tokio::sync::oneshot;
use tracehop::amqp::{AmqpSink, AmqpSource};
use tracehop::contract::{Capacity, Message, Sink, Source};
use tracehop::testing::Recorder;
use tracehop::worker::{Failure, Incoming, Worker};
use tracing_subscriber::layer::SubscriberExt as _;

use crate::common::logs::Logs;
use crate::common::proxy::Proxy;
use crate::common::{self, rabbitmqctl};

/// As it stands in the URL, and as it is.
const SECRETS: [&str; 2] = ["se%2Fcr%40et", "se/cr@et"];

#[track_caller]
fn is_silent(what: &str, value: impl Debug) {
    let shown = format!("{value:?}");
    for part in SECRETS.iter().chain(&["someone", "cr@et", "se/cr"]) {
        assert!(!shown.contains(part), "{what}: {shown}");
    }
}

#[tokio::test]
async fn a_worker_and_a_sink_show_no_password() {
    let Some(url) = common::rabbitmq() else {
        return;
    };
    let user = common::unique("someone");
    rabbitmqctl(&["add_user", &user, SECRETS[1]]).await;
    let all = ["set_permissions", "--vhost", "/", &user, ".*", ".*", ".*"];
    rabbitmqctl(&all).await;
    let wire = Proxy::to(&url).await;
    let url = wire.url(&url);
    let (_, host) = url.rsplit_once('@').unwrap();
    let url = format!("amqp://{user}:{}@{host}", SECRETS[0]);
    let logs = Logs::default();
    let subscriber = tracing_subscriber::registry().with(logs.clone());
    // The one thread of this test runs the tasks of source and sink too.
    let _guard = tracing::subscriber::set_default(subscriber);
    let recorder = Recorder::new();
    let queue = common::unique("secret");
    let declared = queue.clone();
    let sink = AmqpSink::builder(url.as_str(), "")
        .routing_key(queue.as_str())
        .topology(move |channel| {
            let queue = declared.as_str().into();
            async move {
                let options = QueueDeclareOptions::default();
                let declared = channel.queue_declare(queue, options, FieldTable::default());
                declared.await.map(drop)
            }
        })
        .instrumentation(recorder.instrumentation());
    is_silent("a builder of a sink", &sink);
    let sink = sink.build().unwrap();
    is_silent("a sink", &sink);
    for body in ["fine", "rejected"] {
        let sent = sink.send(Message::new(body)).await;
        is_silent("a message that is sent", sent.unwrap());
    }
    let source = AmqpSource::builder(url.as_str(), queue.as_str());
    is_silent("a builder of a source", &source);
    let source = source.instrumentation(recorder.instrumentation()).build();
    let source = source.unwrap();
    is_silent("a source", &source);
    let (done, stop) = oneshot::channel::<()>();
    let done = Arc::new(Mutex::new(Some(done)));
    let handler = move |incoming: Incoming| {
        let done = Arc::clone(&done);
        async move {
            if incoming.text() == Some("fine") {
                return Ok(());
            }
            drop(done.lock().unwrap().take());
            Err(Failure::reject("no such order"))
        }
    };
    let worker = Worker::new(source, handler).instrumentation(recorder.instrumentation());
    let drained = worker.run_until(stop).await.unwrap();
    is_silent("a drain", drained);

    let source = AmqpSource::new(url.as_str(), "nowhere").unwrap();
    let error = source.open(Capacity::slots(1)).await.unwrap_err();
    is_silent("an open", &error);
    is_silent("an open, told", error.to_string());
    rabbitmqctl(&["change_password", &user, "another"]).await;
    wire.cut();
    let refused = async {
        loop {
            let error = sink.send(Message::new("refused")).await.unwrap_err();
            is_silent("a refusal", &error);
            is_silent("a refusal, told", error.to_string());
            if error.code() == "ACCESS_REFUSED" {
                return;
            }
        }
    };
    let refused = tokio::time::timeout(Duration::from_secs(20), refused).await;
    refused.expect("the login is refused");
    rabbitmqctl(&["delete_user", &user]).await;

    assert!(!recorder.spans().is_empty());
    is_silent("spans", recorder.spans());
    is_silent(
        "metrics",
        recorder.metric("messaging.client.operation.duration"),
    );
    let logs = logs.all();
    assert!(!logs.is_empty(), "the rejected message is warned of");
    is_silent("logs", logs);
}

#[test]
fn what_is_no_url_is_an_error_that_shows_no_password() {
    let url = format!("ftp://someone:{}@host", SECRETS[0]);
    is_silent("a source", AmqpSource::new(url.as_str(), "q").unwrap_err());
    is_silent("a sink", AmqpSink::new(url.as_str(), "x").unwrap_err());
}
