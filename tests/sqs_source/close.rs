//! Closing and dropping.

use std::time::Duration;

use tokio::time::Instant;
use tracehop::contract::{ErrorKind, Source};
use tracehop::testing::sqs::{Action, Fault, SqsEndpoint};

use crate::support::{
    SECOND, ack, body, builder, client, close, depth, opened, receive, receive_one, send, until,
};

#[tokio::test]
async fn closing_gives_back_the_buffer_and_flushes_settlements() {
    let sqs = SqsEndpoint::start().await;
    let url = sqs.queue("orders").create();
    send(&client(&sqs), &url, None, 0..25).await;
    let source = opened(builder(&sqs, &url).linger(SECOND * 60), 5).await;
    let mut in_hand = receive(&source, 3).await;
    ack(&source, in_hand.pop().unwrap()).await;
    until("the buffer is full", || depth(&sqs, "orders").1 >= 10).await;
    close(&source).await;
    assert_eq!(depth(&sqs, "orders"), (24 - in_hand.len(), in_hand.len()));
    assert!(source.receive(1).await.unwrap().is_empty());
    for delivery in in_hand {
        ack(&source, delivery).await;
    }
    until("what was in hand is settled too", || {
        depth(&sqs, "orders").1 == 0
    })
    .await;
}

#[tokio::test]
async fn what_a_poll_in_flight_still_brings_is_given_back() {
    let sqs = SqsEndpoint::start().await;
    let url = sqs.queue("orders").create();
    let source = opened(builder(&sqs, &url).wait_time(SECOND * 20), 5).await;
    until("it polls", || sqs.count(Action::ReceiveMessage) == 1).await;
    let client = client(&sqs);
    tokio::join!(close(&source), send(&client, &url, None, 0..1));
    assert_eq!(depth(&sqs, "orders"), (1, 0));
    assert_eq!(sqs.count(Action::ReceiveMessage), 1);
}

#[tokio::test]
async fn groups_are_given_back_in_order() {
    let sqs = SqsEndpoint::start().await;
    let url = sqs.queue("orders.fifo").create();
    send(&client(&sqs), &url, Some("a"), 0..4).await;
    send(&client(&sqs), &url, Some("b"), 0..4).await;
    let first = opened(builder(&sqs, &url), 5).await;
    let in_hand = receive_one(&first).await;
    until("it has all", || depth(&sqs, "orders.fifo") == (0, 8)).await;
    close(&first).await;
    ack(&first, in_hand).await;
    until("the head is deleted", || {
        depth(&sqs, "orders.fifo") == (7, 0)
    })
    .await;
    let second = opened(builder(&sqs, &url), 5).await;
    let mut seen = Vec::new();
    while seen.len() < 7 {
        let delivery = receive_one(&second).await;
        let group = delivery.lane.clone().unwrap();
        seen.push((group.name().clone(), body(&delivery)));
        ack(&second, delivery).await;
    }
    for group in ["a", "b"] {
        let of_group = seen
            .iter()
            .filter(|(name, _)| name.as_ref() == group.as_bytes());
        let numbers: Vec<&str> = of_group.map(|(_, number)| number.as_str()).collect();
        assert!(numbers.is_sorted(), "{group}: {numbers:?}");
    }
}

#[tokio::test]
async fn what_could_not_be_flushed_in_time_is_an_error() {
    let sqs = SqsEndpoint::start().await;
    let url = sqs.queue("orders").create();
    send(&client(&sqs), &url, None, 0..1).await;
    let source = opened(builder(&sqs, &url), 5).await;
    sqs.faults()
        .on(Action::DeleteMessageBatch)
        .always(Fault::Unavailable);
    ack(&source, receive_one(&source).await).await;
    let error = source.close(Instant::now() + SECOND).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Timeout);
    assert!(
        error
            .to_string()
            .starts_with("close aws_sqs:orders: 1 settlement"),
        "{error}"
    );
}

#[tokio::test]
async fn a_poll_that_outlasts_the_deadline_does_not_hold_closing_up() {
    let sqs = SqsEndpoint::start().await;
    let url = sqs.queue("orders").create();
    let source = opened(builder(&sqs, &url).wait_time(SECOND * 20), 5).await;
    until("it polls", || sqs.count(Action::ReceiveMessage) == 1).await;
    source.close(Instant::now() + SECOND / 2).await.unwrap();
    // The poll goes on: what it brings is given back.
    send(&client(&sqs), &url, None, 0..1).await;
    until("it is given back", || {
        sqs.count(Action::ChangeMessageVisibility) == 1
    })
    .await;
}

#[tokio::test]
async fn a_dropped_source_asks_for_nothing_more() {
    let sqs = SqsEndpoint::start().await;
    let url = sqs.queue("orders").create();
    let source = opened(builder(&sqs, &url), 5).await;
    until("it polls", || sqs.count(Action::ReceiveMessage) > 0).await;
    drop(source);
    let asked = sqs.count(Action::ReceiveMessage);
    tokio::time::sleep(Duration::from_millis(1500)).await;
    assert_eq!(sqs.count(Action::ReceiveMessage), asked);
}

#[tokio::test]
async fn a_source_that_was_never_opened_closes_and_hands_out_nothing() {
    let sqs = SqsEndpoint::start().await;
    let url = sqs.queue("orders").create();
    let source = builder(&sqs, &url).build().unwrap();
    assert_eq!(
        source.receive(1).await.unwrap_err().kind(),
        ErrorKind::Closed
    );
    close(&source).await;
}

#[tokio::test]
async fn settings_without_bounds_are_no_trouble() {
    let sqs = SqsEndpoint::start().await;
    let url = sqs.queue("orders").create();
    send(&client(&sqs), &url, None, 0..25).await;
    let unbounded = builder(&sqs, &url)
        .linger(Duration::MAX)
        .prefetch(usize::MAX)
        .max_receives(usize::MAX);
    let source = opened(unbounded, usize::MAX).await;
    let mut handled = 0;
    while handled < 25 {
        for delivery in receive(&source, usize::MAX).await {
            ack(&source, delivery).await;
            handled += 1;
        }
    }
    close(&source).await;
    assert_eq!(depth(&sqs, "orders"), (0, 0));
}
