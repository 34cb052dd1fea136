use std::fmt;
use std::ops::Deref;
use std::sync::Arc;

use futures_util::future::{self, FutureExt as _};
use lapin::message::BasicReturnMessage;
use lapin::options::{
    BasicAckOptions, BasicConsumeOptions, BasicGetOptions, BasicNackOptions, BasicPublishOptions,
    BasicRejectOptions,
};
use lapin::types::{DeliveryTag, FieldTable, FrameSize, ShortString};
use lapin::{BasicProperties, Channel};
use opentelemetry::Context;
use tracehop_amqp::Budget;

use super::AmqpUrl;
use super::confirm::{TracedConfirm, Unawaited};
use super::consumer::TracedConsumer;
use super::delivery::TracedGetMessage;
use super::destination::Destinations;
use super::receiver::Receivers;
use super::send::Sender;
use super::settle::Settlement;
use crate::contract::Server;
use crate::telemetry::{ClientOperation, Instrumentation, SendSpan};

/// A [`lapin::Channel`] that traces what goes through it, and carries context on its messages. Its
/// methods have the signatures of lapin's; all others are reached through [`Deref`].
///
/// ```no_run
/// use lapin::{BasicProperties, ConnectionProperties, options::{BasicPublishOptions, ConfirmSelectOptions}};
/// use tracehop::amqp::{AmqpUrl, TracedChannel};
///
/// # async fn publish() -> Result<(), Box<dyn std::error::Error>> {
/// let url: AmqpUrl = "amqp://guest:guest@localhost:5672/%2f".parse()?;
/// let connection = url.connect(ConnectionProperties::default()).await?;
/// let channel = TracedChannel::new(connection.create_channel().await?).server(&url);
///
/// channel.confirm_select(ConfirmSelectOptions::default()).await?;
/// let (options, properties) = (BasicPublishOptions::default(), BasicProperties::default());
/// let confirm = channel.basic_publish("".into(), "orders".into(), options, b"an order", properties);
/// confirm.await?.await?;
/// # Ok(())
/// # }
/// ```
///
/// - `basic_publish` is a `publish {exchange}:{routing key}` span, whose context goes onto the
///   message. It ends on the broker's confirm: a nack, a returned message and a lost channel are its
///   errors. On a channel without confirms it ends when the message is written.
/// - What `basic_consume` and `basic_get` bring is handed over as
///   [`TracedDelivery`](super::TracedDelivery), each with
///   [`process`](super::TracedDelivery::process). A `basic_get` that brings a message is a
///   `consume {queue}` span that links to it; a message that the broker pushed has none, unless
///   [`receive_spans`](crate::telemetry::InstrumentationBuilder::receive_spans) are switched on.
/// - `ack`, `nack` and `reject`, of a delivery or by its tag, are spans that link to the message, and
///   to each message where they settle several.
///
/// Spans are children of what is current where the call is first polled. A creation context that is
/// on a message already is kept, and linked to; the one of the message in hand, which is being
/// forwarded, is replaced. A call whose future is dropped ends as `cancelled`. Context that finds no
/// room in the header frame is left out and counted. Nothing here fails a call.
///
/// Names that the server made up (`amq.gen-…`, direct reply-to) stay out of span names and metrics.
/// Where routing keys are of high cardinality, say so with
/// [`destination_template`](crate::telemetry::InstrumentationBuilder::destination_template).
///
/// Clones share one channel. Source: OpenTelemetry semantic conventions v1.44.0, messaging and
/// RabbitMQ; AMQP 0-9-1 and RabbitMQ's publisher confirms.
#[derive(Clone)]
pub struct TracedChannel {
    channel: Channel,
    instrumentation: Instrumentation,
    budget: Budget,
    published: Arc<Destinations>,
    receivers: Arc<Receivers>,
    unawaited: Arc<Unawaited>,
}

impl TracedChannel {
    /// On OpenTelemetry's globals, as they are at the first call.
    pub fn new(channel: Channel) -> Self {
        Self::with(channel, Instrumentation::default())
    }

    /// On an instrumentation of one's own. Channels that share one prepare what they say of a
    /// destination together.
    pub fn with(channel: Channel, instrumentation: Instrumentation) -> Self {
        Self {
            channel,
            budget: Budget::default(),
            published: Arc::new(Destinations::published(None)),
            receivers: Arc::new(Receivers::new(instrumentation.clone(), None)),
            unawaited: Arc::default(),
            instrumentation,
        }
    }

    /// The server that the connection was made to, for `server.address` and `server.port`. Default:
    /// neither is recorded.
    #[must_use]
    pub fn server(self, url: &AmqpUrl) -> Self {
        self.on(url.server())
    }

    fn on(mut self, server: Server) -> Self {
        self.published = Arc::new(Destinations::published(Some(server.clone())));
        let instrumentation = self.instrumentation.clone();
        self.receivers = Arc::new(Receivers::new(instrumentation, Some(server)));
        self
    }

    /// The connection's negotiated `frame_max` in bytes, as `connection.configuration()` answers
    /// it: context is left out that would bring a header frame within 4096 bytes of it. Default:
    /// 131,072, RabbitMQ's own.
    #[must_use]
    pub fn frame_max(mut self, bytes: FrameSize) -> Self {
        self.budget = Budget::of_frame_max(usize::try_from(bytes).unwrap_or(usize::MAX));
        self
    }

