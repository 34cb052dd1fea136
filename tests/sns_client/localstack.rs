//! From a topic to a queue, on LocalStack.

use aws_sdk_sns::config::{BehaviorVersion, Credentials, Region};
use aws_sdk_sns::types::PublishBatchRequestEntry;
use aws_sdk_sqs::types::{Message, MessageSystemAttributeName, QueueAttributeName};
use opentelemetry::trace::{SpanContext, TraceContextExt as _};
use tracehop::sqs::MessageExt as _;
use tracehop::testing::Recorder;

use crate::common;
use crate::support::trace_header;

/// A topic, and a queue that gets its messages as they are.
struct Fanout {
    recorder: Recorder,
    sns: aws_sdk_sns::Client,
    sqs: aws_sdk_sqs::Client,
    name: String,
    topic: String,
    queue: String,
}

impl Fanout {
    /// `None` where there is no LocalStack.
    async fn new() -> Option<Self> {
        let endpoint = common::localstack()?;
        let recorder = Recorder::new();
        let interceptor = tracehop::sns::TraceInterceptor::with(recorder.instrumentation());
        let sns = aws_sdk_sns::Config::builder()
            .behavior_version(BehaviorVersion::v2026_01_12())
            .region(Region::from_static("us-east-1"))
            .credentials_provider(Credentials::for_tests())
            .endpoint_url(&endpoint)
            .interceptor(interceptor)
            .build();
        let sns = aws_sdk_sns::Client::from_conf(sns);
        let interceptor = tracehop::sqs::TraceInterceptor::with(recorder.instrumentation());
        let sqs = common::sqs_config(&endpoint).interceptor(interceptor);
        let sqs = aws_sdk_sqs::Client::from_conf(sqs.build());
        let name = common::unique("topic");

        let created = sqs.create_queue().queue_name(&name).send().await;
        let queue = created.unwrap().queue_url.unwrap();
        let asked = sqs.get_queue_attributes().queue_url(&queue);
        let asked = asked.attribute_names(QueueAttributeName::QueueArn);
        let attributes = asked.send().await.unwrap().attributes.unwrap();
        let topic = sns.create_topic().name(&name).send().await;
        let topic = topic.unwrap().topic_arn.unwrap();
        let subscribe = sns.subscribe().topic_arn(&topic).protocol("sqs");
        let subscribe = subscribe.endpoint(&attributes[&QueueAttributeName::QueueArn]);
        let subscribe = subscribe.attributes("RawMessageDelivery", "true");
        subscribe.send().await.unwrap();
        Some(Self {
            recorder,
            sns,
            sqs,
            name,
            topic,
            queue,
        })
    }

    async fn receive(&self, count: usize) -> Vec<Message> {
        let mut messages = Vec::new();
        while messages.len() < count {
            let receive = self.sqs.receive_message().queue_url(&self.queue);
            let receive = receive.max_number_of_messages(10).wait_time_seconds(10);
            let received = receive.send().await.unwrap();
            assert!(!received.messages().is_empty(), "a message is missing");
            messages.extend(received.messages.unwrap_or_default());
        }
        messages
    }
}

fn carried(message: &Message) -> SpanContext {
    message.extract_context().span().span_context().clone()
}

#[tokio::test]
async fn a_publish_reaches_a_queue_with_its_context() {
    let Some(fanout) = Fanout::new().await else {
        return;
    };
    let publish = fanout.sns.publish().topic_arn(&fanout.topic);
    publish.message("order 7").send().await.unwrap();
    let message = fanout.receive(1).await.remove(0);

    let name = format!("publish {}", fanout.name);
    let published = fanout.recorder.span(&name).span_context;
    let carried = carried(&message);
    assert_eq!(carried.trace_id(), published.trace_id());
    assert_eq!(carried.span_id(), published.span_id());
    let header = &message.attributes().unwrap()[&MessageSystemAttributeName::AwsTraceHeader];
    assert_eq!(*header, trace_header(&published));
}

#[tokio::test]
async fn a_published_batch_reaches_a_queue_with_its_contexts() {
    let Some(fanout) = Fanout::new().await else {
        return;
    };
    let entry = |id: &str| {
        let entry = PublishBatchRequestEntry::builder().id(id);
        entry.message(id).build().unwrap()
    };
    let publish = fanout.sns.publish_batch().topic_arn(&fanout.topic);
    let publish = publish.publish_batch_request_entries(entry("a"));
    let publish = publish.publish_batch_request_entries(entry("b"));
    let published = publish.send().await.unwrap();
    assert_eq!(published.successful().len(), 2);

    let name = format!("create {}", fanout.name);
    let mut created: Vec<_> = fanout.recorder.spans();
    created.retain(|span| span.name == name);
    let mut created: Vec<_> = created
        .iter()
        .map(|span| span.span_context.span_id())
        .collect();
    let messages = fanout.receive(2).await;
    let mut arrived: Vec<_> = messages
        .iter()
        .map(|message| carried(message).span_id())
        .collect();
    created.sort_by_key(|id| id.to_bytes());
    arrived.sort_by_key(|id| id.to_bytes());
    assert_eq!(created.len(), 2);
    assert_eq!(arrived, created);
}
