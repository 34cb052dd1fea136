//! What a careful user writes by hand: the baseline.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Instant;

use aws_sdk_sqs::Client;
use aws_sdk_sqs::config::{BehaviorVersion, Builder, Credentials, Intercept, Region};
use aws_sdk_sqs::types::{DeleteMessageBatchRequestEntry, SendMessageBatchRequestEntry};

/// The settings of a client of the server at `url`.
pub(crate) fn config(url: &str) -> Builder {
    aws_sdk_sqs::Config::builder()
        .behavior_version(BehaviorVersion::v2026_01_12())
        .region(Region::new("us-east-1"))
        .credentials_provider(Credentials::for_tests())
        .endpoint_url(url)
}

/// Counts the requests that go out, retries too.
#[derive(Clone, Debug, Default)]
pub(crate) struct Requests(Arc<AtomicUsize>);

impl Requests {
    pub(crate) fn count(&self) -> usize {
        self.0.load(Ordering::Relaxed)
    }
}

impl Intercept for Requests {
    fn name(&self) -> &'static str {
        "Requests"
    }

    fn read_before_transmit(
        &self,
        _: &aws_sdk_sqs::config::interceptors::BeforeTransmitInterceptorContextRef<'_>,
        _: &aws_sdk_sqs::config::RuntimeComponents,
        _: &mut aws_sdk_sqs::config::ConfigBag,
    ) -> Result<(), aws_sdk_sqs::error::BoxError> {
        self.0.fetch_add(1, Ordering::Relaxed);
        Ok(())
    }
}

/// Fills the queue with `messages` small messages.
pub(crate) async fn fill(client: &Client, queue: &str, messages: usize) {
    let tasks = (0..4).map(|task| {
        let (client, queue) = (client.clone(), queue.to_owned());
        tokio::spawn(async move {
            for batch in (task..messages / 10).step_by(4) {
                let entries = (0..10).map(|entry| {
                    let number = batch * 10 + entry;
                    SendMessageBatchRequestEntry::builder()
                        .id(entry.to_string())
                        .message_body(format!("{{\"order\":{number}}}"))
                        .build()
                        .expect("an entry")
                });
                let sent = client.send_message_batch().queue_url(&queue);
                let sent = sent.set_entries(Some(entries.collect())).send().await;
                assert!(sent.expect("a batch").failed().is_empty());
            }
        })
    });
    for task in tasks.collect::<Vec<_>>() {
        task.await.expect("filled");
    }
}

/// Handles `messages` messages with 4 tasks that each receive ten and delete ten; says when the
/// last was deleted.
pub(crate) async fn consume(client: &Client, queue: &str, messages: usize) -> Instant {
    let handled = Arc::new(AtomicUsize::new(0));
    let tasks = (0..4).map(|_| {
        let (client, queue, handled) = (client.clone(), queue.to_owned(), Arc::clone(&handled));
        tokio::spawn(async move {
            let mut last = Instant::now();
            while handled.load(Ordering::Relaxed) < messages {
                let received = client.receive_message().queue_url(&queue);
                let received = received.max_number_of_messages(10).wait_time_seconds(1);
                let received = received.send().await.expect("a receive");
                let entries: Vec<_> = received
                    .messages()
                    .iter()
                    .enumerate()
                    .map(|(index, message)| {
                        DeleteMessageBatchRequestEntry::builder()
                            .id(index.to_string())
                            .set_receipt_handle(message.receipt_handle.clone())
                            .build()
                            .expect("an entry")
                    })
                    .collect();
                if entries.is_empty() {
                    continue;
                }
                handled.fetch_add(entries.len(), Ordering::Relaxed);
                let deleted = client.delete_message_batch().queue_url(&queue);
                let deleted = deleted.set_entries(Some(entries)).send().await;
                assert!(deleted.expect("a delete").failed().is_empty());
                last = Instant::now();
            }
            last
        })
    });
    let tasks = futures_util::future::join_all(tasks).await;
    let ended = tasks.into_iter().map(|last| last.expect("consumed"));
    ended.max().expect("four tasks")
}
