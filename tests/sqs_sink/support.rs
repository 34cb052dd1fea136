//! What the tests share.

use std::time::Duration;

use aws_sdk_sqs::Client;
use aws_sdk_sqs::config::retry::RetryConfig;
use aws_sdk_sqs::types::Message as Received;
use opentelemetry::Context;
use serde_json::Value as Json;
use tracehop::contract::{Confirm, Message, Sink};
use tracehop::sqs::{SqsSink, SqsSinkBuilder};
use tracehop::testing::sqs::{Action, Request, SqsEndpoint};

/// A client that leaves nothing to the SDK's retries.
pub(crate) fn client(sqs: &SqsEndpoint) -> Client {
    let config = sqs.config().retry_config(RetryConfig::disabled());
    Client::from_conf(config.build())
}

pub(crate) fn builder(sqs: &SqsEndpoint, url: &str) -> SqsSinkBuilder {
    SqsSink::builder(client(sqs), url).linger(Duration::from_millis(20))
}

pub(crate) async fn enqueue(sink: &SqsSink, message: Message) -> Confirm {
    sink.enqueue(message, &Context::new()).await.unwrap()
}

/// The bodies of the requests of one action, in order.
pub(crate) fn requests(sqs: &SqsEndpoint, action: Action) -> Vec<Json> {
    let requests = sqs.requests();
    let requests = requests.iter().filter(|request| request.action() == action);
    requests.map(Request::json).collect()
}

/// The bodies of each batch that was sent.
pub(crate) fn batches(sqs: &SqsEndpoint) -> Vec<Vec<String>> {
    let body = |entry: &Json| entry["MessageBody"].as_str().unwrap().to_owned();
    requests(sqs, Action::SendMessageBatch)
        .iter()
        .map(|batch| {
            batch["Entries"]
                .as_array()
                .unwrap()
                .iter()
                .map(body)
                .collect()
        })
        .collect()
}

/// Up to ten messages that wait, with all of their attributes.
pub(crate) async fn received(client: &Client, url: &str) -> Vec<Received> {
    let receive = client
        .receive_message()
        .queue_url(url)
        .max_number_of_messages(10)
        .wait_time_seconds(1)
        .message_attribute_names("All")
        .message_system_attribute_names("All".into());
    receive.send().await.unwrap().messages.unwrap_or_default()
}
