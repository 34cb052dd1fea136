//! From a topic to a queue, on LocalStack.

use std::time::{SystemTime, UNIX_EPOCH};

use aws_sdk_sns::config::{BehaviorVersion, Credentials, Region};
use aws_sdk_sqs::types::{MessageSystemAttributeName, QueueAttributeName};
use opentelemetry::trace::TraceContextExt as _;
use tracehop::sqs::MessageExt as _;
use tracehop::testing::Recorder;

use crate::common;
use crate::support::trace_header;

#[tokio::test]
async fn a_publish_reaches_a_queue_with_its_context() {
    let Some(endpoint) = common::localstack() else {
        return;
    };
    let recorder = Recorder::new();
    let sns = aws_sdk_sns::Config::builder()
        .behavior_version(BehaviorVersion::v2026_01_12())
        .region(Region::from_static("us-east-1"))
        .credentials_provider(Credentials::new("test", "test", None, None, "test"))
        .endpoint_url(&endpoint)
        .interceptor(tracehop::sns::TraceInterceptor::with(
            recorder.instrumentation(),
        ))
        .build();
    let sns = aws_sdk_sns::Client::from_conf(sns);
    let sqs = aws_sdk_sqs::Config::builder()
        .behavior_version(BehaviorVersion::v2026_01_12())
        .region(Region::from_static("us-east-1"))
        .credentials_provider(Credentials::new("test", "test", None, None, "test"))
        .endpoint_url(&endpoint)
        .interceptor(tracehop::sqs::TraceInterceptor::with(
            recorder.instrumentation(),
        ))
        .build();
    let sqs = aws_sdk_sqs::Client::from_conf(sqs);
    let unique = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap()
        .as_nanos();
    let name = format!("topic-{unique}");

    let created = sqs.create_queue().queue_name(&name).send().await.unwrap();
    let url = created.queue_url().unwrap();
    let asked = sqs.get_queue_attributes().queue_url(url);
    let asked = asked
        .attribute_names(QueueAttributeName::QueueArn)
        .send()
        .await
        .unwrap();
    let queue_arn = &asked.attributes().unwrap()[&QueueAttributeName::QueueArn];
    let topic = sns.create_topic().name(&name).send().await.unwrap();
    let topic_arn = topic.topic_arn().unwrap();
    let subscribe = sns
        .subscribe()
        .topic_arn(topic_arn)
        .protocol("sqs")
        .endpoint(queue_arn);
    subscribe
        .attributes("RawMessageDelivery", "true")
        .send()
        .await
        .unwrap();

    sns.publish()
        .topic_arn(topic_arn)
        .message("order 7")
        .send()
        .await
        .unwrap();
    let receive = sqs.receive_message().queue_url(url).wait_time_seconds(10);
    let received = receive.send().await.unwrap();
    let message = &received.messages()[0];

    let published = recorder.span(&format!("publish {name}")).span_context;
    let carried = message.extract_context().span().span_context().clone();
    assert_eq!(carried.trace_id(), published.trace_id());
    assert_eq!(carried.span_id(), published.span_id());
    let header = &message.attributes().unwrap()[&MessageSystemAttributeName::AwsTraceHeader];
    assert_eq!(*header, trace_header(&published));

    sns.delete_topic()
        .topic_arn(topic_arn)
        .send()
        .await
        .unwrap();
    sqs.delete_queue().queue_url(url).send().await.unwrap();
}
