//! What a message may be.

use aws_sdk_sqs::operation::send_message::SendMessageError;
use aws_sdk_sqs::operation::send_message::builders::SendMessageFluentBuilder;
use aws_sdk_sqs::primitives::Blob;
use aws_sdk_sqs::types::{
    MessageAttributeValue, MessageSystemAttributeNameForSends, MessageSystemAttributeValue,
};
use tracehop::testing::sqs::SqsEndpoint;

use crate::support::{receive, refusal, standard, strict_client, text, typed};

async fn refused(send: SendMessageFluentBuilder) -> (String, String) {
    refusal(send.message_body("body").send().await)
}

#[tokio::test]
async fn eleven_attributes_are_refused_in_the_words_of_aws() {
    let (_sqs, client, url) = standard().await;
    let with = |count: usize| {
        let send = client.send_message().queue_url(&url);
        (0..count).fold(send, |send, n| {
            send.message_attributes(format!("a{n}"), text("v"))
        })
    };
    with(10).message_body("body").send().await.unwrap();
    assert_eq!(
        refused(with(11)).await,
        (
            "InvalidParameterValue".to_owned(),
            "Number of message attributes [11] exceeds the allowed maximum [10].".to_owned()
        )
    );
    assert_eq!(receive(&client, &url).await.len(), 1);
}

#[tokio::test]
async fn names_and_types_and_values_count_with_the_body() {
    let sqs = SqsEndpoint::start().await;
    let client = strict_client(&sqs);
    let url = sqs.queue("small").maximum_message_size(1024).create();
    // "key" + "String" + "value" are 14 bytes, "bin" + "Binary" + 3 bytes are 12.
    let binary = MessageAttributeValue::builder()
        .data_type("Binary")
        .binary_value(Blob::new([0, 1, 2]))
        .build()
        .unwrap();
    let send = |body: usize| {
        let send = client.send_message().queue_url(&url);
        send.message_body("x".repeat(body))
            .message_attributes("key", text("value"))
            .message_attributes("bin", binary.clone())
            .message_system_attributes(
                MessageSystemAttributeNameForSends::AwsTraceHeader,
                trace_header("String", HEADER),
            )
            .send()
    };
    send(1024 - 26).await.unwrap();
    assert_eq!(
        refusal(send(1024 - 25).await),
        (
            "InvalidParameterValue".to_owned(),
            "One or more parameters are invalid. Reason: Message must be shorter than 1024 bytes."
                .to_owned()
        )
    );
}

#[tokio::test]
async fn a_message_may_have_one_mebibyte_and_no_byte_more() {
    let (_sqs, client, url) = standard().await;
    let send = |bytes| {
        let send = client.send_message().queue_url(&url);
        send.message_body("x".repeat(bytes)).send()
    };
    send(1_048_576).await.unwrap();
    let (code, _) = refusal(send(1_048_577).await);
    assert_eq!(code, "InvalidParameterValue");
}

#[tokio::test]
async fn attribute_names_follow_the_rules_of_aws() {
    let (_sqs, client, url) = standard().await;
    let send = |name: &str| {
        let send = client.send_message().queue_url(&url);
        send.message_attributes(name, text("value"))
    };
    let longest = "n".repeat(256);
    for name in ["a", "A-b_c.9", "awsome", "_datadog", &longest] {
        send(name).message_body("body").send().await.unwrap();
    }
    let too_long = "n".repeat(257);
    for name in [
        "", ".a", "a.", "a..b", "a b", "ä", "a/b", "AWS.a", "aws.a", "Amazon.a", "aMaZon.a",
        &too_long,
    ] {
        let (code, message) = refused(send(name)).await;
        assert_eq!(code, "InvalidParameterValue", "{name:?}: {message}");
    }
}

