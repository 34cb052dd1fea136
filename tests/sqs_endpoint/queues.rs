//! The actions on queues.

use std::time::Duration;

use aws_sdk_sqs::types::QueueAttributeName::{self, All};
use tracehop::testing::sqs::{Depth, SqsEndpoint};

use crate::support::{receive, refusal, send, standard, strict_client};

#[tokio::test]
async fn a_queue_that_does_not_exist_is_a_typed_error() {
    let (sqs, client, _) = standard().await;
    let url = format!("{}/000000000000/nowhere", sqs.url());
    let send = client.send_message().queue_url(&url).message_body("body");
    let error = send.send().await.unwrap_err().into_service_error();
    assert!(error.is_queue_does_not_exist());
    let error = client.receive_message().queue_url(&url).send().await;
    assert!(
        error
            .unwrap_err()
            .into_service_error()
            .is_queue_does_not_exist()
    );
    let error = client.get_queue_url().queue_name("nowhere").send().await;
    assert!(
        error
            .unwrap_err()
            .into_service_error()
            .is_queue_does_not_exist()
    );
    let delete = client.delete_message_batch().queue_url(&url);
    let entry = aws_sdk_sqs::types::DeleteMessageBatchRequestEntry::builder()
        .id("1")
        .receipt_handle("x");
    let error = delete.entries(entry.build().unwrap()).send().await;
    assert!(
        error
            .unwrap_err()
            .into_service_error()
            .is_queue_does_not_exist()
    );
    assert_eq!(sqs.depth("nowhere"), None);
}

#[tokio::test]
async fn a_queue_is_made_found_and_deleted_over_the_wire() {
    let sqs = SqsEndpoint::start().await;
    let client = strict_client(&sqs);
    let create = |name: &str| client.create_queue().queue_name(name);
    let made = create("orders").send().await.unwrap();
    let url = made.queue_url().unwrap();
    assert_eq!(url, format!("{}/000000000000/orders", sqs.url()));
    create("other").send().await.unwrap();
    let found = client.get_queue_url().queue_name("orders").send().await;
    assert_eq!(found.unwrap().queue_url(), Some(url));
    let list = |prefix: Option<&str>| {
        let prefix = prefix.map(str::to_owned);
        client.list_queues().set_queue_name_prefix(prefix).send()
    };
    assert_eq!(list(None).await.unwrap().queue_urls().len(), 2);
    assert_eq!(list(Some("ord")).await.unwrap().queue_urls(), [url]);
    client.delete_queue().queue_url(url).send().await.unwrap();
    assert_eq!(list(Some("ord")).await.unwrap().queue_urls().len(), 0);
}

#[tokio::test]
async fn making_a_queue_again_is_harmless_with_the_same_attributes_only() {
    let sqs = SqsEndpoint::start().await;
    let client = strict_client(&sqs);
    let create = |delay: &str| {
        let create = client.create_queue().queue_name("orders");
        create
            .attributes(QueueAttributeName::DelaySeconds, delay)
            .send()
    };
    create("5").await.unwrap();
    create("5").await.unwrap();
    let plain = client.create_queue().queue_name("orders").send().await;
    plain.unwrap();
    let error = create("6").await.unwrap_err().into_service_error();
    assert_eq!(
        error.meta().message(),
        Some(
            "A queue already exists with the same name and a different value for attribute \
             DelaySeconds"
        )
    );
    assert!(error.is_queue_name_exists());
}

#[tokio::test]
async fn names_and_attributes_are_checked() {
    let sqs = SqsEndpoint::start().await;
    let client = strict_client(&sqs);
    let too_long = "x".repeat(81);
    for name in ["", "a b", "a.b", "ä", "orders.fifo", ".fifo", &too_long] {
        let (code, _) = refusal(client.create_queue().queue_name(name).send().await);
        assert_eq!(code, "InvalidParameterValue", "{name}");
    }
    for (name, value, code) in [
        ("VisibilityTimeout", "43201", "InvalidAttributeValue"),
        ("DelaySeconds", "901", "InvalidAttributeValue"),
        ("MaximumMessageSize", "1023", "InvalidAttributeValue"),
        ("MaximumMessageSize", "1048577", "InvalidAttributeValue"),
        ("MessageRetentionPeriod", "59", "InvalidAttributeValue"),
        (
            "ReceiveMessageWaitTimeSeconds",
            "21",
            "InvalidAttributeValue",
        ),
        (
            "ReceiveMessageWaitTimeSeconds",
            "x",
            "InvalidAttributeValue",
        ),
        ("FifoQueue", "true", "InvalidAttributeName"),
        ("ContentBasedDeduplication", "true", "InvalidAttributeName"),
        ("Colour", "red", "InvalidAttributeName"),
    ] {
        let create = client.create_queue().queue_name("orders");
        let create = create.attributes(name.into(), value).send();
        assert_eq!(refusal(create.await).0, code, "{name}={value}");
    }
}

