//! The same calls on LocalStack, a server of somebody else's.

use std::collections::HashMap;

use aws_sdk_sqs::Client;
use aws_sdk_sqs::types::{
    ChangeMessageVisibilityBatchRequestEntry, DeleteMessageBatchRequestEntry, Message,
    MessageSystemAttributeName, QueueAttributeName,
};
use opentelemetry::baggage::BaggageExt as _;
use opentelemetry::trace::{FutureExt as _, SpanContext, TraceContextExt as _};
use opentelemetry::{Context, KeyValue};
use opentelemetry_sdk::trace::SpanData;
use tracehop::sqs::{MessageExt as _, SqsQueue, TraceInterceptor};
use tracehop::testing::Recorder;

use crate::batch::entry;
use crate::common;
use crate::support::{attribute, links, same, text, trace_header};

/// A traced client and a queue of its own.
struct Local {
    recorder: Recorder,
    client: Client,
    name: String,
    url: String,
    queue: SqsQueue,
}

impl Local {
    /// `None` where there is no LocalStack.
    async fn new() -> Option<Self> {
        Self::with(HashMap::new()).await
    }

    /// With attributes of the queue.
    async fn with(attributes: HashMap<QueueAttributeName, String>) -> Option<Self> {
        let endpoint = common::localstack()?;
        let recorder = Recorder::new();
        let interceptor = TraceInterceptor::with(recorder.instrumentation());
        let config = common::sqs_config(&endpoint).interceptor(interceptor);
        let client = Client::from_conf(config.build());
        let name = common::unique("client");
        let create = client.create_queue().queue_name(&name);
        let created = create.set_attributes(Some(attributes)).send().await;
        let url = created.unwrap().queue_url.unwrap();
        let queue = SqsQueue::from_url(&url).unwrap();
        Some(Self {
            queue: queue.instrumentation(recorder.instrumentation()),
            recorder,
            client,
            name,
            url,
        })
    }

    async fn send(&self, body: &str) {
        let send = self.client.send_message().queue_url(&self.url);
        send.message_body(body).send().await.unwrap();
    }

    async fn receive(&self, count: usize) -> Vec<Message> {
        receive(&self.client, &self.url, count).await
    }

    /// The one span of an operation on the queue.
    fn span(&self, operation: &str) -> SpanData {
        self.recorder.span(&format!("{operation} {}", self.name))
    }

    fn spans(&self, operation: &str) -> Vec<SpanData> {
        let name = format!("{operation} {}", self.name);
        let mut spans = self.recorder.spans();
        spans.retain(|span| span.name == name);
        spans
    }
}

async fn receive(client: &Client, url: &str, count: usize) -> Vec<Message> {
    let mut messages = Vec::new();
    while messages.len() < count {
        let receive = client.receive_message().queue_url(url).wait_time_seconds(5);
        let received = receive.max_number_of_messages(10).send().await.unwrap();
        assert!(!received.messages().is_empty(), "a message is missing");
        messages.extend(received.messages.unwrap_or_default());
    }
    messages
}

fn carried(message: &Message) -> SpanContext {
    message.extract_context().span().span_context().clone()
}

fn header(message: &Message) -> Option<&str> {
    let header = MessageSystemAttributeName::AwsTraceHeader;
    Some(message.attributes()?.get(&header)?.as_str())
}

fn receipt(message: &Message) -> &str {
    message.receipt_handle().unwrap()
}

#[tokio::test]
async fn a_message_crosses_a_queue_with_its_trace() {
    let Some(local) = Local::new().await else {
        return;
    };
    local.send("order 7").await;
    let sent = local.span("send").span_context;
    let message = local.receive(1).await.remove(0);
    assert!(same(&carried(&message), &sent));
    assert_eq!(header(&message), Some(trace_header(&sent).as_str()));
    assert!(same(&links(&local.span("receive"))[0], &sent));

    let give_back = local.client.change_message_visibility();
    let give_back = give_back.queue_url(&local.url).visibility_timeout(0);
    let give_back = give_back.receipt_handle(receipt(&message)).send();
    message.process(&local.queue, give_back).await.unwrap();
    let again = local.receive(1).await.remove(0);
    let delete = local.client.delete_message().queue_url(&local.url);
    let delete = delete.receipt_handle(receipt(&again)).send();
    again.process(&local.queue, delete).await.unwrap();

    let processed = local.spans("process");
    assert_eq!(processed.len(), 2);
    for (attempt, (process, settled)) in processed
        .iter()
        .zip(["change_visibility", "delete"])
        .enumerate()
    {
        let settled = local.span(settled);
        assert_eq!(process.parent_span_id, sent.span_id());
        assert_eq!(
            attribute(process, "tracehop.message.attempt"),
            Some((attempt + 1).to_string())
        );
        assert_eq!(settled.parent_span_id, process.span_context.span_id());
        assert!(same(&links(&settled)[0], &sent));
        assert_eq!(attribute(&settled, "error.type"), None);
    }
}

