use aws_sdk_sqs::Client;
use aws_sdk_sqs::types::{QueueAttributeName, SendMessageBatchRequestEntry};
use tokio::process::Command;

use super::common;

/// A client of the server at `url`.
pub(crate) fn client(url: &str) -> Client {
    Client::from_conf(common::sqs_config(url).build())
}

/// A queue of a fresh name, whose messages stay invisible for `visibility` seconds.
pub(crate) async fn queue(client: &Client, visibility: u32) -> String {
    let create = client.create_queue().queue_name(common::unique("process"));
    let create = create.attributes(
        QueueAttributeName::VisibilityTimeout,
        visibility.to_string(),
    );
    create.send().await.unwrap().queue_url.unwrap()
}

/// Sends messages whose bodies are the numbers.
pub(crate) async fn send(client: &Client, queue: &str, numbers: impl IntoIterator<Item = usize>) {
    let numbers: Vec<usize> = numbers.into_iter().collect();
    for ten in numbers.chunks(10) {
        let entries = ten.iter().map(|number| {
            SendMessageBatchRequestEntry::builder()
                .id(number.to_string())
                .message_body(number.to_string())
                .build()
                .unwrap()
        });
        let batch = client.send_message_batch().queue_url(queue);
        let sent = batch.set_entries(Some(entries.collect())).send().await;
        assert!(sent.unwrap().failed().is_empty());
    }
}

/// How many messages wait, and how many are in flight.
pub(crate) async fn depth(client: &Client, queue: &str) -> (u64, u64) {
    let waiting = QueueAttributeName::ApproximateNumberOfMessages;
    let in_flight = QueueAttributeName::ApproximateNumberOfMessagesNotVisible;
    let asked = client.get_queue_attributes().queue_url(queue);
    let asked = asked.attribute_names(QueueAttributeName::All).send().await;
    let attributes = asked.unwrap().attributes.unwrap();
    (
        attributes[&waiting].parse().unwrap(),
        attributes[&in_flight].parse().unwrap(),
    )
}

/// The example of that name, on the queue of the server at `url`.
pub(crate) fn example(name: &str, url: &str, queue: &str) -> Command {
    let mut command = common::example::example(name);
    common::example::on_sqs(&mut command, url, queue);
    command
}
