//! Receiving: economy, pace, and what goes wrong.

use std::time::Duration;

use tracehop::contract::{ErrorKind, Source};
use tracehop::sqs::SqsSource;
use tracehop::testing::sqs::{Action, Fault, SqsEndpoint};

use crate::support::{
    LIMIT, SECOND, ack, body, builder, client, depth, opened, receive, receive_one, send, until,
};

#[tokio::test]
async fn at_full_load_a_message_costs_no_more_than_a_fifth_of_a_request() {
    const MESSAGES: usize = 1000;
    let sqs = SqsEndpoint::start().await;
    let url = sqs.queue("orders").create();
    send(&client(&sqs), &url, None, 0..MESSAGES).await;
    sqs.forget_requests();
    let source = opened(builder(&sqs, &url), 32).await;
    let mut handled = 0;
    while handled < MESSAGES {
        for delivery in receive(&source, 32).await {
            ack(&source, delivery).await;
            handled += 1;
        }
    }
    until("all are deleted", || {
        sqs.depth("orders").unwrap().in_flight == 0
    })
    .await;
    let requests = sqs.total_count();
    assert!(
        requests <= MESSAGES as u64 * 21 / 100,
        "{requests} requests"
    );
}

#[tokio::test]
async fn an_idle_queue_has_one_receive_in_flight() {
    let sqs = SqsEndpoint::start().await;
    let url = sqs.queue("orders").create();
    let _source = opened(builder(&sqs, &url).wait_time(SECOND * 20), 32).await;
    until("it polls", || sqs.count(Action::ReceiveMessage) > 0).await;
    tokio::time::sleep(SECOND * 3 / 10).await;
    assert_eq!(sqs.count(Action::ReceiveMessage), 1);
}

#[tokio::test]
async fn a_deep_queue_has_several() {
    let sqs = SqsEndpoint::start().await;
    let url = sqs.queue("orders").create();
    send(&client(&sqs), &url, None, 0..200).await;
    let slow = SECOND * 3 / 10;
    let faults = sqs.faults();
    faults.on(Action::ReceiveMessage).always(Fault::Slow(slow));
    let source = opened(builder(&sqs, &url), 100).await;
    let mut most = 0;
    for _ in 0..200 {
        ack(&source, receive_one(&source).await).await;
        // What is slow has been counted, and has taken none of its ten yet.
        let taken = (200 - depth(&sqs, "orders").0) / 10;
        let waiting = sqs
            .count(Action::ReceiveMessage)
            .saturating_sub(taken as u64);
        most = most.max(waiting);
    }
    assert!(most >= 3, "{most} receives at once");
}

#[tokio::test]
async fn a_receive_always_asks_for_ten_and_for_what_it_needs() {
    let sqs = SqsEndpoint::start().await;
    let url = sqs.queue("orders").create();
    let _source = opened(builder(&sqs, &url), 1).await;
    until("a receive comes", || sqs.count(Action::ReceiveMessage) > 0).await;
    let asked = sqs.requests().pop().unwrap().json();
    assert_eq!(asked["MaxNumberOfMessages"], 10);
    assert_eq!(asked["MessageAttributeNames"][0], "All");
    let system = [
        "AWSTraceHeader",
        "SentTimestamp",
        "ApproximateReceiveCount",
        "MessageGroupId",
    ];
    assert_eq!(
        asked["MessageSystemAttributeNames"],
        serde_json::json!(system)
    );
    assert_eq!(asked["VisibilityTimeout"], 30, "the queue's own");
}

#[tokio::test]
async fn no_more_is_taken_than_slots_and_prefetch_allow() {
    let sqs = SqsEndpoint::start().await;
    let url = sqs.queue("orders").create();
    send(&client(&sqs), &url, None, 0..200).await;
    let source = opened(builder(&sqs, &url).prefetch(10), 5).await;
    let in_hand = receive(&source, 5).await;
    tokio::time::sleep(SECOND / 2).await;
    assert!(sqs.depth("orders").unwrap().in_flight <= 15, "{in_hand:?}");
}