#[tokio::test]
async fn a_batch_crosses_a_queue_with_its_traces() {
    let Some(local) = Local::new().await else {
        return;
    };
    let send = local.client.send_message_batch().queue_url(&local.url);
    let send = send.entries(entry("a", "1")).entries(entry("b", "2"));
    assert_eq!(send.send().await.unwrap().successful().len(), 2);
    let creates = local.spans("create");
    assert_eq!(creates.len(), 2);
    let given_back = local.receive(2).await;
    let entries = given_back.iter().enumerate().map(|(id, message)| {
        ChangeMessageVisibilityBatchRequestEntry::builder()
            .id(id.to_string())
            .receipt_handle(receipt(message))
            .visibility_timeout(0)
            .build()
            .unwrap()
    });
    let change = local.client.change_message_visibility_batch();
    let change = change.queue_url(&local.url);
    let changed = change.set_entries(Some(entries.collect())).send().await;
    assert_eq!(changed.unwrap().successful().len(), 2);

    let messages = local.receive(2).await;
    for message in &messages {
        let mut creates = creates.iter();
        let create = creates.find(|create| same(&create.span_context, &carried(message)));
        let id = attribute(create.unwrap(), "messaging.message.id");
        assert_eq!(id.as_deref(), message.message_id());
        let handled = message.process(&local.queue, async { Ok::<_, String>(()) });
        handled.await.unwrap();
    }
    let entries = messages.iter().enumerate().map(|(id, message)| {
        DeleteMessageBatchRequestEntry::builder()
            .id(id.to_string())
            .receipt_handle(receipt(message))
            .build()
            .unwrap()
    });
    let delete = local.client.delete_message_batch().queue_url(&local.url);
    let deleted = delete.set_entries(Some(entries.collect())).send().await;
    assert_eq!(deleted.unwrap().successful().len(), 2);

    let processed = local.spans("process");
    assert_eq!(processed.len(), 2);
    for process in processed {
        let linked = &links(&process)[0];
        assert!(
            creates
                .iter()
                .any(|create| same(&create.span_context, linked))
        );
        assert_eq!(process.parent_span_id, linked.span_id());
    }
    for settled in ["change_visibility", "delete"] {
        let settled = local.span(settled);
        let count = attribute(&settled, "messaging.batch.message_count");
        assert_eq!(count.as_deref(), Some("2"));
        assert_eq!(attribute(&settled, "error.type"), None);
    }
}

#[tokio::test]
async fn ten_attributes_of_the_users_arrive_and_eleven_are_refused() {
    let Some(local) = Local::new().await else {
        return;
    };
    let send = |count: usize| {
        let mut send = local.client.send_message().queue_url(&local.url);
        for index in 0..count {
            send = send.message_attributes(format!("user-{index}"), text("kept"));
        }
        send.message_body("order 7").send()
    };
    send(10).await.unwrap();
    let sent = local.span("send").span_context;
    let receive = local.client.receive_message().queue_url(&local.url);
    let receive = receive.message_attribute_names("All").wait_time_seconds(5);
    let message = receive.send().await.unwrap().messages.unwrap().remove(0);
    assert_eq!(message.message_attributes().unwrap().len(), 10);
    assert!(same(&carried(&message), &sent));

    local.recorder.forget_spans();
    let refused = send(11).await.unwrap_err().into_service_error();
    let refused = format!("{refused:?}");
    assert!(refused.contains("[11] exceeds"), "{refused}");
    assert!(attribute(&local.span("send"), "error.type").is_some());
}

#[tokio::test]
async fn a_body_near_a_limit_arrives_unchanged_with_its_trace() {
    let Some(local) = Local::new().await else {
        return;
    };
    // Room for nothing, room for the trace context, and the same at the largest size.
    for (bytes, fields) in [
        (262_144, 0),
        (262_144 - 200, 1),
        (1_048_576 - 200, 1),
        (1_048_576, 0),
    ] {
        local.recorder.forget_spans();
        let body = "x".repeat(bytes);
        local.send(&body).await;
        let sent = local.span("send").span_context;
        let message = local.receive(1).await.remove(0);
        assert!(message.body() == Some(&body), "{bytes} bytes came changed");
        let attributes = message.message_attributes();
        assert_eq!(attributes.map_or(0, HashMap::len), fields, "{bytes}");
        assert!(same(&carried(&message), &sent), "{bytes}");
    }
}

#[tokio::test]
async fn what_expires_too_often_is_a_dead_letter_with_its_context() {
    let Some(dead) = Local::new().await else {
        return;
    };
    let asked = dead.client.get_queue_attributes().queue_url(&dead.url);
    let asked = asked.attribute_names(QueueAttributeName::QueueArn);
    let attributes = asked.send().await.unwrap().attributes.unwrap();
    let target = &attributes[&QueueAttributeName::QueueArn];
    let policy = format!(r#"{{"deadLetterTargetArn":"{target}","maxReceiveCount":"2"}}"#);
    let attributes = [
        (QueueAttributeName::VisibilityTimeout, "1".to_owned()),
        (QueueAttributeName::RedrivePolicy, policy),
    ];
    let local = Local::with(attributes.into()).await.unwrap();
    let cx = Context::new().with_baggage([KeyValue::new("tenant", "acme")]);
    local.send("order 7").with_context(cx).await;
    let sent = local.span("send").span_context;

    for attempt in ["1", "2"] {
        let message = local.receive(1).await.remove(0);
        let count = MessageSystemAttributeName::ApproximateReceiveCount;
        assert_eq!(message.attributes().unwrap()[&count], attempt);
        assert!(same(&carried(&message), &sent));
    }
    // It is moved when somebody asks for it a third time.
    let asked = local.client.receive_message().queue_url(&local.url);
    let asked = asked.wait_time_seconds(3).send().await.unwrap();
    assert!(asked.messages().is_empty());
    let letter = dead.receive(1).await.remove(0);
    assert_eq!(letter.body(), Some("order 7"));
    assert_eq!(header(&letter), Some(trace_header(&sent).as_str()));
    let cx = letter.extract_context();
    assert!(same(cx.span().span_context(), &sent));
    assert_eq!(cx.baggage().get("tenant"), Some(&"acme".into()));
}
