//! What the tests share.

use std::time::Duration;

use lapin::message::Delivery;
use lapin::options::BasicGetOptions;
use lapin::types::FieldTable;
use lapin::{Channel, Connection};
use opentelemetry::Context;
use tracehop::amqp::{AmqpSink, AmqpSinkBuilder};
use tracehop::contract::{Confirm, Message, Sink};

use crate::common::{self, queues};

/// Longer than anything takes that is not wrong.
pub(crate) const LIMIT: Duration = Duration::from_secs(20);

/// A broker, a channel to it, and a queue of its own.
pub(crate) struct Rabbit {
    pub(crate) url: String,
    pub(crate) channel: Channel,
    pub(crate) queue: String,
    /// Closed when it is dropped.
    _connection: Connection,
}

impl Rabbit {
    /// None where there is no broker.
    pub(crate) async fn new() -> Option<Self> {
        Some(Self::at(common::rabbitmq()?, &common::unique("sink")).await)
    }

    pub(crate) async fn at(url: String, queue: &str) -> Self {
        let (channel, connection) = queues::channel(&url).await;
        let declared = queues::declare(&channel, queue, FieldTable::default());
        declared.await.unwrap();
        Self {
            url,
            channel,
            queue: queue.to_owned(),
            _connection: connection,
        }
    }

    /// A sink on the queue.
    pub(crate) fn builder(&self) -> AmqpSinkBuilder {
        AmqpSink::builder(self.url.as_str(), "").routing_key(self.queue.as_str())
    }

    pub(crate) fn sink(&self) -> AmqpSink {
        self.builder().build().unwrap()
    }

    /// Takes the next message off the queue.
    pub(crate) async fn get(&self) -> Option<Delivery> {
        let queue = self.queue.as_str().into();
        let got = self
            .channel
            .basic_get(queue, BasicGetOptions { no_ack: true });
        got.await.unwrap().map(|message| message.delivery)
    }

    /// Takes everything off the queue.
    pub(crate) async fn bodies(&self) -> Vec<String> {
        let mut bodies = Vec::new();
        while let Some(delivery) = self.get().await {
            bodies.push(String::from_utf8(delivery.data).unwrap());
        }
        bodies
    }
}

pub(crate) async fn enqueue(sink: &AmqpSink, message: Message) -> Confirm {
    sink.enqueue(message, &Context::new()).await.unwrap()
}
