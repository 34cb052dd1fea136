//! Batches: what fails one entry, and what fails all.

use aws_sdk_sqs::operation::send_message_batch::SendMessageBatchError;
use aws_sdk_sqs::types::{
    BatchResultErrorEntry, ChangeMessageVisibilityBatchRequestEntry,
    DeleteMessageBatchRequestEntry, SendMessageBatchRequestEntry,
};

use tracehop::testing::sqs::Depth;

use crate::support::{bodies, fifo, receive, refusal, send, standard, text};

fn entry(id: &str, body: &str) -> SendMessageBatchRequestEntry {
    SendMessageBatchRequestEntry::builder()
        .id(id)
        .message_body(body)
        .build()
        .unwrap()
}

fn ids(failed: &[BatchResultErrorEntry]) -> Vec<(&str, &str, bool)> {
    failed
        .iter()
        .map(|it| (it.id(), it.code(), it.sender_fault()))
        .collect()
}

#[tokio::test]
async fn an_entry_that_is_refused_fails_alone() {
    let (_sqs, client, url) = standard().await;
    let mut crowded = entry("crowded", "body");
    crowded.message_attributes = Some((0..11).map(|n| (format!("a{n}"), text("v"))).collect());
    let sent = client
        .send_message_batch()
        .queue_url(&url)
        .entries(entry("good", "body"))
        .entries(crowded)
        .entries(entry("odd", "\0"))
        .entries(entry("empty", ""))
        .send()
        .await
        .unwrap();
    assert_eq!(
        ids(sent.failed()),
        [
            ("crowded", "InvalidParameterValue", true),
            ("odd", "InvalidMessageContents", true),
            ("empty", "MissingParameter", true)
        ]
    );
    assert!(sent.failed()[0].message().unwrap().contains("[11]"));
    assert_eq!(sent.successful().len(), 1);
    assert_eq!(sent.successful()[0].id(), "good");
    assert_eq!(receive(&client, &url).await.len(), 1);
}

#[tokio::test]
async fn an_entry_above_the_queues_maximum_fails_alone() {
    let (sqs, client, _) = standard().await;
    let url = sqs.queue("small").maximum_message_size(1024).create();
    let sent = client
        .send_message_batch()
        .queue_url(&url)
        .entries(entry("fits", &"x".repeat(1024)))
        .entries(entry("does-not", &"x".repeat(1025)))
        .send()
        .await
        .unwrap();
    assert_eq!(
        ids(sent.failed()),
        [("does-not", "InvalidParameterValue", true)]
    );
    assert_eq!(sent.successful().len(), 1);
}

#[tokio::test]
async fn the_messages_of_a_batch_share_one_mebibyte() {
    let (_sqs, client, url) = standard().await;
    let batch = |last: usize| {
        let half = "x".repeat(524_288);
        let mut second = entry("2", &half[..524_288 - 14 - last]);
        // "key" + "String" + "value"
        let attributes = [("key".to_owned(), text("value"))];
        second.message_attributes = Some(attributes.into());
        let send = client.send_message_batch().queue_url(&url);
        send.entries(entry("1", &half)).entries(second).send()
    };
    let whole = batch(0).await.unwrap();
    assert_eq!(whole.successful().len(), 2);

    let third = client
        .send_message_batch()
        .queue_url(&url)
        .entries(entry("1", &"x".repeat(524_288)))
        .entries(entry("2", &"x".repeat(524_288)))
        .entries(entry("3", "x"))
        .send();
    let error = third.await.unwrap_err().into_service_error();
    assert_eq!(
        error.meta().message(),
        Some("Batch requests cannot be longer than 1048576 bytes. You have sent 1048577 bytes.")
    );
    assert!(matches!(
        error,
        SendMessageBatchError::BatchRequestTooLong(_)
    ));
    assert_eq!(receive(&client, &url).await.len(), 2);
}

#[tokio::test]
async fn ids_that_break_the_rules_fail_the_whole_batch() {
    let (_sqs, client, url) = standard().await;
    let batch = |ids: Vec<String>| {
        let entries = ids.iter().map(|id| entry(id, "body")).collect();
        let send = client.send_message_batch().queue_url(&url);
        send.set_entries(Some(entries)).send()
    };
    let none = batch(Vec::new()).await.unwrap_err().into_service_error();
    assert!(matches!(none, SendMessageBatchError::EmptyBatchRequest(_)));

    let eleven = (0..11).map(|n| n.to_string()).collect();
    let many = batch(eleven).await.unwrap_err().into_service_error();
    assert!(matches!(
        many,
        SendMessageBatchError::TooManyEntriesInBatchRequest(_)
    ));

    let twice = batch(vec!["a".into(), "a".into()]).await;
    let twice = twice.unwrap_err().into_service_error();
    assert!(matches!(
        twice,
        SendMessageBatchError::BatchEntryIdsNotDistinct(_)
    ));

    for id in ["", "a b", "a.b", "ä", &"x".repeat(81)] {
        let bad = batch(vec![id.to_owned()]).await.unwrap_err();
        let bad = bad.into_service_error();
        assert!(
            matches!(bad, SendMessageBatchError::InvalidBatchEntryId(_)),
            "{id}"
        );
    }
    assert_eq!(receive(&client, &url).await.len(), 0);
    batch(vec!["x".repeat(80), "A-z_9".into()]).await.unwrap();
}

