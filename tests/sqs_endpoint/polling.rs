//! Long polls and delays.

use std::time::Duration;

use tokio::time::timeout;
use tracehop::testing::sqs::Action;

use crate::support::{
    LIMIT, bodies, change_visibility, delete, fifo, receive, refusal, send, send_to_group,
    standard, strict_client, until,
};

#[tokio::test]
async fn a_send_ends_a_long_poll_at_once() {
    let (sqs, client, url) = standard().await;
    let poll = client.receive_message().queue_url(&url);
    let poll = tokio::spawn(poll.wait_time_seconds(20).send());
    until(|| sqs.count(Action::ReceiveMessage) == 1).await;
    send(&client, &url, "body").await;
    let received = timeout(Duration::from_secs(15), poll).await;
    let received = received.expect("before its time is over").unwrap().unwrap();
    assert_eq!(bodies(received.messages()), ["body"]);
}

#[tokio::test]
async fn a_poll_whose_client_hung_up_takes_nothing() {
    let (sqs, client, url) = standard().await;
    for round in 1..=20 {
        let poll = strict_client(&sqs).receive_message().queue_url(&url);
        let poll = tokio::spawn(poll.wait_time_seconds(20).send());
        until(|| sqs.count(Action::ReceiveMessage) == 2 * round - 1).await;
        poll.abort();
        assert!(poll.await.unwrap_err().is_cancelled());
        send(&client, &url, "body").await;
        let message = receive(&client, &url).await.remove(0);
        delete(&client, &url, &message).await;
    }
}

#[tokio::test]
async fn a_long_poll_ends_empty_after_its_time() {
    let (sqs, client, url) = standard().await;
    let poll = client.receive_message().queue_url(&url);
    let poll = tokio::spawn(poll.wait_time_seconds(20).send());
    until(|| sqs.count(Action::ReceiveMessage) == 1).await;
    // The poll is counted before its time starts, so one move could come too early.
    let received = async {
        while !poll.is_finished() {
            sqs.advance(Duration::from_secs(20));
            tokio::task::yield_now().await;
        }
        poll.await.unwrap().unwrap()
    };
    let received = timeout(LIMIT, received).await.unwrap();
    assert_eq!(received.messages().len(), 0);
}

#[tokio::test]
async fn the_queue_says_how_long_a_poll_waits_that_does_not_say_it() {
    let (sqs, client, _) = standard().await;
    let queue = sqs.queue("patient");
    let url = queue
        .attribute("ReceiveMessageWaitTimeSeconds", "20")
        .create();
    let poll = tokio::spawn(client.receive_message().queue_url(&url).send());
    until(|| sqs.count(Action::ReceiveMessage) == 1).await;
    send(&client, &url, "body").await;
    assert_eq!(poll.await.unwrap().unwrap().messages().len(), 1);
}

#[tokio::test]
async fn a_message_that_becomes_visible_again_ends_a_long_poll() {
    let (sqs, client, url) = standard().await;
    send(&client, &url, "body").await;
    let message = receive(&client, &url).await.remove(0);
    let poll = || {
        let poll = client.receive_message().queue_url(&url);
        tokio::spawn(poll.wait_time_seconds(20).visibility_timeout(15).send())
    };
    let given_back = poll();
    until(|| sqs.count(Action::ReceiveMessage) == 2).await;
    change_visibility(&client, &url, &message, 0).await;
    assert_eq!(given_back.await.unwrap().unwrap().messages().len(), 1);

    let expired = poll();
    until(|| sqs.count(Action::ReceiveMessage) == 3).await;
    sqs.advance(Duration::from_secs(15));
    assert_eq!(expired.await.unwrap().unwrap().messages().len(), 1);
}

#[tokio::test]
async fn a_poll_sees_the_end_of_a_lease_that_began_while_it_waited() {
    let (sqs, client, url) = standard().await;
    let first = client.receive_message().queue_url(&url);
    let first = tokio::spawn(first.wait_time_seconds(20).visibility_timeout(1).send());
    let second = client.receive_message().queue_url(&url);
    let second = tokio::spawn(second.wait_time_seconds(20).visibility_timeout(1).send());
    until(|| sqs.count(Action::ReceiveMessage) == 2).await;
    send(&client, &url, "body").await;
    let both = async { (first.await.unwrap(), second.await.unwrap()) };
    let (first, second) = timeout(LIMIT, both).await.unwrap();
    for received in [first.unwrap(), second.unwrap()] {
        assert_eq!(bodies(received.messages()), ["body"]);
    }
}

#[tokio::test]
async fn a_deletion_unblocks_a_poll_on_its_group() {
    let (sqs, client, url) = fifo().await;
    for body in ["1", "2"] {
        send_to_group(&client, &url, "g", body).await;
    }
    let one = client.receive_message().queue_url(&url).send().await;
    let first = one.unwrap().messages.unwrap().remove(0);
    let poll = client.receive_message().queue_url(&url);
    let poll = tokio::spawn(poll.wait_time_seconds(20).send());
    until(|| sqs.count(Action::ReceiveMessage) == 2).await;
    delete(&client, &url, &first).await;
    assert_eq!(bodies(poll.await.unwrap().unwrap().messages()), ["2"]);
}

#[tokio::test]
async fn a_poll_on_a_queue_that_is_deleted_says_so() {
    let (sqs, client, url) = standard().await;
    let poll = client.receive_message().queue_url(&url);
    let poll = tokio::spawn(poll.wait_time_seconds(20).send());
    until(|| sqs.count(Action::ReceiveMessage) == 1).await;
    client.delete_queue().queue_url(&url).send().await.unwrap();
    let error = poll.await.unwrap().unwrap_err().into_service_error();
    assert!(error.is_queue_does_not_exist());
}

#[tokio::test]
async fn a_delayed_message_waits_for_its_time() {
    let (sqs, client, _) = standard().await;
    let url = sqs.queue("late").delay(Duration::from_secs(10)).create();
    send(&client, &url, "queue's").await;
    let own = client.send_message().queue_url(&url).message_body("own");
    own.delay_seconds(20).send().await.unwrap();
    let none = client.send_message().queue_url(&url).message_body("none");
    none.delay_seconds(0).send().await.unwrap();
    assert_eq!(sqs.depth("late").unwrap().delayed, 2);
    assert_eq!(bodies(&receive(&client, &url).await), ["none"]);
    sqs.advance(Duration::from_secs(10));
    assert_eq!(bodies(&receive(&client, &url).await), ["queue's"]);
    sqs.advance(Duration::from_secs(10));
    assert_eq!(bodies(&receive(&client, &url).await), ["own"]);
}

#[tokio::test]
async fn a_receive_asks_for_one_to_ten_messages_and_twenty_seconds_at_most() {
    let (_sqs, client, url) = standard().await;
    for count in 0..3 {
        send(&client, &url, &count.to_string()).await;
    }
    let receive = || client.receive_message().queue_url(&url);
    assert_eq!(receive().send().await.unwrap().messages().len(), 1);
    for most in [0, 11] {
        let (code, message) = refusal(receive().max_number_of_messages(most).send().await);
        assert_eq!(code, "InvalidParameterValue");
        assert_eq!(
            message,
            format!(
                "Value {most} for parameter MaxNumberOfMessages is invalid. Reason: Must be \
                 between 1 and 10, if provided."
            )
        );
    }
    for wait in [-1, 21] {
        let (code, _) = refusal(receive().wait_time_seconds(wait).send().await);
        assert_eq!(code, "InvalidParameterValue");
    }
}
