//! A traced channel on a RabbitMQ, and short ways to what a span and a message say.

use std::future::Future;

use lapin::message::Delivery;
use lapin::options::{
    BasicConsumeOptions, BasicGetOptions, BasicPublishOptions, ConfirmSelectOptions,
};
use lapin::types::{AMQPValue, FieldTable};
use lapin::{BasicProperties, Channel, Connection, ConnectionProperties};
use opentelemetry::Context;
use opentelemetry::context::FutureExt as _;
use opentelemetry::trace::{SpanContext, TraceContextExt as _, Tracer as _};
use opentelemetry_sdk::trace::SpanData;
use tracehop::amqp::{AmqpUrl, TracedChannel, TracedConfirm, TracedConsumer, TracedDelivery};
use tracehop::telemetry::{Instrumentation, InstrumentationBuilder};
use tracehop::testing::Recorder;

pub(crate) use crate::common::spans::{attribute, attributes, links, same, traceparent};
use crate::common::{self, queues, rabbitmqctl};

/// A traced channel with publisher confirms, a queue of its own, and a channel beside it that is
/// not traced.
pub(crate) struct Traced {
    pub(crate) recorder: Recorder,
    pub(crate) connection: Connection,
    pub(crate) channel: TracedChannel,
    pub(crate) raw: Channel,
    pub(crate) queue: String,
}

impl Traced {
    /// `None` where there is no RabbitMQ.
    pub(crate) async fn new() -> Option<Self> {
        Self::with(|builder| builder).await
    }

    /// With options of the instrumentation.
    pub(crate) async fn with(
        options: impl FnOnce(InstrumentationBuilder) -> InstrumentationBuilder,
    ) -> Option<Self> {
        let recorder = Recorder::new();
        let instrumentation = options(recorder.builder()).build();
        Self::on(recorder, instrumentation).await
    }

    pub(crate) async fn on(recorder: Recorder, instrumentation: Instrumentation) -> Option<Self> {
        let traced = Self::without_confirms(recorder, instrumentation).await?;
        let options = ConfirmSelectOptions::default();
        traced.channel.confirm_select(options).await.unwrap();
        Some(traced)
    }

    pub(crate) async fn without_confirms(
        recorder: Recorder,
        instrumentation: Instrumentation,
    ) -> Option<Self> {
        let url = common::rabbitmq()?;
        Some(Self::at(&url, recorder, instrumentation).await)
    }

    /// On the server of that URL, without confirms.
    pub(crate) async fn at(
        url: &str,
        recorder: Recorder,
        instrumentation: Instrumentation,
    ) -> Self {
        let url: AmqpUrl = url.parse().unwrap();
        let queue = common::unique("client");
        let properties =
            ConnectionProperties::default().with_connection_name(queue.as_str().into());
        let connection = url.connect(properties).await.unwrap();
        let channel = connection.create_channel().await.unwrap();
        let traced = Self {
            recorder,
            channel: TracedChannel::with(channel, instrumentation).server(&url),
            raw: connection.create_channel().await.unwrap(),
            queue,
            connection,
        };
        traced.declare(&traced.queue, &[]).await;
        traced
    }

    pub(crate) async fn declare(&self, queue: &str, arguments: &[(&str, AMQPValue)]) {
        let declared = queues::declare(&self.raw, queue, table(arguments.iter().cloned()));
        declared.await.unwrap();
    }

    /// Runs `future` in a span `caller`, which has ended when it is done.
    pub(crate) async fn in_caller<F: Future>(&self, future: F) -> F::Output {
        self.in_context(Context::new(), future).await
    }

    /// Runs `future` in a span `caller` on that context.
    pub(crate) async fn in_context<F: Future>(&self, cx: Context, future: F) -> F::Output {
        let span = self.recorder.tracer().start_with_context("caller", &cx);
        Box::pin(future).with_context(cx.with_span(span)).await
    }

