//! From a topic to a queue, on LocalStack.

use std::convert::Infallible;

use aws_sdk_sns::config::{self, BehaviorVersion, Credentials, Region};
use aws_sdk_sns::primitives::Blob;
use aws_sdk_sns::types::{MessageAttributeValue, PublishBatchRequestEntry};
use aws_sdk_sqs::types::{Message, MessageSystemAttributeName, QueueAttributeName};
use opentelemetry::trace::{SpanContext, SpanId, TraceContextExt as _};
use opentelemetry_sdk::trace::SpanData;
use tracehop::sqs::{MessageExt as _, SqsQueue};
use tracehop::telemetry::Instrumentation;
use tracehop::testing::Recorder;
use tracehop_propagation::{Composite, Datadog};

use crate::common;
use crate::support::trace_header;

/// A topic, and a queue that gets its messages.
pub(crate) struct Fanout {
    pub(crate) recorder: Recorder,
    sns: aws_sdk_sns::Client,
    sqs: aws_sdk_sqs::Client,
    /// Of both.
    pub(crate) name: String,
    pub(crate) topic: String,
    queue: String,
}

impl Fanout {
    /// The queue gets messages as they are. `None` where there is no LocalStack.
    async fn raw() -> Option<Self> {
        Self::delivering("true").await
    }

    /// The queue gets messages in envelopes. `None` where there is no LocalStack.
    pub(crate) async fn enveloped() -> Option<Self> {
        Self::delivering("false").await
    }

    async fn delivering(raw: &str) -> Option<Self> {
        let endpoint = common::localstack()?;
        let recorder = Recorder::new();
        let interceptor = tracehop::sns::TraceInterceptor::with(instrumentation(&recorder));
        let sns = config(&endpoint).interceptor(interceptor).build();
        let sns = aws_sdk_sns::Client::from_conf(sns);
        let interceptor = tracehop::sqs::TraceInterceptor::with(instrumentation(&recorder));
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
        let subscribe = subscribe.attributes("RawMessageDelivery", raw);
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

    /// Publishes as somebody else does.
    async fn publish_untraced(&self, message: &str, datadog: Option<MessageAttributeValue>) {
        let others = config(&common::localstack().unwrap()).build();
        let publish = aws_sdk_sns::Client::from_conf(others).publish();
        let mut publish = publish.topic_arn(&self.topic).message(message);
        if let Some(datadog) = datadog {
            publish = publish.message_attributes("_datadog", datadog);
        }
        publish.send().await.unwrap();
    }

    pub(crate) async fn receive(&self, count: usize) -> Vec<Message> {
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

    /// The span that the handler of `message` ran in, and the body that it was given.
    pub(crate) async fn handled(&self, message: &Message) -> (SpanData, String) {
        let queue = SqsQueue::from_url(&self.queue).unwrap();
        let queue = queue.instrumentation(instrumentation(&self.recorder));
        let body = async { Ok::<_, Infallible>(message.body().unwrap_or_default().to_owned()) };
        let body = message.process(&queue, body).await.unwrap();
        (self.recorder.span(&format!("process {}", self.name)), body)
    }
}

fn config(endpoint: &str) -> config::Builder {
    aws_sdk_sns::Config::builder()
        .behavior_version(BehaviorVersion::v2026_01_12())
        .region(Region::from_static("us-east-1"))
        .credentials_provider(Credentials::for_tests())
        .endpoint_url(endpoint)
}

/// Datadog's format too, and looking into envelopes.
fn instrumentation(recorder: &Recorder) -> Instrumentation {
    let formats = Composite::default().with(Datadog);
    recorder
        .builder()
        .propagator(formats)
        .envelopes(true)
        .build()
}

fn carried(message: &Message) -> SpanContext {
    message.extract_context().span().span_context().clone()
}

#[tokio::test]
async fn a_publish_reaches_a_queue_with_its_context() {
    let Some(fanout) = Fanout::raw().await else {
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
    let Some(fanout) = Fanout::raw().await else {
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

#[tokio::test]
async fn a_publish_reaches_a_queue_in_an_envelope_with_its_context() {
    let Some(fanout) = Fanout::enveloped().await else {
        return;
    };
    let publish = fanout.sns.publish().topic_arn(&fanout.topic);
    publish.message("order 7").send().await.unwrap();
    let message = fanout.receive(1).await.remove(0);
    assert!(message.message_attributes().is_none());

    let published = fanout.recorder.span(&format!("publish {}", fanout.name));
    let (process, body) = fanout.handled(&message).await;
    assert_eq!(process.parent_span_id, published.span_context.span_id());
    assert_eq!(
        process.links[0].span_context.trace_id(),
        published.span_context.trace_id()
    );
    assert!(body.contains(r#""Message": "order 7""#), "{body}");
}

#[tokio::test]
async fn what_datadogs_tracers_publish_as_bytes_is_found_in_the_envelope() {
    let Some(fanout) = Fanout::enveloped().await else {
        return;
    };
    let datadog = br#"{"x-datadog-trace-id":"7","x-datadog-parent-id":"8","x-datadog-sampling-priority":"1"}"#;
    let attribute = MessageAttributeValue::builder().data_type("Binary");
    let attribute = attribute.binary_value(Blob::new(datadog)).build().unwrap();
    fanout.publish_untraced("order 7", Some(attribute)).await;
    let message = fanout.receive(1).await.remove(0);
    let (process, _) = fanout.handled(&message).await;
    assert_eq!(process.parent_span_id, SpanId::from(8));
}

#[tokio::test]
async fn an_event_that_eventbridge_publishes_is_found_raw_and_in_the_envelope() {
    let event = r#"{"version":"0","id":"6a7e8feb","detail-type":"OrderPlaced","source":"shop","account":"123456789012","time":"2026-03-02T09:14:33Z","region":"us-east-1","resources":[],"detail":{"order":7,"_datadog":{"x-datadog-trace-id":"7","x-datadog-parent-id":"8"}}}"#;
    for fanout in [Fanout::raw().await, Fanout::enveloped().await] {
        let Some(fanout) = fanout else {
            return;
        };
        fanout.publish_untraced(event, None).await;
        let message = fanout.receive(1).await.remove(0);
        let (process, _) = fanout.handled(&message).await;
        assert_eq!(process.parent_span_id, SpanId::from(8));
    }
}
