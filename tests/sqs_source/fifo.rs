//! FIFO queues: groups in order, whatever goes wrong.

use std::collections::{HashMap, HashSet};
use std::time::Duration;

use tracehop::contract::Settlement;
use tracehop::testing::sqs::{Action, Fault, Request, SqsEndpoint};

use crate::support::{
    SECOND, ack, body, builder, client, depth, nack, opened, receive, receive_one, send, settle,
    until,
};

fn single_changes(sqs: &SqsEndpoint) -> Vec<Request> {
    let mut requests = sqs.requests();
    requests.retain(|request| request.action() == Action::ChangeMessageVisibility);
    requests
}

#[tokio::test]
async fn one_of_a_group_is_in_hand_and_other_groups_go_on() {
    let sqs = SqsEndpoint::start().await;
    let url = sqs.queue("orders.fifo").create();
    send(&client(&sqs), &url, Some("a"), 0..3).await;
    send(&client(&sqs), &url, Some("b"), 10..11).await;
    let source = opened(builder(&sqs, &url), 10).await;
    let first = receive_one(&source).await;
    let other = receive_one(&source).await;
    assert_eq!((body(&first).as_str(), body(&other).as_str()), ("0", "10"));
    ack(&source, first).await;
    let second = receive_one(&source).await;
    assert_eq!(body(&second), "1");
    ack(&source, other).await;
    ack(&source, second).await;
    assert_eq!(body(&receive_one(&source).await), "2");
}

#[tokio::test]
async fn a_group_stops_at_its_first_failure_and_comes_again_in_order() {
    let sqs = SqsEndpoint::start().await;
    let url = sqs.queue("orders.fifo").create();
    send(&client(&sqs), &url, Some("g"), 0..5).await;
    let source = opened(builder(&sqs, &url), 10).await;
    let first = receive_one(&source).await;
    settle(&source, first, nack(SECOND)).await;
    for number in 0..5 {
        let delivery = receive_one(&source).await;
        assert_eq!((body(&delivery), delivery.attempt), (number.to_string(), 2));
        ack(&source, delivery).await;
    }
}

#[tokio::test]
async fn successors_are_given_back_one_request_at_a_time_last_first() {
    let sqs = SqsEndpoint::start().await;
    let url = sqs.queue("orders.fifo").create();
    send(&client(&sqs), &url, Some("g"), 0..4).await;
    let slow = Fault::Slow(SECOND / 20);
    sqs.faults()
        .on(Action::ChangeMessageVisibility)
        .always(slow);
    let source = opened(builder(&sqs, &url), 10).await;
    let first = receive_one(&source).await;
    settle(&source, first, nack(SECOND * 7)).await;
    until("all four are given back", || {
        single_changes(&sqs).len() == 4
    })
    .await;
    let timeouts: Vec<_> = single_changes(&sqs)
        .iter()
        .map(|request| request.json()["VisibilityTimeout"].as_i64().unwrap())
        .collect();
    assert_eq!(timeouts, [0, 0, 0, 7], "the failed head is the last");
    let handles: HashSet<_> = single_changes(&sqs)
        .iter()
        .map(|request| request.json()["ReceiptHandle"].to_string())
        .collect();
    assert_eq!(handles.len(), 4);
    assert_eq!(sqs.count(Action::ChangeMessageVisibilityBatch), 0);
}

#[tokio::test]
async fn a_give_back_that_fails_is_retried_before_the_next_one() {
    let sqs = SqsEndpoint::start().await;
    let url = sqs.queue("orders.fifo").create();
    send(&client(&sqs), &url, Some("g"), 0..3).await;
    let rule = sqs.faults().on(Action::ChangeMessageVisibility);
    rule.next(2, Fault::Unavailable);
    let source = opened(builder(&sqs, &url), 10).await;
    settle(&source, receive_one(&source).await, Settlement::Release).await;
    for number in 0..3 {
        let delivery = receive_one(&source).await;
        assert_eq!(body(&delivery), number.to_string());
        ack(&source, delivery).await;
    }
    let handles: Vec<_> = single_changes(&sqs)
        .iter()
        .map(|request| request.json()["ReceiptHandle"].to_string())
        .collect();
    assert_eq!(handles.len(), 5);
    assert_eq!(handles[0], handles[2], "the same one until it is done");
}

