//! The same calls on LocalStack, a server of somebody else's.

use std::time::{SystemTime, UNIX_EPOCH};

use aws_sdk_sqs::config::{BehaviorVersion, Credentials, Region};
use aws_sdk_sqs::types::DeleteMessageBatchRequestEntry;
use opentelemetry::trace::TraceContextExt as _;
use tracehop::sqs::{MessageExt as _, SqsQueue, TraceInterceptor};
use tracehop::testing::Recorder;

use crate::batch::entry;
use crate::common;
use crate::support::{attribute, links, same};

#[tokio::test]
async fn a_batch_crosses_a_queue_with_its_traces() {
    let Some(endpoint) = common::localstack() else {
        return;
    };
    let recorder = Recorder::new();
    let instrumentation = recorder.instrumentation();
    let config = aws_sdk_sqs::Config::builder()
        .behavior_version(BehaviorVersion::v2026_01_12())
        .region(Region::from_static("us-east-1"))
        .credentials_provider(Credentials::new("test", "test", None, None, "test"))
        .endpoint_url(endpoint)
        .interceptor(TraceInterceptor::with(instrumentation.clone()))
        .build();
    let client = aws_sdk_sqs::Client::from_conf(config);
    let unique = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap()
        .as_nanos();
    let name = format!("client-{unique}");
    let answer = client
        .create_queue()
        .queue_name(&name)
        .send()
        .await
        .unwrap();
    let url = answer.queue_url().unwrap();
    let queue = SqsQueue::from_url(url)
        .unwrap()
        .instrumentation(instrumentation);

    let send = client.send_message_batch().queue_url(url);
    let send = send.entries(entry("a", "1")).entries(entry("b", "2"));
    assert_eq!(send.send().await.unwrap().successful().len(), 2);
    let mut messages = Vec::new();
    while messages.len() < 2 {
        let receive = client.receive_message().queue_url(url).wait_time_seconds(5);
        let received = receive.max_number_of_messages(10).send().await.unwrap();
        assert!(!received.messages().is_empty(), "a message is missing");
        messages.extend(received.messages.unwrap_or_default());
    }
    let spans = recorder.spans();
    let creates: Vec<_> = spans
        .iter()
        .filter(|span| span.name == format!("create {name}"))
        .collect();
    assert_eq!(creates.len(), 2);
    for message in &messages {
        let context = message.extract_context();
        let create = creates
            .iter()
            .find(|create| same(&create.span_context, context.span().span_context()));
        let id = attribute(create.unwrap(), "messaging.message.id");
        assert_eq!(id.as_deref(), message.message_id());
        message
            .process(&queue, async { Ok::<_, String>(()) })
            .await
            .unwrap();
    }
    let entries = messages.iter().enumerate().map(|(id, message)| {
        DeleteMessageBatchRequestEntry::builder()
            .id(id.to_string())
            .receipt_handle(message.receipt_handle().unwrap())
            .build()
            .unwrap()
    });
    let delete = client.delete_message_batch().queue_url(url);
    delete
        .set_entries(Some(entries.collect()))
        .send()
        .await
        .unwrap();

    let spans = recorder.spans();
    let processed: Vec<_> = spans
        .iter()
        .filter(|span| span.name == format!("process {name}"))
        .collect();
    assert_eq!(processed.len(), 2);
    for process in processed {
        let create = creates
            .iter()
            .find(|create| same(&create.span_context, &links(process)[0]));
        assert_eq!(
            process.parent_span_id,
            create.unwrap().span_context.span_id()
        );
    }
    let delete = recorder.span(&format!("delete {name}"));
    assert_eq!(attribute(&delete, "error.type"), None);
    client.delete_queue().queue_url(url).send().await.unwrap();
}