#[tokio::test]
async fn attribute_values_are_not_empty_and_fit_their_type() {
    let (_sqs, client, url) = standard().await;
    let send = |value| {
        let send = client.send_message().queue_url(&url);
        send.message_attributes("name", value)
    };
    for value in [
        text("\t\u{10ffff}"),
        typed("String.uuid", "x"),
        typed("Number", "-1.5e3"),
        typed("Number.int", "7"),
    ] {
        send(value).message_body("body").send().await.unwrap();
    }
    let empty_binary = MessageAttributeValue::builder()
        .data_type("Binary")
        .binary_value(Blob::new([]));
    let text_in_binary = MessageAttributeValue::builder()
        .data_type("Binary")
        .string_value("text");
    for value in [
        text(""),
        text("\u{1}"),
        typed("Number", "seven"),
        typed("Number", "inf"),
        typed("", "x"),
        typed("string", "x"),
        typed("Stringly", "x"),
        typed("Boolean", "true"),
        typed(&format!("String.{}", "x".repeat(250)), "x"),
        empty_binary.build().unwrap(),
        text_in_binary.build().unwrap(),
    ] {
        let shown = format!("{value:?}");
        let (code, _) = refused(send(value)).await;
        assert_eq!(code, "InvalidParameterValue", "{shown}");
    }
}

#[tokio::test]
async fn a_body_is_there_and_has_only_allowed_characters() {
    let (_sqs, client, url) = standard().await;
    let send = |body: &str| {
        let send = client.send_message().queue_url(&url);
        send.message_body(body).send()
    };
    send("\t\n\r \u{d7ff}\u{e000}\u{fffd}\u{10000}")
        .await
        .unwrap();
    for body in ["\0", "a\u{b}", "\u{fffe}", "\u{ffff}"] {
        let error = send(body).await.unwrap_err().into_service_error();
        let typed = matches!(error, SendMessageError::InvalidMessageContents(_));
        assert!(typed, "{body:?}: {error:?}");
    }
    assert_eq!(
        refusal(send("").await),
        (
            "MissingParameter".to_owned(),
            "The request must contain the parameter MessageBody.".to_owned()
        )
    );
}

const HEADER: &str = "Root=1-5759e988-bd862e3fe1be46a994272793;Parent=53995c3f42cd8ad8;Sampled=1";

fn trace_header(data_type: &str, value: &str) -> MessageSystemAttributeValue {
    MessageSystemAttributeValue::builder()
        .data_type(data_type)
        .string_value(value)
        .build()
        .unwrap()
}

#[tokio::test]
async fn the_trace_header_is_the_only_system_attribute_and_must_be_one() {
    let (_sqs, client, url) = standard().await;
    let send = |name: &str, data_type, value| {
        let send = client.send_message().queue_url(&url);
        send.message_system_attributes(name.into(), trace_header(data_type, value))
    };
    let only_root = "Root=1-5759e988-bd862e3fe1be46a994272793";
    let lineage = format!("{HEADER};Lineage=a87bd80c:1|68fd508a:5");
    for value in [HEADER, only_root, &lineage] {
        let send = send("AWSTraceHeader", "String", value).message_body("body");
        send.send().await.unwrap();
    }
    for (name, data_type, value) in [
        ("SenderId", "String", HEADER),
        ("AWSTraceHeader", "Number", "1"),
        ("AWSTraceHeader", "String", ""),
        ("AWSTraceHeader", "String", "00-abc"),
        (
            "AWSTraceHeader",
            "String",
            "Parent=53995c3f42cd8ad8;Sampled=1",
        ),
        (
            "AWSTraceHeader",
            "String",
            "Root=1-5759e988-bd862e3fe1be46a9942727",
        ),
        (
            "AWSTraceHeader",
            "String",
            "Root=1-5759e988-bd862e3fe1be46a994272793;Parent=5",
        ),
    ] {
        let (code, _) = refused(send(name, data_type, value)).await;
        assert_eq!(code, "InvalidParameterValue", "{name} {value}");
    }
}

#[tokio::test]
async fn a_delay_is_at_most_fifteen_minutes() {
    let (_sqs, client, url) = standard().await;
    let send = |seconds| client.send_message().queue_url(&url).delay_seconds(seconds);
    send(900).message_body("body").send().await.unwrap();
    for seconds in [-1, 901] {
        let (code, _) = refused(send(seconds)).await;
        assert_eq!(code, "InvalidParameterValue", "{seconds}");
    }
}
