//! What the tests share.

use std::time::Duration;

use aws_sdk_sqs::Client;
use aws_sdk_sqs::config::retry::RetryConfig;
use aws_sdk_sqs::types::SendMessageBatchRequestEntry;
use tokio::time::Instant;
use tracehop::contract::{Capacity, Delivery, Settled, Settlement, Source};
use tracehop::sqs::{SqsReceipt, SqsSource, SqsSourceBuilder};
use tracehop::testing::sqs::SqsEndpoint;

pub(crate) const SECOND: Duration = Duration::from_secs(1);

/// Longer than anything takes that is not wrong.
pub(crate) const LIMIT: Duration = Duration::from_mins(1);

/// A client that leaves retries to the source.
pub(crate) fn client(sqs: &SqsEndpoint) -> Client {
    let config = sqs.config().retry_config(RetryConfig::disabled());
    Client::from_conf(config.build())
}

/// A source with short times.
pub(crate) fn builder(sqs: &SqsEndpoint, url: &str) -> SqsSourceBuilder {
    SqsSource::builder(client(sqs), url)
        .wait_time(SECOND)
        .linger(Duration::from_millis(20))
}

pub(crate) async fn opened(builder: SqsSourceBuilder, slots: usize) -> SqsSource {
    let source = builder.build().unwrap();
    source.open(Capacity::slots(slots)).await.unwrap();
    source
}

/// Sends numbered messages, to a group where there is one.
pub(crate) async fn send(
    client: &Client,
    url: &str,
    group: Option<&str>,
    numbers: std::ops::Range<usize>,
) {
    let numbers: Vec<usize> = numbers.collect();
    for ten in numbers.chunks(10) {
        let entries = ten.iter().map(|number| {
            SendMessageBatchRequestEntry::builder()
                .id(number.to_string())
                .message_body(number.to_string())
                .set_message_group_id(group.map(ToOwned::to_owned))
                .set_message_deduplication_id(group.map(|group| format!("{group}-{number}")))
                .build()
                .unwrap()
        });
        let batch = client.send_message_batch().queue_url(url);
        batch
            .set_entries(Some(entries.collect()))
            .send()
            .await
            .unwrap();
    }
}

/// The next deliveries, at most `max`.
pub(crate) async fn receive(source: &SqsSource, max: usize) -> Vec<Delivery<SqsReceipt>> {
    let received = tokio::time::timeout(LIMIT, source.receive(max)).await;
    received.expect("a delivery comes in time").unwrap()
}

pub(crate) async fn receive_one(source: &SqsSource) -> Delivery<SqsReceipt> {
    receive(source, 1).await.pop().unwrap()
}

/// No delivery comes within that time.
pub(crate) async fn nothing_comes(source: &SqsSource, within: Duration) {
    let received = tokio::time::timeout(within, source.receive(1)).await;
    assert!(received.is_err(), "{received:?}");
}

pub(crate) async fn settle(source: &SqsSource, delivery: Delivery<SqsReceipt>, how: Settlement) {
    let settled = source.settle(delivery.receipt, how).await.unwrap();
    assert_eq!(settled, Settled::Recorded);
}

pub(crate) async fn ack(source: &SqsSource, delivery: Delivery<SqsReceipt>) {
    settle(source, delivery, Settlement::Ack).await;
}

pub(crate) fn nack(delay: Duration) -> Settlement {
    Settlement::Nack { delay: Some(delay) }
}

pub(crate) async fn close(source: &SqsSource) {
    source.close(Instant::now() + LIMIT).await.unwrap();
}

pub(crate) fn body<R>(delivery: &Delivery<R>) -> String {
    delivery.message.text().unwrap().to_owned()
}

/// Waits until it is so, for no longer than the limit.
pub(crate) async fn until(what: &str, it_is_so: impl Fn() -> bool) {
    let start = Instant::now();
    while !it_is_so() {
        assert!(start.elapsed() < LIMIT, "{what}");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

/// Messages that are visible and in flight.
pub(crate) fn depth(sqs: &SqsEndpoint, queue: &str) -> (usize, usize) {
    let depth = sqs.depth(queue).unwrap();
    (depth.visible, depth.in_flight)
}
