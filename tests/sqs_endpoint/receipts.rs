//! Receipts, visibility and redelivery.

use std::time::Duration;

use aws_sdk_sqs::operation::change_message_visibility::ChangeMessageVisibilityError;
use aws_sdk_sqs::operation::delete_message::DeleteMessageError;

use tracehop::testing::sqs::Depth;

use crate::support::{change_visibility, delete, fifo, receive, refusal, send, standard};

#[tokio::test]
async fn a_received_message_is_hidden_until_its_visibility_timeout() {
    let (sqs, client, url) = standard().await;
    send(&client, &url, "body").await;
    assert_eq!(receive(&client, &url).await.len(), 1);
    sqs.advance(Duration::from_secs(15));
    assert_eq!(receive(&client, &url).await.len(), 0);
    sqs.advance(Duration::from_secs(15));
    let again = receive(&client, &url).await;
    let attributes = again[0].attributes().unwrap();
    assert_eq!(attributes[&"ApproximateReceiveCount".into()], "2");
}

#[tokio::test]
async fn a_deleted_message_is_gone_and_may_be_deleted_twice() {
    let (sqs, client, url) = standard().await;
    send(&client, &url, "body").await;
    let message = receive(&client, &url).await.remove(0);
    delete(&client, &url, &message).await;
    delete(&client, &url, &message).await;
    sqs.advance(Duration::from_hours(1));
    assert_eq!(receive(&client, &url).await.len(), 0);
}

#[tokio::test]
async fn deleting_with_an_expired_receipt_answers_success_and_deletes_nothing() {
    let (sqs, client, url) = standard().await;
    send(&client, &url, "body").await;
    let stale = receive(&client, &url).await.remove(0);
    sqs.advance(Duration::from_secs(30));
    delete(&client, &url, &stale).await;
    let fresh = receive(&client, &url).await.remove(0);
    delete(&client, &url, &stale).await;
    assert_eq!(sqs.depth("orders").unwrap().in_flight, 1);
    delete(&client, &url, &fresh).await;
    assert_eq!(sqs.depth("orders").unwrap(), Depth::default());
}

#[tokio::test]
async fn a_fifo_queue_refuses_to_delete_with_an_expired_receipt() {
    let (sqs, client, url) = fifo().await;
    let body = client.send_message().queue_url(&url).message_body("body");
    body.message_group_id("g").send().await.unwrap();
    let stale = receive(&client, &url).await.remove(0);
    let receipt = stale.receipt_handle().unwrap();
    sqs.advance(Duration::from_secs(30));
    let delete = client.delete_message().queue_url(&url);
    let (code, message) = refusal(delete.receipt_handle(receipt).send().await);
    assert_eq!(code, "InvalidParameterValue");
    assert!(message.ends_with("Reason: The receipt handle has expired."));
}

#[tokio::test]
async fn a_receipt_that_was_never_given_is_invalid() {
    let (sqs, client, url) = standard().await;
    let other = sqs.queue("other").create();
    send(&client, &url, "body").await;
    let message = receive(&client, &url).await.remove(0);
    let elsewhere = message.receipt_handle().unwrap();
    for (url, receipt) in [(&url, "garbage"), (&url, ""), (&other, elsewhere)] {
        let delete = client.delete_message().queue_url(url);
        let error = delete.receipt_handle(receipt).send().await.unwrap_err();
        let error = error.into_service_error();
        let typed = matches!(error, DeleteMessageError::ReceiptHandleIsInvalid(_));
        assert!(typed, "{error:?}");
        let change = client.change_message_visibility().queue_url(url);
        let change = change.receipt_handle(receipt).visibility_timeout(1);
        let error = change.send().await.unwrap_err().into_service_error();
        let typed = matches!(
            error,
            ChangeMessageVisibilityError::ReceiptHandleIsInvalid(_)
        );
        assert!(typed, "{error:?}");
    }
}

#[tokio::test]
async fn a_visibility_timeout_counts_from_the_call_that_changes_it() {
    let (sqs, client, url) = standard().await;
    send(&client, &url, "body").await;
    let message = receive(&client, &url).await.remove(0);
    sqs.advance(Duration::from_secs(20));
    change_visibility(&client, &url, &message, 20).await;
    sqs.advance(Duration::from_secs(10));
    assert_eq!(receive(&client, &url).await.len(), 0);
    sqs.advance(Duration::from_secs(10));
    assert_eq!(receive(&client, &url).await.len(), 1);
}