    /// Publishes a message as [`Channel::basic_publish`] does, with context on it.
    ///
    /// # Errors
    /// lapin's own.
    pub fn basic_publish(
        &self,
        exchange: ShortString,
        routing_key: ShortString,
        options: BasicPublishOptions,
        payload: &[u8],
        mut properties: BasicProperties,
    ) -> impl Future<Output = lapin::Result<TracedConfirm>> + Send {
        let published = future::lazy(move |_| {
            self.unawaited.sweep();
            let span = self.publishing(&exchange, &routing_key, payload, &mut properties);
            let confirms = self.channel.status().confirm();
            let channel = &self.channel;
            channel
                .basic_publish(exchange, routing_key, options, payload, properties)
                .map(move |answer| TracedConfirm::of(answer, span, confirms, &self.unawaited))
        });
        // The arguments then lie where the future comes to lie that they are given to: messages are
        // published by the thousand, and each has a future that is moved about.
        published.flatten()
    }

    /// Waits for the confirms of all messages whose [`TracedConfirm`] was dropped, as
    /// [`Channel::wait_for_confirms`] does, and ends their spans.
    ///
    /// # Errors
    /// lapin's own: the channel or the connection was lost.
    pub async fn wait_for_confirms(&self) -> lapin::Result<Vec<BasicReturnMessage>> {
        let ours = self.unawaited.wait().await;
        let mut returned = self.channel.wait_for_confirms().await?;
        returned.splice(0..0, ours?);
        Ok(returned)
    }

    /// Starts a consumer as [`Channel::basic_consume`] does.
    ///
    /// # Errors
    /// lapin's own.
    pub async fn basic_consume(
        &self,
        queue: ShortString,
        consumer_tag: ShortString,
        options: BasicConsumeOptions,
        arguments: FieldTable,
    ) -> lapin::Result<TracedConsumer> {
        let receiver = self.receivers.of(&queue);
        let consumer = self
            .channel
            .basic_consume(queue, consumer_tag, options, arguments);
        Ok(TracedConsumer::new(
            consumer.await?,
            receiver,
            options.no_ack,
        ))
    }

    /// Takes one message off a queue as [`Channel::basic_get`] does.
    ///
    /// # Errors
    /// lapin's own.
    pub async fn basic_get(
        &self,
        queue: ShortString,
        options: BasicGetOptions,
    ) -> lapin::Result<Option<TracedGetMessage>> {
        let getting = self.receivers.of(&queue).getting();
        let answer = self.channel.basic_get(queue, options).await;
        getting.end(answer, options.no_ack)
    }

    /// Acknowledges by tag, as [`Channel::basic_ack`] does.
    ///
    /// # Errors
    /// lapin's own.
    pub async fn basic_ack(
        &self,
        delivery_tag: DeliveryTag,
        options: BasicAckOptions,
    ) -> lapin::Result<()> {
        let call = self.channel.basic_ack(delivery_tag, options);
        let settlement = Settlement {
            operation: ClientOperation::Ack,
            tag: delivery_tag,
            multiple: options.multiple,
        };
        settlement.trace(self.receivers.unsettled(), call).await
    }

    /// Refuses by tag, as [`Channel::basic_nack`] does.
    ///
    /// # Errors
    /// lapin's own.
    pub async fn basic_nack(
        &self,
        delivery_tag: DeliveryTag,
        options: BasicNackOptions,
    ) -> lapin::Result<()> {
        let call = self.channel.basic_nack(delivery_tag, options);
        let settlement = Settlement {
            operation: ClientOperation::Nack,
            tag: delivery_tag,
            multiple: options.multiple,
        };
        settlement.trace(self.receivers.unsettled(), call).await
    }

    /// Rejects by tag, as [`Channel::basic_reject`] does.
    ///
    /// # Errors
    /// lapin's own.
    pub async fn basic_reject(
        &self,
        delivery_tag: DeliveryTag,
        options: BasicRejectOptions,
    ) -> lapin::Result<()> {
        let call = self.channel.basic_reject(delivery_tag, options);
        let settlement = Settlement {
            operation: ClientOperation::Reject,
            tag: delivery_tag,
            multiple: false,
        };
        settlement.trace(self.receivers.unsettled(), call).await
    }

    /// The span of a publish, whose context is on the message; `None` where there is nothing to end.
    fn publishing(
        &self,
        exchange: &ShortString,
        routing_key: &ShortString,
        payload: &[u8],
        properties: &mut BasicProperties,
    ) -> Option<Box<SendSpan>> {
        let current = Context::current();
        if !self.instrumentation.concerns(&current) {
            return None;
        }
        let sender = Sender {
            instrumentation: &self.instrumentation,
            destination: &self.published.get(exchange, routing_key),
            budget: self.budget,
            current: &current,
        };
        sender.send(properties, payload.len()).pending()
    }
}

impl Deref for TracedChannel {
    type Target = Channel;

    fn deref(&self) -> &Channel {
        &self.channel
    }
}

impl fmt::Debug for TracedChannel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // lapin's own shows the user and the messages that came back.
        f.debug_struct("TracedChannel")
            .field("id", &self.channel.id())
            .finish_non_exhaustive()
    }
}
