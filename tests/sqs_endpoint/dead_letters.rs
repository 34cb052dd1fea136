//! Redrive to a dead-letter queue.

use std::time::Duration;

use aws_sdk_sqs::types::{MessageSystemAttributeNameForSends, MessageSystemAttributeValue};
use tracehop::testing::sqs::SqsEndpoint;

use crate::support::{
    bodies, change_visibility, receive, refusal, send, send_to_group, strict_client, text,
};

const HEADER: &str = "Root=1-5759e988-bd862e3fe1be46a994272793;Parent=53995c3f42cd8ad8;Sampled=1";

#[tokio::test]
async fn a_message_received_too_often_moves_with_all_it_has() {
    let sqs = SqsEndpoint::start().await;
    let client = strict_client(&sqs);
    let dead = sqs.queue("dead").create();
    let url = sqs.queue("orders").redrive("dead", 2).create();
    let header = MessageSystemAttributeValue::builder()
        .data_type("String")
        .string_value(HEADER)
        .build()
        .unwrap();
    client
        .send_message()
        .queue_url(&url)
        .message_body("body")
        .message_attributes("tenant", text("a"))
        .message_system_attributes(MessageSystemAttributeNameForSends::AwsTraceHeader, header)
        .send()
        .await
        .unwrap();
    let mut last = None;
    for _ in 0..2 {
        let message = receive(&client, &url).await.remove(0);
        change_visibility(&client, &url, &message, 0).await;
        last = Some(message);
    }
    let last = last.unwrap();
    // As on AWS it is the next receive that moves it.
    assert_eq!(receive(&client, &dead).await.len(), 0);
    sqs.advance(Duration::from_mins(1));
    assert_eq!(receive(&client, &url).await.len(), 0);

    let moved = receive(&client, &dead).await.remove(0);
    assert_eq!(moved.message_id(), last.message_id());
    assert_eq!(moved.body(), Some("body"));
    assert_eq!(moved.message_attributes(), last.message_attributes());
    let (before, after) = (last.attributes().unwrap(), moved.attributes().unwrap());
    for kept in [
        "AWSTraceHeader",
        "SentTimestamp",
        "ApproximateFirstReceiveTimestamp",
    ] {
        assert_eq!(after[&kept.into()], before[&kept.into()], "{kept}");
    }
    assert_eq!(after[&"AWSTraceHeader".into()], HEADER);
    assert_eq!(after[&"ApproximateReceiveCount".into()], "3");
    assert_eq!(
        after[&"DeadLetterQueueSourceArn".into()],
        "arn:aws:sqs:us-east-1:000000000000:orders"
    );
    assert!(!before.contains_key(&"DeadLetterQueueSourceArn".into()));
}

#[tokio::test]
async fn a_receive_passes_over_a_dead_message_to_the_next() {
    let sqs = SqsEndpoint::start().await;
    let client = strict_client(&sqs);
    let dead = sqs
        .queue("dead.fifo")
        .content_based_deduplication()
        .create();
    let queue = sqs.queue("orders.fifo").content_based_deduplication();
    let url = queue.redrive("dead.fifo", 1).create();
    for body in ["poison", "good"] {
        send_to_group(&client, &url, "g", body).await;
    }
    let one = || client.receive_message().queue_url(&url).send();
    let poison = one().await.unwrap().messages.unwrap().remove(0);
    change_visibility(&client, &url, &poison, 0).await;
    assert_eq!(bodies(one().await.unwrap().messages()), ["good"]);
    let moved = receive(&client, &dead).await;
    assert_eq!(bodies(&moved), ["poison"]);
    let attributes = moved[0].attributes().unwrap();
    assert_eq!(attributes[&"MessageGroupId".into()], "g");
}

#[tokio::test]
async fn a_dead_letter_queue_exists_and_is_of_the_same_type() {
    let sqs = SqsEndpoint::start().await;
    let client = strict_client(&sqs);
    sqs.queue("dead").create();
    let create = |name: &str, policy: &str| {
        let create = client.create_queue().queue_name(name);
        let create = create.attributes("RedrivePolicy".into(), policy);
        if name == "orders.fifo" {
            create.attributes("FifoQueue".into(), "true").send()
        } else {
            create.send()
        }
    };
    let policy = |queue: &str, count: &str| {
        format!(
            r#"{{"deadLetterTargetArn":"arn:aws:sqs:us-east-1:000000000000:{queue}","maxReceiveCount":{count}}}"#
        )
    };
    for (name, policy) in [
        ("orders", policy("nowhere", "3")),
        ("orders.fifo", policy("dead", "3")),
        ("orders", policy("dead", "0")),
        ("orders", policy("dead", "1001")),
        ("orders", "{".to_owned()),
        ("orders", "{}".to_owned()),
    ] {
        let (code, _) = refusal(create(name, &policy).await);
        assert_eq!(code, "InvalidParameterValue", "{policy}");
    }
    // AWS's own tools write the count as text.
    create("orders", &policy("dead", "\"3\"")).await.unwrap();
}

#[tokio::test]
async fn a_message_stays_where_its_dead_letter_queue_is_gone() {
    let sqs = SqsEndpoint::start().await;
    let client = strict_client(&sqs);
    let dead = sqs.queue("dead").create();
    let queue = sqs.queue("orders").visibility_timeout(Duration::ZERO);
    let url = queue.redrive("dead", 1).create();
    client.delete_queue().queue_url(dead).send().await.unwrap();
    send(&client, &url, "body").await;
    for _ in 0..3 {
        assert_eq!(receive(&client, &url).await.len(), 1);
    }
}