#[tokio::test]
async fn attributes_are_shown_by_name_and_can_be_changed() {
    let (_sqs, client, url) = standard().await;
    send(&client, &url, "in flight").await;
    assert_eq!(receive(&client, &url).await.len(), 1);
    send(&client, &url, "visible").await;
    let get = |name| {
        let get = client.get_queue_attributes().queue_url(&url);
        get.attribute_names(name).send()
    };
    let all = get(All).await.unwrap().attributes.unwrap();
    for (name, value) in [
        ("ApproximateNumberOfMessages", "1"),
        ("ApproximateNumberOfMessagesNotVisible", "1"),
        ("ApproximateNumberOfMessagesDelayed", "0"),
        ("DelaySeconds", "0"),
        ("MaximumMessageSize", "1048576"),
        ("MessageRetentionPeriod", "345600"),
        ("QueueArn", "arn:aws:sqs:us-east-1:000000000000:orders"),
        ("ReceiveMessageWaitTimeSeconds", "0"),
        ("VisibilityTimeout", "30"),
    ] {
        assert_eq!(all[&name.into()], value, "{name}");
    }
    let set = client.set_queue_attributes().queue_url(&url);
    let set = set.attributes(QueueAttributeName::VisibilityTimeout, "5");
    set.send().await.unwrap();
    let one = get(QueueAttributeName::VisibilityTimeout).await.unwrap();
    let one = one.attributes.unwrap();
    assert_eq!(one.len(), 1);
    assert_eq!(one[&QueueAttributeName::VisibilityTimeout], "5");
}

#[tokio::test]
async fn a_purge_leaves_nothing() {
    let (sqs, client, url) = standard().await;
    for body in ["1", "2"] {
        send(&client, &url, body).await;
    }
    let one = client.receive_message().queue_url(&url).send().await;
    let held = one.unwrap().messages.unwrap().remove(0);
    client.purge_queue().queue_url(&url).send().await.unwrap();
    assert_eq!(sqs.depth("orders").unwrap(), Depth::default());
    crate::support::delete(&client, &url, &held).await;
    sqs.advance(Duration::from_hours(1));
    assert_eq!(receive(&client, &url).await.len(), 0);
}

#[tokio::test]
async fn an_action_that_is_left_out_is_a_typed_error() {
    let (_sqs, client, url) = standard().await;
    let tags = client.list_queue_tags().queue_url(&url).send().await;
    let error = tags.unwrap_err().into_service_error();
    assert!(error.is_unsupported_operation());
}

#[tokio::test]
async fn a_builder_makes_what_create_queue_would() {
    let sqs = SqsEndpoint::start().await;
    let client = strict_client(&sqs);
    let url = sqs
        .queue("orders.fifo")
        .content_based_deduplication()
        .visibility_timeout(Duration::from_mins(2))
        .create();
    let found = client.get_queue_url().queue_name("orders.fifo").send();
    assert_eq!(found.await.unwrap().queue_url(), Some(url.as_str()));
    assert_eq!(sqs.depth(&url), Some(Depth::default()));
    assert_eq!(sqs.total_count(), 1);
}

#[tokio::test]
#[should_panic(expected = "InvalidAttributeValue: Invalid value for the parameter DelaySeconds.")]
async fn a_builder_panics_in_the_words_of_sqs() {
    let sqs = SqsEndpoint::start().await;
    sqs.queue("orders").delay(Duration::from_hours(1)).create();
}