#[tokio::test]
async fn a_lost_lease_stops_its_group_too() {
    let sqs = SqsEndpoint::start().await;
    let queue = sqs.queue("orders.fifo").visibility_timeout(SECOND * 10);
    let url = queue.create();
    send(&client(&sqs), &url, Some("g"), 0..3).await;
    let source = opened(builder(&sqs, &url), 10).await;
    let first = receive_one(&source).await;
    sqs.advance(SECOND * 10);
    first.lease.lost().await;
    drop(first);
    for number in 0..3 {
        let delivery = receive_one(&source).await;
        assert_eq!(body(&delivery), number.to_string());
        ack(&source, delivery).await;
    }
}

#[tokio::test]
async fn every_receive_has_an_attempt_id_and_a_repeated_one_keeps_it() {
    let sqs = SqsEndpoint::start().await;
    let url = sqs.queue("orders.fifo").create();
    send(&client(&sqs), &url, Some("g"), 0..1).await;
    sqs.faults()
        .on(Action::ReceiveMessage)
        .next(1, Fault::DropReply);
    let source = opened(builder(&sqs, &url), 10).await;
    // SQS has handed the message out, and hands it out again to the same attempt.
    ack(&source, receive_one(&source).await).await;
    until("another receive", || sqs.count(Action::ReceiveMessage) >= 3).await;
    let mut receives = sqs.requests();
    receives.retain(|request| request.action() == Action::ReceiveMessage);
    let attempts: Vec<_> = receives
        .iter()
        .map(|request| request.json()["ReceiveRequestAttemptId"].to_string())
        .collect();
    assert_eq!(attempts[0], attempts[1]);
    assert_ne!(attempts[1], attempts[2]);
}

#[tokio::test]
async fn groups_of_a_standard_queue_are_no_lanes() {
    let sqs = SqsEndpoint::start().await;
    let url = sqs.queue("orders").create();
    let client = client(&sqs);
    for number in 0..2 {
        let send = client
            .send_message()
            .queue_url(&url)
            .message_group_id("tenant");
        send.message_body(number.to_string()).send().await.unwrap();
    }
    let source = opened(builder(&sqs, &url), 10).await;
    let first = receive_one(&source).await;
    let second = receive_one(&source).await;
    assert_eq!((&first.lane, &second.lane), (&None, &None));
    assert_eq!(first.message.group.as_deref(), Some(&b"tenant"[..]));
}

#[tokio::test]
async fn order_holds_under_failures_of_every_kind() {
    futures_util::future::join_all((0..6).map(order_holds)).await;
}

async fn order_holds(seed: u64) {
    const GROUPS: [&str; 4] = ["a", "b", "c", "d"];
    const EACH: usize = 12;
    let sqs = SqsEndpoint::start().await;
    let queue = sqs.queue("orders.fifo").visibility_timeout(SECOND * 5);
    let url = queue.create();
    for group in GROUPS {
        send(&client(&sqs), &url, Some(group), 0..EACH).await;
    }
    let (retries, entry) = (Action::ChangeMessageVisibility, Fault::FailEntries(vec![0]));
    let faults = sqs.faults();
    faults.on(retries).seeded(seed, 0.2, Fault::Unavailable);
    faults
        .on(Action::DeleteMessageBatch)
        .seeded(seed, 0.2, entry);
    faults
        .on(Action::ReceiveMessage)
        .seeded(seed, 0.1, Fault::InternalError);
    let source = opened(builder(&sqs, &url), 8).await;
    let mut random = fastrand::Rng::with_seed(seed);
    let mut next: HashMap<String, usize> = HashMap::new();
    while next.values().sum::<usize>() < GROUPS.len() * EACH {
        let deliveries = receive(&source, 8).await;
        let lanes: HashSet<_> = deliveries.iter().map(|delivery| &delivery.lane).collect();
        assert_eq!(lanes.len(), deliveries.len(), "one of a group at a time");
        for delivery in deliveries {
            let group = delivery.message.group.clone().unwrap();
            let group = String::from_utf8(group.to_vec()).unwrap();
            let expected = next.entry(group).or_default();
            assert_eq!(body(&delivery), expected.to_string(), "seed {seed}");
            match random.u8(..10) {
                0 | 1 => settle(&source, delivery, nack(Duration::ZERO)).await,
                2 => settle(&source, delivery, Settlement::Release).await,
                _ => {
                    *expected += 1;
                    ack(&source, delivery).await;
                }
            }
        }
    }
    until("all are deleted", || depth(&sqs, "orders.fifo") == (0, 0)).await;
}
