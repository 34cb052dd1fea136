use std::sync::Arc;
use std::time::Duration;

use futures_util::StreamExt as _;
use lapin::options::{BasicCancelOptions, BasicConsumeOptions, BasicQosOptions};
use lapin::types::{FieldTable, ShortString};
use lapin::{Channel, Connection, ConnectionProperties, Consumer};

use super::retry::RetryQueues;
use crate::amqp::AmqpUrl;
use crate::amqp::failure::{failure, timeout};
use crate::amqp::topology::Topology;
use crate::contract::{Destination, Operation, Result};

/// How to get to the queue.
#[derive(Debug)]
pub(super) struct Dialer {
    pub(super) url: AmqpUrl,
    pub(super) queue: ShortString,
    pub(super) destination: Arc<Destination>,
    pub(super) topology: Option<Topology>,
    pub(super) retry_queues: Option<RetryQueues>,
    pub(super) prefetch: u16,
    pub(super) patience: Duration,
}

/// One connection with one channel that consumes. What it brings and how that is settled ends with
/// it: it is never recovered, because delivery tags start again at 1 on a new channel.
#[derive(Debug)]
pub(super) struct Session {
    pub(super) connection: Arc<Connection>,
    channel: Channel,
    /// What copies go to retry queues on.
    pub(super) retries: Option<Channel>,
    /// None once it was cancelled.
    pub(super) consumer: Option<Consumer>,
}

impl Dialer {
    /// Connects, declares what the user wants declared, and consumes.
    pub(super) async fn open(&self) -> Result<Session> {
        let opened = tokio::time::timeout(self.patience, self.try_open()).await;
        let Ok(opened) = opened else {
            return Err(timeout(Operation::Open, &self.destination, self.patience));
        };
        opened.map_err(|error| failure(Operation::Open, &self.destination, &error))
    }

    async fn try_open(&self) -> lapin::Result<Session> {
        let properties = ConnectionProperties::default();
        let connection = self.url.connect(properties).await?;
        if let Some(topology) = &self.topology {
            topology.declare(&connection).await?;
        }
        let retries = match &self.retry_queues {
            Some(queues) => Some(queues.open(&connection).await?),
            None => None,
        };
        let channel = connection.create_channel().await?;
        channel
            .basic_qos(self.prefetch, BasicQosOptions::default())
            .await?;
        let mut session = Session {
            connection: Arc::new(connection),
            channel,
            retries,
            consumer: None,
        };
        session.consume(self.queue.clone()).await?;
        Ok(session)
    }
}

impl Session {
    /// Starts a consumer, with all of its prefetch free.
    pub(super) async fn consume(&mut self, queue: ShortString) -> lapin::Result<()> {
        let options = BasicConsumeOptions::default();
        let consuming =
            self.channel
                .basic_consume(queue, "".into(), options, FieldTable::default());
        self.consumer = Some(consuming.await?);
        Ok(())
    }

    /// Stops the consumer; what it still had is handed to `left`.
    pub(super) async fn cancel(
        &mut self,
        mut left: impl FnMut(lapin::message::Delivery),
    ) -> lapin::Result<()> {
        let Some(mut consumer) = self.consumer.take() else {
            return Ok(());
        };
        let tag = consumer.tag();
        self.channel
            .basic_cancel(tag, BasicCancelOptions::default())
            .await?;
        while let Some(delivery) = consumer.next().await {
            left(delivery?);
        }
        Ok(())
    }

    /// Returns when the broker has read all that was sent on the channel before.
    pub(super) async fn synchronize(&self, prefetch: u16) -> lapin::Result<()> {
        let qos = self.channel.basic_qos(prefetch, BasicQosOptions::default());
        qos.await
    }
}