    /// Writes a message to the queue, through the default exchange; its confirm is the answer.
    pub(crate) async fn publish(&self, properties: BasicProperties) -> TracedConfirm {
        let (exchange, key) = ("".into(), self.queue.as_str().into());
        let options = BasicPublishOptions {
            mandatory: true,
            ..BasicPublishOptions::default()
        };
        let publish = self
            .channel
            .basic_publish(exchange, key, options, b"order 7", properties);
        publish.await.unwrap()
    }

    /// Publishes to the queue and waits for the confirm.
    pub(crate) async fn send(&self, properties: BasicProperties) {
        assert!(self.publish(properties).await.await.unwrap().is_ack());
    }

    pub(crate) async fn send_empty(&self) {
        self.send(BasicProperties::default()).await;
    }

    pub(crate) async fn consume(&self) -> TracedConsumer {
        let options = BasicConsumeOptions::default();
        let (queue, arguments) = (self.queue.as_str().into(), FieldTable::default());
        let consumer = self
            .channel
            .basic_consume(queue, "".into(), options, arguments);
        consumer.await.unwrap()
    }

    /// Takes the next message off the queue. No consumer stays behind, to which the broker would
    /// push those that come later.
    pub(crate) async fn take(&self) -> TracedDelivery {
        let queue = self.queue.as_str().into();
        let got = self.channel.basic_get(queue, BasicGetOptions::default());
        got.await.unwrap().unwrap().delivery
    }

    /// Publishes one message in a caller's span of its own, takes it, and forgets the spans that
    /// this took. The answer has the creation context beside the message.
    pub(crate) async fn delivered(&self) -> (TracedDelivery, SpanContext) {
        self.in_caller(self.send_empty()).await;
        let created = self.span("publish").span_context;
        let delivery = self.take().await;
        self.recorder.forget_spans();
        (delivery, created)
    }

    /// The next message of the queue, past the traced channel. It is acknowledged.
    pub(crate) async fn arrived(&self) -> Delivery {
        self.arrived_in(&self.queue).await
    }

    pub(crate) async fn arrived_in(&self, queue: &str) -> Delivery {
        let options = BasicGetOptions { no_ack: true };
        let got = self.raw.basic_get(queue.into(), options).await.unwrap();
        got.unwrap().delivery
    }

    /// The one span of an operation on the queue.
    pub(crate) fn span(&self, operation: &str) -> SpanData {
        self.recorder.span(&format!("{operation} {}", self.queue))
    }

    /// Has the server close the connection, as `rabbitmqctl close_all_connections` does with all of
    /// them: those of other tests stay.
    pub(crate) async fn close_connection(&self) {
        let columns = ["--quiet", "list_connections", "pid", "client_properties"];
        let listed = rabbitmqctl(&columns).await;
        let mut connections = listed.lines();
        let ours = connections.find(|line| line.contains(&self.queue)).unwrap();
        let pid = ours.split('\t').next().unwrap();
        rabbitmqctl(&["--quiet", "close_connection", pid, "for a test"]).await;
    }
}

pub(crate) fn table<'a>(entries: impl IntoIterator<Item = (&'a str, AMQPValue)>) -> FieldTable {
    let mut table = FieldTable::default();
    for (name, value) in entries {
        table.insert(name.into(), value);
    }
    table
}

pub(crate) fn text(value: &str) -> AMQPValue {
    AMQPValue::LongString(value.into())
}

pub(crate) fn with_headers<'a>(
    headers: impl IntoIterator<Item = (&'a str, AMQPValue)>,
) -> BasicProperties {
    BasicProperties::default().with_headers(table(headers))
}

/// A header of a message, as text.
pub(crate) fn header(message: &Delivery, name: &str) -> Option<String> {
    let value = message.properties.headers().as_ref()?.inner().get(name)?;
    Some(value.as_long_string()?.to_string())
}
