//! The same on real servers, where there are any.

use std::collections::{HashMap, HashSet};
use std::time::Duration;

use aws_sdk_sqs::Client;
use aws_sdk_sqs::types::QueueAttributeName;
use tracehop::contract::{ErrorKind, Settlement, Source};
use tracehop::sqs::SqsSource;

use crate::common;
use crate::support::{
    LIMIT, SECOND, ack, body, close, nack, nothing_comes, opened, receive, receive_one, send,
    settle,
};

fn servers() -> Vec<Client> {
    [common::localstack(), common::elasticmq()]
        .into_iter()
        .flatten()
        .map(|url| Client::from_conf(common::sqs_config(&url).build()))
        .collect()
}

async fn queue(client: &Client, name: &str, attributes: &[(QueueAttributeName, &str)]) -> String {
    let fifo = attributes
        .iter()
        .any(|(name, _)| *name == QueueAttributeName::FifoQueue);
    let suffix = if fifo { ".fifo" } else { "" };
    let mut create = client
        .create_queue()
        .queue_name(common::unique(name) + suffix);
    for (name, value) in attributes {
        create = create.attributes(name.clone(), *value);
    }
    create.send().await.unwrap().queue_url.unwrap()
}

async fn source(client: &Client, url: &str, slots: usize) -> SqsSource {
    leased(client, url, slots, SECOND * 3).await
}

async fn leased(client: &Client, url: &str, slots: usize, lease: Duration) -> SqsSource {
    let source = SqsSource::builder(client.clone(), url).wait_time(SECOND);
    opened(source.visibility_timeout(lease), slots).await
}

