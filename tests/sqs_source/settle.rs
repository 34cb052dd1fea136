//! Settlements, and failures on their way.

use std::time::Duration;

use tracehop::contract::{Settlement, Source as _};
use tracehop::sqs::SqsSource;
use tracehop::testing::sqs::{Action, Fault, SqsEndpoint};

use crate::common::panics::PanicsAtFirst;
use crate::support::{
    SECOND, ack, builder, client, depth, nack, nothing_comes, opened, receive, receive_one, send,
    settle, until,
};

#[tokio::test]
async fn entries_that_failed_in_a_delete_are_retried_alone() {
    let sqs = SqsEndpoint::start().await;
    let url = sqs.queue("orders").create();
    send(&client(&sqs), &url, None, 0..10).await;
    let rule = sqs.faults().on(Action::DeleteMessageBatch);
    rule.next(1, Fault::FailEntries(vec![0, 3]));
    let source = opened(builder(&sqs, &url), 10).await;
    let mut handled = 0;
    while handled < 10 {
        for delivery in receive(&source, 10).await {
            ack(&source, delivery).await;
            handled += 1;
        }
    }
    until("all are deleted", || depth(&sqs, "orders") == (0, 0)).await;
    let deletes = sqs.requests();
    let deletes = deletes
        .iter()
        .filter(|request| request.action() == Action::DeleteMessageBatch);
    let entries = deletes.map(|delete| delete.json()["Entries"].as_array().unwrap().len());
    assert_eq!(entries.sum::<usize>(), 12);
}

#[tokio::test]
async fn deletes_that_fail_as_a_whole_or_lose_their_reply_are_retried() {
    for fault in [
        Fault::Unavailable,
        Fault::RequestThrottled,
        Fault::DropReply,
    ] {
        let sqs = SqsEndpoint::start().await;
        let url = sqs.queue("orders").create();
        send(&client(&sqs), &url, None, 0..1).await;
        sqs.faults().on(Action::DeleteMessageBatch).next(2, fault);
        let source = opened(builder(&sqs, &url), 5).await;
        ack(&source, receive_one(&source).await).await;
        until("it is deleted", || depth(&sqs, "orders") == (0, 0)).await;
        until("and confirmed", || {
            sqs.count(Action::DeleteMessageBatch) == 3
        })
        .await;
    }
}

#[tokio::test]
async fn a_nacked_message_comes_again_after_its_delay() {
    let sqs = SqsEndpoint::start().await;
    let url = sqs.queue("orders").create();
    send(&client(&sqs), &url, None, 0..1).await;
    let source = opened(builder(&sqs, &url), 5).await;
    settle(&source, receive_one(&source).await, nack(SECOND)).await;
    nothing_comes(&source, SECOND * 7 / 10).await;
    assert_eq!(receive_one(&source).await.attempt, 2);
}

#[tokio::test]
async fn a_delay_is_whole_seconds_and_within_what_sqs_allows() {
    let cases = [
        (Duration::from_millis(1), 1),
        (Duration::from_millis(2500), 3),
        (Duration::MAX, 12 * 60 * 60 - 1),
    ];
    for (delay, seconds) in cases {
        let sqs = SqsEndpoint::start().await;
        let url = sqs.queue("orders").create();
        send(&client(&sqs), &url, None, 0..1).await;
        let source = opened(builder(&sqs, &url), 5).await;
        settle(&source, receive_one(&source).await, nack(delay)).await;
        let changes = || sqs.count(Action::ChangeMessageVisibility);
        until("it is asked for", || changes() == 1).await;
        let requests = sqs.requests();
        let mut changes = requests.iter();
        let change = changes.find(|request| request.action() == Action::ChangeMessageVisibility);
        assert_eq!(change.unwrap().json()["VisibilityTimeout"], seconds);
    }
}

#[tokio::test]
async fn a_nack_without_a_delay_leaves_the_message_to_its_timeout() {
    let sqs = SqsEndpoint::start().await;
    let url = sqs.queue("orders").create();
    send(&client(&sqs), &url, None, 0..1).await;
    let source = opened(builder(&sqs, &url), 5).await;
    let how = Settlement::Nack { delay: None };
    settle(&source, receive_one(&source).await, how).await;
    nothing_comes(&source, SECOND / 2).await;
    assert_eq!(sqs.count(Action::ChangeMessageVisibility), 0);
    sqs.advance(Duration::from_secs(30));
    assert_eq!(receive_one(&source).await.attempt, 2);
}

#[tokio::test]
async fn released_messages_come_again_at_once_in_one_request() {
    let sqs = SqsEndpoint::start().await;
    let url = sqs.queue("orders").create();
    send(&client(&sqs), &url, None, 0..10).await;
    let source = opened(builder(&sqs, &url), 10).await;
    let mut released = 0;
    while released < 10 {
        for delivery in receive(&source, 10).await {
            settle(&source, delivery, Settlement::Release).await;
            released += 1;
        }
    }
    let again = receive_one(&source).await;
    assert_eq!(again.attempt, 2);
    assert_eq!(sqs.count(Action::ChangeMessageVisibilityBatch), 1);
}

#[tokio::test]
async fn settlements_that_do_not_reach_the_broker_are_said_until_they_do() {
    let sqs = SqsEndpoint::start().await;
    let url = sqs.queue("orders").create();
    send(&client(&sqs), &url, None, 0..1).await;
    let source = opened(builder(&sqs, &url), 5).await;
    let rule = sqs.faults().on(Action::DeleteMessageBatch);
    rule.always(Fault::AccessDenied);
    ack(&source, receive_one(&source).await).await;
    until("it says so", || {
        let why = source.unready().unwrap_or_default();
        why.starts_with("settle aws_sqs:orders: ")
    })
    .await;
    sqs.faults().clear();
    until("it is deleted", || depth(&sqs, "orders") == (0, 0)).await;
    until("all is well", || source.unready().is_none()).await;
}

#[tokio::test]
async fn a_request_that_panics_is_one_that_failed() {
    let panics = PanicsAtFirst::default();
    let sqs = SqsEndpoint::start().await;
    let url = sqs.queue("orders").create();
    send(&client(&sqs), &url, None, 0..2).await;
    let config = sqs.config().interceptor(panics.clone()).build();
    let source = SqsSource::builder(aws_sdk_sqs::Client::from_conf(config), &url);
    let source = opened(source, 5).await;
    until("it says so", || {
        let why = source.unready().unwrap_or_default();
        why.starts_with("receive aws_sqs:orders: ")
    })
    .await;
    ack(&source, receive_one(&source).await).await;
    settle(&source, receive_one(&source).await, nack(Duration::ZERO)).await;
    ack(&source, receive_one(&source).await).await;
    until("both are deleted", || depth(&sqs, "orders") == (0, 0)).await;
    assert_eq!(panics.count(), 3, "{panics:?}");
}
