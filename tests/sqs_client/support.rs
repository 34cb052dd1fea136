//! A traced client on an endpoint of its own, and short ways to what a span and a request say.

use std::future::Future;
use std::time::Duration;

use aws_sdk_sqs::Client;
use aws_sdk_sqs::config::retry::RetryConfig;
use aws_sdk_sqs::types::{Message, MessageAttributeValue};
use opentelemetry::Context;
use opentelemetry::context::FutureExt as _;
use opentelemetry::trace::{SpanContext, TraceContextExt as _, Tracer as _};
use serde_json::Value;
use tracehop::sqs::{SqsQueue, TraceInterceptor};
use tracehop::telemetry::{Instrumentation, InstrumentationBuilder};
use tracehop::testing::Recorder;
use tracehop::testing::sqs::{Action, SqsEndpoint};

pub(crate) use crate::common::spans::{
    attribute, attributes, links, same, trace_header, traceparent,
};

pub(crate) struct Traced {
    pub(crate) sqs: SqsEndpoint,
    pub(crate) recorder: Recorder,
    pub(crate) client: Client,
    pub(crate) url: String,
    pub(crate) queue: SqsQueue,
}

impl Traced {
    pub(crate) async fn new() -> Self {
        Self::with(|builder| builder).await
    }

    /// With options of the instrumentation.
    pub(crate) async fn with(
        options: impl FnOnce(InstrumentationBuilder) -> InstrumentationBuilder,
    ) -> Self {
        let recorder = Recorder::new();
        let instrumentation = options(recorder.builder()).build();
        Self::on(recorder, instrumentation).await
    }

    pub(crate) async fn on(recorder: Recorder, instrumentation: Instrumentation) -> Self {
        let sqs = SqsEndpoint::start().await;
        let interceptor = TraceInterceptor::with(instrumentation.clone());
        let retries = RetryConfig::standard().with_initial_backoff(Duration::from_millis(1));
        let config = sqs.config().retry_config(retries);
        let url = sqs.queue("orders").create();
        Self {
            client: Client::from_conf(config.interceptor(interceptor).build()),
            queue: SqsQueue::from_url(&url)
                .unwrap()
                .instrumentation(instrumentation),
            sqs,
            recorder,
            url,
        }
    }

    /// Runs `future` in a span `caller`, which has ended when it is done.
    pub(crate) async fn in_caller<F: Future>(&self, future: F) -> F::Output {
        self.in_context(Context::new(), future).await
    }

    /// Runs `future` in a span `caller` on that context.
    pub(crate) async fn in_context<F: Future>(&self, cx: Context, future: F) -> F::Output {
        let span = self.recorder.tracer().start_with_context("caller", &cx);
        // The futures of the SDK are large.
        Box::pin(future).with_context(cx.with_span(span)).await
    }

    pub(crate) async fn send(&self, body: &str) {
        let send = self.client.send_message().queue_url(&self.url);
        send.message_body(body).send().await.unwrap();
    }

    /// Receives up to 10.
    pub(crate) async fn receive(&self) -> Vec<Message> {
        let receive = self.client.receive_message().queue_url(&self.url);
        let received = receive.max_number_of_messages(10).send().await.unwrap();
        received.messages.unwrap_or_default()
    }

    /// Sends one message, in a caller's span of its own, receives it, and forgets the spans' ends
    /// and the requests that this took. The answer has the creation context beside the message.
    pub(crate) async fn delivered(&self, body: &str) -> (Message, SpanContext) {
        self.in_caller(self.send(body)).await;
        let created = self.recorder.span("send orders").span_context;
        let message = self.receive().await.remove(0);
        self.forget();
        (message, created)
    }

    /// Forgets the spans and requests so far.
    pub(crate) fn forget(&self) {
        self.recorder.forget_spans();
        self.sqs.forget_requests();
    }

    /// The last request.
    pub(crate) fn request(&self) -> Value {
        self.sqs.requests().last().unwrap().json()
    }

    /// Polls `future` until the endpoint has seen a call of `action`, then drops it.
    pub(crate) async fn drop_at(&self, action: Action, future: impl Future) {
        let mut future = Box::pin(future);
        while self.sqs.count(action) == 0 {
            tokio::select! {
                biased;
                _ = &mut future => panic!("it was not to end"),
                () = tokio::task::yield_now() => {}
            }
        }
    }

    /// The names of the spans that have ended, sorted.
    pub(crate) fn names(&self) -> Vec<String> {
        let spans = self.recorder.spans();
        let mut names: Vec<String> = spans.iter().map(|span| span.name.to_string()).collect();
        names.sort();
        names
    }
}

/// The value of a message attribute of a request, or of an entry of one.
pub(crate) fn sent(message: &Value, name: &str) -> Option<String> {
    let value = &message["MessageAttributes"][name]["StringValue"];
    value.as_str().map(ToOwned::to_owned)
}

/// The `AWSTraceHeader` of a request, or of an entry of one.
pub(crate) fn sent_header(message: &Value) -> Option<String> {
    let value = &message["MessageSystemAttributes"]["AWSTraceHeader"]["StringValue"];
    value.as_str().map(ToOwned::to_owned)
}

pub(crate) fn text(value: &str) -> MessageAttributeValue {
    let attribute = MessageAttributeValue::builder().data_type("String");
    attribute.string_value(value).build().unwrap()
}