/// Nothing is left, in flight neither.
async fn is_empty(client: &Client, url: &str) {
    let left = || async {
        let answer = client
            .get_queue_attributes()
            .queue_url(url)
            .attribute_names(QueueAttributeName::ApproximateNumberOfMessages)
            .attribute_names(QueueAttributeName::ApproximateNumberOfMessagesNotVisible)
            .send()
            .await
            .unwrap();
        let counts = answer.attributes.unwrap_or_default();
        counts
            .values()
            .map(|count| count.parse::<u64>().unwrap())
            .sum::<u64>()
    };
    let start = tokio::time::Instant::now();
    while left().await > 0 {
        assert!(start.elapsed() < LIMIT, "messages are left");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

#[tokio::test]
async fn every_message_is_handled_and_deleted() {
    for client in servers() {
        let url = queue(&client, "all", &[]).await;
        send(&client, &url, None, 0..200).await;
        let source = source(&client, &url, 32).await;
        let mut seen = HashSet::new();
        while seen.len() < 200 {
            for delivery in receive(&source, 32).await {
                seen.insert(body(&delivery));
                ack(&source, delivery).await;
            }
        }
        close(&source).await;
        is_empty(&client, &url).await;
    }
}

#[tokio::test]
async fn heartbeats_keep_a_slow_message_ours() {
    for client in servers() {
        let url = queue(&client, "slow", &[]).await;
        send(&client, &url, None, 0..1).await;
        let source = source(&client, &url, 5).await;
        let slow = receive_one(&source).await;
        nothing_comes(&source, SECOND * 5).await;
        assert!(!slow.lease.is_lost());
        ack(&source, slow).await;
        close(&source).await;
        is_empty(&client, &url).await;
    }
}

#[tokio::test]
async fn a_lease_that_ran_out_brings_the_message_again() {
    for client in servers() {
        let url = queue(&client, "expiry", &[]).await;
        send(&client, &url, None, 0..1).await;
        let source = source(&client, &url, 5).await;
        drop(receive_one(&source).await);
        nothing_comes(&source, SECOND).await;
        let again = receive_one(&source).await;
        assert_eq!(again.attempt, 2);
        ack(&source, again).await;
        close(&source).await;
        is_empty(&client, &url).await;
    }
}

#[tokio::test]
async fn a_nacked_message_comes_again() {
    for client in servers() {
        let url = queue(&client, "nack", &[]).await;
        send(&client, &url, None, 0..1).await;
        let source = source(&client, &url, 5).await;
        settle(&source, receive_one(&source).await, nack(SECOND)).await;
        let again = receive_one(&source).await;
        assert_eq!(again.attempt, 2);
        settle(&source, again, Settlement::Release).await;
        let again = receive_one(&source).await;
        assert_eq!(again.attempt, 3);
        ack(&source, again).await;
        close(&source).await;
        is_empty(&client, &url).await;
    }
}

#[tokio::test]
async fn fifo_order_holds_under_failures() {
    const EACH: usize = 10;
    for client in servers() {
        let fifo = [(QueueAttributeName::FifoQueue, "true")];
        let url = queue(&client, "fifo", &fifo).await;
        for group in ["a", "b", "c"] {
            send(&client, &url, Some(group), 0..EACH).await;
        }
        let source = source(&client, &url, 8).await;
        let mut random = fastrand::Rng::with_seed(7);
        let mut next: HashMap<_, usize> = HashMap::new();
        while next.values().sum::<usize>() < 3 * EACH {
            for delivery in receive(&source, 8).await {
                let expected = next.entry(delivery.message.group.clone()).or_default();
                assert_eq!(body(&delivery), expected.to_string());
                if random.u8(..10) < 3 {
                    settle(&source, delivery, nack(Duration::ZERO)).await;
                } else {
                    *expected += 1;
                    ack(&source, delivery).await;
                }
            }
        }
        close(&source).await;
        is_empty(&client, &url).await;
    }
}

#[tokio::test]
async fn a_rejected_message_goes_to_the_dead_letter_queue() {
    for client in servers() {
        let dead = queue(&client, "dead", &[]).await;
        let arn = QueueAttributeName::QueueArn;
        let answer = client
            .get_queue_attributes()
            .queue_url(&dead)
            .attribute_names(arn.clone());
        let answer = answer.send().await.unwrap();
        let policy = format!(
            r#"{{"deadLetterTargetArn":"{}","maxReceiveCount":"5"}}"#,
            answer.attributes().unwrap()[&arn]
        );
        let redrive = [(QueueAttributeName::RedrivePolicy, policy.as_str())];
        let url = queue(&client, "reject", &redrive).await;
        send(&client, &url, None, 0..1).await;
        let source_of = source(&client, &url, 5).await;
        let reason = "no such customer".to_owned();
        settle(
            &source_of,
            receive_one(&source_of).await,
            Settlement::Reject { reason },
        )
        .await;
        let dead_letters = source(&client, &dead, 5).await;
        let letter = receive_one(&dead_letters).await;
        assert_eq!(body(&letter), "0");
        ack(&dead_letters, letter).await;
        close(&source_of).await;
        close(&dead_letters).await;
        is_empty(&client, &url).await;
        is_empty(&client, &dead).await;
    }
}

#[tokio::test]
async fn closing_gives_everything_back() {
    for client in servers() {
        let url = queue(&client, "close", &[]).await;
        send(&client, &url, None, 0..30).await;
        // Longer than the second source is waited for.
        let first = leased(&client, &url, 5, LIMIT * 2).await;
        let in_hand = receive(&first, 5).await;
        close(&first).await;
        for delivery in in_hand {
            settle(&first, delivery, Settlement::Release).await;
        }
        let second = source(&client, &url, 30).await;
        let mut seen = HashSet::new();
        while seen.len() < 30 {
            for delivery in receive(&second, 30).await {
                seen.insert(body(&delivery));
                ack(&second, delivery).await;
            }
        }
        close(&second).await;
        is_empty(&client, &url).await;
    }
}

#[tokio::test]
async fn a_missing_queue_is_an_error_at_open_and_later() {
    for client in servers() {
        let url = queue(&client, "gone", &[]).await;
        let source = source(&client, &url, 5).await;
        client.delete_queue().queue_url(&url).send().await.unwrap();
        let received = tokio::time::timeout(LIMIT, source.receive(1)).await;
        let error = received.expect("it ends in time").unwrap_err();
        assert_eq!(error.kind(), ErrorKind::NotFound, "{error}");
        let again = SqsSource::new(client.clone(), &url).unwrap();
        let error = again
            .open(tracehop::contract::Capacity::slots(1))
            .await
            .unwrap_err();
        assert_eq!(error.kind(), ErrorKind::NotFound, "{error}");
    }
}