#[tokio::test]
async fn a_visibility_timeout_of_zero_shows_the_message_at_once() {
    let (_sqs, client, url) = standard().await;
    send(&client, &url, "body").await;
    let message = receive(&client, &url).await.remove(0);
    change_visibility(&client, &url, &message, 0).await;
    assert_eq!(receive(&client, &url).await.len(), 1);
}

#[tokio::test]
async fn the_visibility_of_a_message_not_in_flight_cannot_be_changed() {
    let (sqs, client, url) = standard().await;
    send(&client, &url, "body").await;
    let stale = receive(&client, &url).await.remove(0);
    let change = || {
        let change = client.change_message_visibility().queue_url(&url);
        change
            .receipt_handle(stale.receipt_handle().unwrap())
            .visibility_timeout(10)
            .send()
    };
    sqs.advance(Duration::from_secs(30));
    let error = change().await.unwrap_err().into_service_error();
    assert!(matches!(
        error,
        ChangeMessageVisibilityError::MessageNotInflight(_)
    ));

    // Received by someone else, it is in flight, but not under the old receipt.
    let fresh = receive(&client, &url).await.remove(0);
    let error = change().await.unwrap_err().into_service_error();
    assert!(matches!(
        error,
        ChangeMessageVisibilityError::MessageNotInflight(_)
    ));

    delete(&client, &url, &fresh).await;
    let (code, message) = refusal(change().await);
    assert_eq!(code, "InvalidParameterValue");
    assert!(message.contains("Message does not exist or is not available"));
}

#[tokio::test]
async fn visibility_ends_twelve_hours_after_the_receive() {
    let (sqs, client, url) = standard().await;
    send(&client, &url, "body").await;
    let message = receive(&client, &url).await.remove(0);
    let change = |seconds| {
        let change = client.change_message_visibility().queue_url(&url);
        change
            .receipt_handle(message.receipt_handle().unwrap())
            .visibility_timeout(seconds)
            .send()
    };
    assert_eq!(refusal(change(43_201).await).0, "InvalidParameterValue");
    assert_eq!(refusal(change(-1).await).0, "InvalidParameterValue");
    sqs.advance(Duration::from_secs(10));
    let (code, text) = refusal(change(43_191).await);
    assert_eq!(code, "InvalidParameterValue");
    assert!(text.contains("Total VisibilityTimeout for the message is beyond the limit"));
    // The endpoint's clock runs on, so time is left for the call.
    change(43_000).await.unwrap();
}

#[tokio::test]
async fn a_receive_sets_its_own_visibility_timeout() {
    let (sqs, client, url) = standard().await;
    send(&client, &url, "body").await;
    let receive_for = |seconds| {
        let receive = client.receive_message().queue_url(&url);
        receive.visibility_timeout(seconds).send()
    };
    assert_eq!(receive_for(0).await.unwrap().messages().len(), 1);
    assert_eq!(receive_for(5).await.unwrap().messages().len(), 1);
    assert_eq!(receive_for(5).await.unwrap().messages().len(), 0);
    sqs.advance(Duration::from_secs(5));
    assert_eq!(receive_for(5).await.unwrap().messages().len(), 1);
    assert_eq!(
        refusal(receive_for(43_201).await).0,
        "InvalidParameterValue"
    );
}

#[tokio::test]
async fn a_message_leaves_the_queue_at_the_end_of_its_retention() {
    let (sqs, client, url) = standard().await;
    send(&client, &url, "body").await;
    sqs.advance(Duration::from_hours(96));
    assert_eq!(receive(&client, &url).await.len(), 0);
    assert_eq!(sqs.depth("orders").unwrap(), Depth::default());
}

#[tokio::test]
async fn a_message_that_keeps_coming_back_stands_behind_the_others() {
    let (_sqs, client, url) = standard().await;
    send(&client, &url, "poison").await;
    send(&client, &url, "good").await;
    let one = || client.receive_message().queue_url(&url).send();
    let poison = one().await.unwrap().messages.unwrap().remove(0);
    assert_eq!(poison.body(), Some("poison"));
    change_visibility(&client, &url, &poison, 0).await;
    let next = one().await.unwrap().messages.unwrap().remove(0);
    assert_eq!(next.body(), Some("good"));
}
