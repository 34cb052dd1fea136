//! Many messages, and many who want them.

use std::collections::HashSet;
use std::sync::Arc;

use aws_sdk_sqs::Client;
use aws_sdk_sqs::types::{DeleteMessageBatchRequestEntry, SendMessageBatchRequestEntry};
use tokio::sync::Mutex;
use tokio::task::JoinSet;
use tracehop::testing::sqs::{Action, Depth};

use crate::support::standard;

async fn send_ten(client: &Client, url: &str, from: usize) {
    let entries = (from..from + 10).map(|n| {
        let entry = SendMessageBatchRequestEntry::builder();
        let entry = entry.id(n.to_string()).message_body(n.to_string());
        entry.build().unwrap()
    });
    let batch = client.send_message_batch().queue_url(url);
    let sent = batch.set_entries(Some(entries.collect())).send().await;
    assert_eq!(sent.unwrap().successful().len(), 10);
}

/// Receives and deletes until nothing is left; the bodies that were seen.
async fn drain(client: Client, url: String, seen: Arc<Mutex<Vec<String>>>) {
    loop {
        let receive = client.receive_message().queue_url(&url);
        let received = receive.max_number_of_messages(10).send().await;
        let messages = received.unwrap().messages.unwrap_or_default();
        if messages.is_empty() {
            return;
        }
        let entries = messages.iter().enumerate().map(|(n, message)| {
            let entry = DeleteMessageBatchRequestEntry::builder().id(n.to_string());
            let entry = entry.receipt_handle(message.receipt_handle().unwrap());
            entry.build().unwrap()
        });
        let delete = client.delete_message_batch().queue_url(&url);
        let deleted = delete.set_entries(Some(entries.collect())).send().await;
        assert_eq!(deleted.unwrap().failed().len(), 0);
        let bodies = messages.into_iter().filter_map(|it| it.body);
        seen.lock().await.extend(bodies);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn each_of_many_messages_goes_to_one_of_many_consumers() {
    let (sqs, client, url) = standard().await;
    for from in (0..2000).step_by(10) {
        send_ten(&client, &url, from).await;
    }
    let seen = Arc::default();
    let mut consumers = JoinSet::new();
    for _ in 0..4 {
        consumers.spawn(drain(client.clone(), url.clone(), Arc::clone(&seen)));
    }
    consumers.join_all().await;
    let seen = seen.lock().await;
    assert_eq!(seen.len(), 2000);
    assert_eq!(seen.iter().collect::<HashSet<_>>().len(), 2000);
    assert_eq!(sqs.depth("orders"), Some(Depth::default()));
    assert_eq!(sqs.count(Action::DeleteMessageBatch), 200);
}
