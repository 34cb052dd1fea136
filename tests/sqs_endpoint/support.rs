//! What the tests share.

use std::time::Duration;

use aws_sdk_sqs::Client;
use aws_sdk_sqs::config::retry::RetryConfig;
use aws_sdk_sqs::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_sqs::types::{Message, MessageAttributeValue};
use tracehop::testing::sqs::SqsEndpoint;

/// Longer than anything takes that is not wrong.
pub(crate) const LIMIT: Duration = Duration::from_mins(1);

/// An endpoint, a client that shows every error, and the URL of a queue with AWS's defaults.
pub(crate) async fn standard() -> (SqsEndpoint, Client, String) {
    let sqs = SqsEndpoint::start().await;
    let client = strict_client(&sqs);
    let url = sqs.queue("orders").create();
    (sqs, client, url)
}

/// As [`standard`], with a FIFO queue that deduplicates by content.
pub(crate) async fn fifo() -> (SqsEndpoint, Client, String) {
    let sqs = SqsEndpoint::start().await;
    let client = strict_client(&sqs);
    let queue = sqs.queue("orders.fifo").content_based_deduplication();
    let url = queue.create();
    (sqs, client, url)
}

pub(crate) fn strict_client(sqs: &SqsEndpoint) -> Client {
    let config = sqs.config().retry_config(RetryConfig::disabled());
    Client::from_conf(config.build())
}

pub(crate) async fn send(client: &Client, url: &str, body: &str) {
    let send = client.send_message().queue_url(url).message_body(body);
    send.send().await.unwrap();
}

pub(crate) async fn send_to_group(client: &Client, url: &str, group: &str, body: &str) {
    let send = client.send_message().queue_url(url).message_body(body);
    send.message_group_id(group).send().await.unwrap();
}

/// Up to ten messages, with all attributes, without waiting.
pub(crate) async fn receive(client: &Client, url: &str) -> Vec<Message> {
    let receive = client.receive_message().queue_url(url);
    let received = receive
        .max_number_of_messages(10)
        .message_system_attribute_names("All".into())
        .message_attribute_names("All")
        .send();
    received.await.unwrap().messages.unwrap_or_default()
}

pub(crate) async fn delete(client: &Client, url: &str, message: &Message) {
    let receipt = message.receipt_handle().unwrap();
    let delete = client.delete_message().queue_url(url);
    delete.receipt_handle(receipt).send().await.unwrap();
}

pub(crate) async fn change_visibility(client: &Client, url: &str, message: &Message, to: i32) {
    let receipt = message.receipt_handle().unwrap();
    let change = client.change_message_visibility().queue_url(url);
    let change = change.receipt_handle(receipt).visibility_timeout(to);
    change.send().await.unwrap();
}

pub(crate) fn bodies(messages: &[Message]) -> Vec<&str> {
    messages.iter().filter_map(Message::body).collect()
}

pub(crate) fn text(value: &str) -> MessageAttributeValue {
    typed("String", value)
}

pub(crate) fn typed(data_type: &str, value: &str) -> MessageAttributeValue {
    MessageAttributeValue::builder()
        .data_type(data_type)
        .string_value(value)
        .build()
        .unwrap()
}

/// The code and the text of the service's error.
pub(crate) fn refusal<T, E>(result: Result<T, SdkError<E>>) -> (String, String)
where
    E: ProvideErrorMetadata + std::fmt::Debug,
{
    let Err(SdkError::ServiceError(error)) = result else {
        panic!("the service has not refused the call");
    };
    let meta = error.err().meta();
    (
        meta.code().unwrap_or_default().to_owned(),
        meta.message().unwrap_or_default().to_owned(),
    )
}

/// Waits, for no longer than the limit, until it is so.
pub(crate) async fn until(it_is_so: impl Fn() -> bool) {
    let wait = async {
        while !it_is_so() {
            tokio::task::yield_now().await;
        }
    };
    assert!(tokio::time::timeout(LIMIT, wait).await.is_ok());
}
