//! Leases: kept alive, lost, and never in the way of a settlement.

use std::time::Duration;

use tokio::time::Instant;
use tracehop::contract::{Settled, Settlement, Source};
use tracehop::testing::sqs::{Action, Fault, Request, SqsEndpoint};

use crate::support::{
    LIMIT, SECOND, ack, builder, client, depth, nack, nothing_comes, opened, receive, receive_one,
    send, settle, until,
};

const VISIBILITY: Duration = Duration::from_secs(2);
/// For what a busy machine must not lose before its time.
const LONG: Duration = Duration::from_secs(10);

fn visibility_changes(sqs: &SqsEndpoint) -> u64 {
    sqs.count(Action::ChangeMessageVisibility) + sqs.count(Action::ChangeMessageVisibilityBatch)
}

#[tokio::test]
async fn heartbeats_keep_a_slow_message_ours() {
    let sqs = SqsEndpoint::start().await;
    let url = sqs.queue("orders").visibility_timeout(VISIBILITY).create();
    send(&client(&sqs), &url, None, 0..1).await;
    let source = opened(builder(&sqs, &url), 5).await;
    let slow = receive_one(&source).await;
    tokio::select! {
        again = source.receive(1) => panic!("{again:?}"),
        () = until("three heartbeats", || visibility_changes(&sqs) >= 3) => {}
    }
    assert!(!slow.lease.is_lost());
    ack(&source, slow).await;
    until("it is deleted", || depth(&sqs, "orders") == (0, 0)).await;
}

#[tokio::test]
async fn heartbeats_of_what_is_in_hand_and_buffered_go_out_together() {
    let sqs = SqsEndpoint::start().await;
    let url = sqs.queue("orders").visibility_timeout(VISIBILITY).create();
    send(&client(&sqs), &url, None, 0..10).await;
    let source = opened(builder(&sqs, &url), 5).await;
    let in_hand = receive(&source, 3).await;
    until("a heartbeat", || visibility_changes(&sqs) > 0).await;
    let is_change = |request: &&Request| request.action() == Action::ChangeMessageVisibilityBatch;
    let requests = sqs.requests();
    let first = requests.iter().find(is_change).unwrap().json();
    assert_eq!(first["Entries"].as_array().map(Vec::len), Some(10));
    assert_eq!(depth(&sqs, "orders"), (0, 10));
    drop(in_hand);
}

#[tokio::test]
async fn a_lease_that_ran_out_at_the_broker_is_lost_and_nothing_is_settled() {
    let sqs = SqsEndpoint::start().await;
    let url = sqs.queue("orders").visibility_timeout(LONG).create();
    send(&client(&sqs), &url, None, 0..1).await;
    let source = opened(builder(&sqs, &url), 5).await;
    let slow = receive_one(&source).await;
    sqs.advance(LONG);
    tokio::time::timeout(LIMIT, slow.lease.lost())
        .await
        .unwrap();
    let settled = source.settle(slow.receipt, Settlement::Ack).await.unwrap();
    assert_eq!(settled, Settled::LeaseLost);
    let again = receive_one(&source).await;
    assert_eq!(again.attempt, 2);
    assert_eq!(sqs.count(Action::DeleteMessageBatch), 0);
}

#[tokio::test]
async fn a_lease_that_cannot_be_extended_is_lost_at_its_deadline_and_not_before() {
    let sqs = SqsEndpoint::start().await;
    let url = sqs.queue("orders").visibility_timeout(LONG).create();
    send(&client(&sqs), &url, None, 0..1).await;
    let before = Instant::now();
    let source = opened(builder(&sqs, &url), 5).await;
    let slow = receive_one(&source).await;
    sqs.faults()
        .on(Action::ChangeMessageVisibility)
        .always(Fault::Unavailable);
    let lost = tokio::time::timeout(LIMIT, slow.lease.lost());
    lost.await.unwrap();
    assert!(before.elapsed() >= LONG, "{:?}", before.elapsed());
    assert!(visibility_changes(&sqs) >= 3, "it was retried");
}

#[tokio::test]
async fn a_late_heartbeat_never_hides_a_nacked_message() {
    let sqs = SqsEndpoint::start().await;
    let url = sqs.queue("orders").visibility_timeout(LONG).create();
    send(&client(&sqs), &url, None, 0..1).await;
    let source = opened(builder(&sqs, &url), 5).await;
    let slow = receive_one(&source).await;
    let rule = sqs.faults().on(Action::ChangeMessageVisibility);
    rule.next(1, Fault::Slow(SECOND / 2));
    until("a heartbeat is under way", || visibility_changes(&sqs) == 1).await;
    settle(&source, slow, nack(Duration::ZERO)).await;
    assert_eq!(receive_one(&source).await.attempt, 2);
    let asked = |request: &Request| request.json()["VisibilityTimeout"].as_i64();
    let changes: Vec<_> = sqs
        .requests()
        .iter()
        .filter(|request| request.action() == Action::ChangeMessageVisibility)
        .filter_map(asked)
        .collect();
    assert_eq!(
        changes,
        [10, 0],
        "the message is visible at once, and stays so"
    );
}

#[tokio::test]
async fn heartbeats_go_on_until_the_delete_is_confirmed() {
    let sqs = SqsEndpoint::start().await;
    let url = sqs.queue("orders").visibility_timeout(VISIBILITY).create();
    send(&client(&sqs), &url, None, 0..1).await;
    let source = opened(builder(&sqs, &url), 5).await;
    sqs.faults()
        .on(Action::DeleteMessageBatch)
        .always(Fault::InternalError);
    ack(&source, receive_one(&source).await).await;
    nothing_comes(&source, VISIBILITY * 2).await;
    sqs.faults().clear();
    until("it is deleted", || depth(&sqs, "orders") == (0, 0)).await;
}

#[tokio::test]
async fn a_receipt_that_is_dropped_lets_its_lease_run_out() {
    let sqs = SqsEndpoint::start().await;
    let url = sqs.queue("orders").visibility_timeout(VISIBILITY).create();
    send(&client(&sqs), &url, None, 0..1).await;
    let source = opened(builder(&sqs, &url), 5).await;
    drop(receive_one(&source).await);
    nothing_comes(&source, VISIBILITY / 2).await;
    assert_eq!(receive_one(&source).await.attempt, 2);
    assert_eq!(visibility_changes(&sqs), 0);
}
