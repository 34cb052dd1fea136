//! A wrapped client, on messages that others sent.

use aws_sdk_sqs::Client;
use aws_sdk_sqs::types::{Message, MessageAttributeValue, MessageSystemAttributeName};
use opentelemetry::Context;
use opentelemetry::context::FutureExt as _;
use opentelemetry::trace::{SpanId, TraceContextExt as _, Tracer as _};
use opentelemetry_sdk::trace::Sampler;
use tracehop::sqs::{MessageExt as _, SqsQueue, TraceInterceptor};
use tracehop::telemetry::Correlation;
use tracehop::testing::Recorder;
use tracehop::testing::sqs::SqsEndpoint;
use tracehop_propagation::{Composite, XRay, xray_header};

use crate::{linked, linked_traces, names, recorder, traceparent};

struct Consumer {
    sqs: SqsEndpoint,
    url: String,
    client: Client,
    queue: SqsQueue,
    recorder: Recorder,
}

impl Consumer {
    async fn new(recorder: Recorder, correlation: Correlation) -> Self {
        let sqs = SqsEndpoint::start().await;
        let url = sqs.queue("orders").create();
        let instrumentation = recorder.builder().correlation(correlation).build();
        let interceptor = TraceInterceptor::with(instrumentation.clone());
        let queue = SqsQueue::from_url(&url).unwrap();
        Self {
            client: Client::from_conf(sqs.config().interceptor(interceptor).build()),
            queue: queue.instrumentation(instrumentation),
            url,
            sqs,
            recorder,
        }
    }

    /// Puts a message there for each, with a trace of that number, by a client without tracing.
    async fn sent(&self, sampled: &[bool]) {
        let plain = Client::from_conf(self.sqs.config().build());
        for (id, sampled) in (1..).zip(sampled) {
            let parent = MessageAttributeValue::builder().data_type("String");
            let parent = parent.string_value(traceparent(id, *sampled)).build();
            let send = plain
                .send_message()
                .queue_url(&self.url)
                .message_body("order");
            let send = send.message_attributes("traceparent", parent.unwrap());
            send.send().await.unwrap();
        }
    }

    async fn receive(&self) -> Vec<Message> {
        let receive = self.client.receive_message().queue_url(&self.url);
        let received = receive.max_number_of_messages(10).send().await.unwrap();
        received.messages.unwrap_or_default()
    }

    /// Handles a message with a span inside, and deletes it there.
    async fn handle(&self, message: &Message) {
        let handler = async {
            let span = self.recorder.tracer().start("ship");
            let cx = Context::current_with_span(span);
            let delete = self.client.delete_message().queue_url(&self.url);
            let delete = delete.set_receipt_handle(message.receipt_handle.clone());
            delete.send().with_context(cx).await
        };
        message.process(&self.queue, handler).await.unwrap();
    }
}

const EACH: [&str; 4] = ["receive orders", "delete orders", "ship", "process orders"];

#[tokio::test]
async fn a_receive_a_handler_and_all_in_it_follow_a_sampled_message() {
    for correlation in [Correlation::ParentAndLink, Correlation::Link] {
        let consumer = Consumer::new(linked(), correlation).await;
        consumer.sent(&[true]).await;
        let message = consumer.receive().await.remove(0);
        consumer.handle(&message).await;

        assert_eq!(names(&consumer.recorder), EACH, "{correlation:?}");
        let receive = consumer.recorder.span("receive orders");
        assert_eq!(receive.parent_span_id, SpanId::INVALID);
        assert_eq!(linked_traces(&receive), [1]);
        let process = consumer.recorder.span("process orders");
        let with_parent = correlation == Correlation::ParentAndLink;
        assert_eq!(process.parent_span_id == SpanId::from(1), with_parent);
        assert_eq!(linked_traces(&process), [1]);
    }
}

#[tokio::test]
async fn nothing_follows_a_message_that_is_not_sampled() {
    for correlation in [Correlation::ParentAndLink, Correlation::Link] {
        let consumer = Consumer::new(linked(), correlation).await;
        consumer.sent(&[false]).await;
        let message = consumer.receive().await.remove(0);
        consumer.handle(&message).await;
        assert!(names(&consumer.recorder).is_empty(), "{correlation:?}");
    }
}

#[tokio::test]
async fn an_unsampled_message_leaves_the_decision_to_the_sampler_inside() {
    let consumer = Consumer::new(recorder(Sampler::AlwaysOn), Correlation::Link).await;
    consumer.sent(&[false]).await;
    let message = consumer.receive().await.remove(0);
    consumer.handle(&message).await;
    assert_eq!(names(&consumer.recorder), EACH);
}

#[tokio::test]
async fn one_of_many_is_enough_for_the_receive_and_for_its_own_handler_alone() {
    let consumer = Consumer::new(linked(), Correlation::ParentAndLink).await;
    consumer.sent(&[false, false, true, false]).await;
    let messages = consumer.receive().await;
    assert_eq!(messages.len(), 4);
    for message in &messages {
        consumer.handle(message).await;
    }
    assert_eq!(names(&consumer.recorder), EACH);
    let receive = consumer.recorder.span("receive orders");
    assert_eq!(linked_traces(&receive), [1, 2, 3, 4]);
    let process = consumer.recorder.span("process orders");
    assert_eq!(linked_traces(&process), [3]);
}

#[tokio::test]
async fn under_a_span_of_the_callers_that_is_not_sampled_nothing_is() {
    let consumer = Consumer::new(linked(), Correlation::ParentAndLink).await;
    consumer.sent(&[true]).await;
    let caller = consumer.recorder.tracer().start("caller");
    let cx = Context::new().with_span(caller);
    let message = consumer.receive().with_context(cx.clone()).await.remove(0);
    consumer.handle(&message).with_context(cx).await;
    assert!(names(&consumer.recorder).is_empty());
}

#[tokio::test]
async fn what_a_forced_handler_sends_is_sampled_for_the_next() {
    let consumer = Consumer::new(linked(), Correlation::Link).await;
    consumer.sent(&[true]).await;
    let message = consumer.receive().await.remove(0);
    let next = consumer.sqs.queue("parcels").create();
    let handler = async {
        let send = consumer.client.send_message().queue_url(&next);
        send.message_body("parcel").send().await
    };
    // The futures of the SDK are large.
    let handled = Box::pin(message.process(&consumer.queue, handler)).await;
    handled.unwrap();

    let request = consumer.sqs.requests().pop().unwrap().json();
    let sent = &request["MessageAttributes"]["traceparent"]["StringValue"];
    let send = consumer.recorder.span("send parcels").span_context;
    let expected = format!("00-{}-{}-01", send.trace_id(), send.span_id());
    assert_eq!(sent.as_str(), Some(expected.as_str()));
}

#[tokio::test]
async fn without_a_span_an_open_decision_is_passed_on_as_it_came() {
    let recorder = linked();
    let builder = recorder.builder().propagator(Composite::none().with(XRay));
    let instrumentation = builder.destinations(|_| false).build();
    let queue = SqsQueue::from_url("http://127.0.0.1:9/1/orders").unwrap();
    let queue = queue.instrumentation(instrumentation);
    let header = "Root=1-00000000-000000000000000000000007;Parent=0000000000000007;Sampled=?";
    let name = MessageSystemAttributeName::AwsTraceHeader;
    let message = Message::builder().attributes(name, header).build();
    let handler = async { xray_header(&Context::current()).ok_or("no context") };
    let passed_on = message.process(&queue, handler).await;
    assert_eq!(passed_on.as_deref(), Ok(header));
    assert!(names(&recorder).is_empty());
}