#[tokio::test]
async fn failures_are_retried_and_said_until_it_works_again() {
    let faults = [
        (Fault::RequestThrottled, "orders"),
        (Fault::InternalError, "orders"),
        (Fault::Disconnect, "orders"),
        (Fault::AccessDenied, "orders"),
    ];
    for (fault, said) in faults {
        let sqs = SqsEndpoint::start().await;
        let url = sqs.queue("orders").create();
        let source = opened(builder(&sqs, &url), 5).await;
        assert_eq!(source.unready(), None);
        sqs.faults()
            .on(Action::ReceiveMessage)
            .always(fault.clone());
        until("it says so", || {
            source.unready().is_some_and(|why| why.contains(said))
        })
        .await;
        sqs.faults().clear();
        send(&client(&sqs), &url, None, 0..1).await;
        assert_eq!(body(&receive_one(&source).await), "0", "{fault:?}");
        assert_eq!(source.unready(), None);
    }
}

#[tokio::test]
async fn a_lost_reply_loses_no_message() {
    let sqs = SqsEndpoint::start().await;
    let url = sqs.queue("orders").create();
    send(&client(&sqs), &url, None, 0..3).await;
    sqs.faults()
        .on(Action::ReceiveMessage)
        .next(1, Fault::DropReply);
    let source = opened(builder(&sqs, &url), 5).await;
    until("the reply is dropped", || {
        sqs.count(Action::ReceiveMessage) > 1
    })
    .await;
    sqs.advance(Duration::from_secs(31));
    for _ in 0..3 {
        ack(&source, receive_one(&source).await).await;
    }
}

#[tokio::test]
async fn a_queue_that_is_deleted_under_it_ends_the_source() {
    let (_sqs, _, source) = deleted_under_it().await;
    let received = tokio::time::timeout(LIMIT, source.receive(1)).await;
    let error = received.expect("it ends in time").unwrap_err();
    assert_eq!(error.kind(), ErrorKind::NotFound);
    assert!(
        error.to_string().starts_with("receive aws_sqs:orders: "),
        "{error}"
    );
}

#[tokio::test]
async fn a_queue_that_comes_back_at_once_was_not_deleted() {
    let (sqs, url, source) = deleted_under_it().await;
    until("it says so", || source.unready().is_some()).await;
    sqs.queue("orders").create();
    send(&client(&sqs), &url, None, 0..1).await;
    assert_eq!(body(&receive_one(&source).await), "0");
}

#[tokio::test]
async fn a_dropped_receive_strands_nothing() {
    let sqs = SqsEndpoint::start().await;
    let url = sqs.queue("orders").create();
    let source = opened(builder(&sqs, &url), 5).await;
    for _ in 0..50 {
        let _ = tokio::time::timeout(Duration::from_micros(50), source.receive(5)).await;
    }
    send(&client(&sqs), &url, None, 0..5).await;
    let mut seen = Vec::new();
    while seen.len() < 5 {
        let received = tokio::time::timeout(Duration::from_micros(200), source.receive(1)).await;
        let Ok(received) = received else { continue };
        for delivery in received.unwrap() {
            seen.push(body(&delivery));
            ack(&source, delivery).await;
        }
    }
    seen.sort();
    assert_eq!(seen, ["0", "1", "2", "3", "4"]);
}

#[tokio::test]
async fn the_backlog_is_what_waits() {
    let sqs = SqsEndpoint::start().await;
    let url = sqs.queue("orders").create();
    send(&client(&sqs), &url, None, 0..7).await;
    let source = builder(&sqs, &url).build().unwrap();
    assert_eq!(source.backlog().await.unwrap(), Some(7));
}

/// A source, and the queue `orders` that is no longer there.
async fn deleted_under_it() -> (SqsEndpoint, String, SqsSource) {
    let sqs = SqsEndpoint::start().await;
    let url = sqs.queue("orders").create();
    let source = opened(builder(&sqs, &url), 5).await;
    let delete = client(&sqs).delete_queue().queue_url(&url);
    delete.send().await.unwrap();
    (sqs, url, source)
}