#[tokio::test]
async fn a_fifo_batch_with_an_entry_without_its_ids_fails_as_a_whole() {
    let (sqs, client, content) = fifo().await;
    let explicit = sqs.queue("explicit.fifo").create();
    let grouped = |id: &str| {
        let mut entry = entry(id, "body");
        entry.message_group_id = Some("g".to_owned());
        entry
    };
    for (url, second, code) in [
        (&content, entry("2", "other"), "MissingParameter"),
        (&explicit, grouped("2"), "InvalidParameterValue"),
    ] {
        let mut first = grouped("1");
        first.message_deduplication_id = Some("1".to_owned());
        let send = client.send_message_batch().queue_url(url);
        let result = send.entries(first).entries(second).send().await;
        assert_eq!(refusal(result).0, code);
        assert_eq!(receive(&client, url).await.len(), 0);
    }
}

#[tokio::test]
async fn a_fifo_batch_keeps_its_order() {
    let (_sqs, client, url) = fifo().await;
    let entries = (0..10).map(|n| {
        let mut entry = entry(&n.to_string(), &n.to_string());
        entry.message_group_id = Some("g".to_owned());
        entry
    });
    let send = client.send_message_batch().queue_url(&url);
    let send = send.set_entries(Some(entries.collect())).send();
    let result = send.await.unwrap();
    let numbers = result.successful().iter().map(|it| it.sequence_number());
    assert!(numbers.is_sorted());
    let order = ["0", "1", "2", "3", "4", "5", "6", "7", "8", "9"];
    assert_eq!(bodies(&receive(&client, &url).await), order);
}

#[tokio::test]
async fn a_batch_of_deletions_fails_only_where_the_receipt_is_bad() {
    let (sqs, client, url) = standard().await;
    send(&client, &url, "body").await;
    let message = receive(&client, &url).await.remove(0);
    let entry = |id: &str, receipt: &str| {
        DeleteMessageBatchRequestEntry::builder()
            .id(id)
            .receipt_handle(receipt)
            .build()
            .unwrap()
    };
    let deleted = client
        .delete_message_batch()
        .queue_url(&url)
        .entries(entry("bad", "garbage"))
        .entries(entry("good", message.receipt_handle().unwrap()))
        .send()
        .await
        .unwrap();
    assert_eq!(
        ids(deleted.failed()),
        [("bad", "ReceiptHandleIsInvalid", true)]
    );
    assert_eq!(deleted.successful()[0].id(), "good");
    assert_eq!(sqs.depth("orders").unwrap(), Depth::default());
}

#[tokio::test]
async fn a_batch_of_visibility_changes_fails_only_where_it_must() {
    let (_sqs, client, url) = standard().await;
    for body in ["1", "2", "3"] {
        send(&client, &url, body).await;
    }
    let messages = receive(&client, &url).await;
    crate::support::change_visibility(&client, &url, &messages[1], 0).await;
    let entry = |id: &str, position: usize, seconds| {
        ChangeMessageVisibilityBatchRequestEntry::builder()
            .id(id)
            .receipt_handle(messages[position].receipt_handle().unwrap())
            .set_visibility_timeout(seconds)
            .build()
            .unwrap()
    };
    let changed = client
        .change_message_visibility_batch()
        .queue_url(&url)
        .entries(entry("shown", 0, Some(0)))
        .entries(entry("not-in-flight", 1, Some(5)))
        .entries(entry("too-long", 2, Some(43_201)))
        .entries(entry("unsaid", 2, None))
        .send()
        .await
        .unwrap();
    assert_eq!(
        ids(changed.failed()),
        [
            (
                "not-in-flight",
                "AWS.SimpleQueueService.MessageNotInflight",
                true
            ),
            ("too-long", "InvalidParameterValue", true),
            ("unsaid", "MissingParameter", true)
        ]
    );
    assert_eq!(changed.successful()[0].id(), "shown");
    assert_eq!(bodies(&receive(&client, &url).await), ["2", "1"]);
}
