//! What a receive shows, and the digests.

use std::collections::BTreeSet;
use std::time::Duration;

use aws_sdk_sqs::Client;
use aws_sdk_sqs::primitives::Blob;
use aws_sdk_sqs::types::{
    Message, MessageAttributeValue, MessageSystemAttributeNameForSends, MessageSystemAttributeValue,
};
use tracehop::testing::sqs::SqsEndpoint;

use crate::support::{receive, refusal, send, standard, strict_client, text};

/// A queue whose one message is visible at all times, so that it can be looked at again and again.
async fn looked_at() -> (SqsEndpoint, Client, String) {
    let sqs = SqsEndpoint::start().await;
    let client = strict_client(&sqs);
    let queue = sqs.queue("orders").visibility_timeout(Duration::ZERO);
    let url = queue.create();
    client
        .send_message()
        .queue_url(&url)
        .message_body("msg")
        .message_attributes("Hello", text("There"))
        .message_attributes("General", text("Kenobi"))
        .message_attributes("Help.Me", text("Me"))
        .send()
        .await
        .unwrap();
    (sqs, client, url)
}

/// The attributes that are shown for these names, and their digest.
async fn attributes(client: &Client, url: &str, names: &[&str]) -> (Vec<String>, Option<String>) {
    let names = names.iter().map(|&it| it.to_owned()).collect();
    let receive = client.receive_message().queue_url(url);
    let received = receive.set_message_attribute_names(Some(names)).send();
    let message = received.await.unwrap().messages.unwrap().remove(0);
    let shown = message.message_attributes.unwrap_or_default();
    let shown: BTreeSet<_> = shown.into_keys().collect();
    let digest = message.md5_of_message_attributes;
    (shown.into_iter().collect(), digest)
}

#[tokio::test]
async fn message_attributes_are_shown_by_name_by_prefix_or_all() {
    let (_sqs, client, url) = looked_at().await;
    // The digests are those that AWS returned for this message and these names.
    let all = (
        vec![
            "General".to_owned(),
            "Hello".to_owned(),
            "Help.Me".to_owned(),
        ],
        Some("4c360f3fdafd970e05fae2f149d997f5".to_owned()),
    );
    let some = |names: &[&str], digest: &str| {
        let names = names.iter().map(|&it| it.to_owned()).collect();
        (names, Some(digest.to_owned()))
    };
    let none = (Vec::new(), None);
    for (names, shown) in [
        (&["All"][..], &all),
        (&[".*"], &all),
        (&[], &none),
        (&["Foo", "Help"], &none),
        (
            &["Hello", "General"],
            &some(&["General", "Hello"], "fca026605781cb4126a1e9044df24232"),
        ),
        (
            &["Foo", "Hello"],
            &some(&["Hello"], "a311262e065454b75da111d535b8dacd"),
        ),
        (
            &["Hel.*"],
            &some(&["Hello", "Help.Me"], "83fee93c1bcd8b9a5a923ffacdc636c7"),
        ),
    ] {
        assert_eq!(&attributes(&client, &url, names).await, shown, "{names:?}");
    }
}

#[tokio::test]
async fn system_attributes_are_shown_only_when_they_are_asked_for() {
    let (_sqs, client, url) = looked_at().await;
    let receive = || client.receive_message().queue_url(&url);
    let names = |message: Message| {
        let shown = message.attributes.unwrap_or_default();
        let names: BTreeSet<_> = shown.keys().map(|it| it.as_str().to_owned()).collect();
        names.into_iter().collect::<Vec<_>>()
    };
    let none = receive().send().await.unwrap().messages.unwrap();
    assert_eq!(names(none.into_iter().next().unwrap()), [""; 0]);
    let everything = [
        "ApproximateFirstReceiveTimestamp",
        "ApproximateReceiveCount",
        "SenderId",
        "SentTimestamp",
    ];
    #[expect(deprecated, reason = "older clients ask by the older parameter")]
    for receive in [
        receive().message_system_attribute_names("All".into()),
        receive().attribute_names("All".into()),
    ] {
        let mut all = receive.send().await.unwrap().messages.unwrap();
        assert_eq!(names(all.remove(0)), everything);
    }
    let some = receive()
        .message_system_attribute_names("SenderId".into())
        .message_system_attribute_names("AWSTraceHeader".into());
    let mut some = some.send().await.unwrap().messages.unwrap();
    assert_eq!(names(some.remove(0)), ["SenderId"]);
    let unknown = receive().message_system_attribute_names("Sender".into());
    let (code, message) = refusal(unknown.send().await);
    assert_eq!(code, "InvalidAttributeName");
    assert_eq!(message, "Unknown Attribute Sender.");
}

#[tokio::test]
async fn timestamps_follow_the_endpoints_clock() {
    let (sqs, client, url) = standard().await;
    send(&client, &url, "body").await;
    sqs.advance(Duration::from_secs(7));
    let message = receive(&client, &url).await.remove(0);
    let attributes = message.attributes().unwrap();
    let millis = |name: &str| attributes[&name.into()].parse::<u64>().unwrap();
    let waited = millis("ApproximateFirstReceiveTimestamp") - millis("SentTimestamp");
    assert!((7000..12_000).contains(&waited), "{waited}");
    let now = std::time::UNIX_EPOCH.elapsed().unwrap().as_millis();
    assert!(now.abs_diff(millis("SentTimestamp").into()) < 5000);
}

#[tokio::test]
async fn a_send_answers_with_the_digests_of_body_and_attributes_and_trace_header() {
    let (_sqs, client, url) = standard().await;
    let bytes = b"traceparent\x1e00-774062d6c37081a5a0b9b5b88e30627c-2d2482211f6489da-01";
    let binary = MessageAttributeValue::builder()
        .data_type("Binary")
        .binary_value(Blob::new(bytes))
        .build()
        .unwrap();
    let header = MessageSystemAttributeValue::builder()
        .data_type("String")
        .string_value("Root=1-5759e988-bd862e3fe1be46a994272793;Parent=53995c3f42cd8ad8;Sampled=1")
        .build()
        .unwrap();
    let message = || client.send_message().queue_url(&url).message_body("test");
    let plain = message().send().await.unwrap();
    // The digests below, but the last, were returned by AWS itself.
    let body = Some("098f6bcd4621d373cade4e832627b4f6");
    assert_eq!(plain.md5_of_message_body(), body);
    assert_eq!(plain.md5_of_message_attributes(), None);
    assert_eq!(plain.md5_of_message_system_attributes(), None);
    let sent = message()
        .message_attributes("attr1", binary.clone())
        .message_system_attributes(MessageSystemAttributeNameForSends::AwsTraceHeader, header)
        .send()
        .await
        .unwrap();
    let attributes = Some("8cbe4db156db8a94db8b801b7addb984");
    assert_eq!(sent.md5_of_message_attributes(), attributes);
    // By the published steps, with Python's hashlib.
    let system = Some("5ae4d5d7636402d80f4eb6d213245a88");
    assert_eq!(sent.md5_of_message_system_attributes(), system);

    let received = receive(&client, &url).await;
    assert_eq!(received[1].md5_of_body(), body);
    assert_eq!(received[1].md5_of_message_attributes(), attributes);
    let shown = received[1].message_attributes().unwrap();
    assert_eq!(shown["attr1"], binary);
}
