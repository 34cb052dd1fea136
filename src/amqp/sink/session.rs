use std::sync::Arc;
use std::time::Duration;

use futures_util::FutureExt as _;
use futures_util::future::BoxFuture;
use lapin::message::BasicReturnMessage;
use lapin::options::{BasicPublishOptions, ConfirmSelectOptions};
use lapin::types::{ReplyCode, ShortString};
use lapin::{Channel, Confirmation, Connection, ConnectionProperties};

use super::flights::{Mark, Word};
use super::outgoing::Envelope;
use crate::amqp::AmqpUrl;
use crate::amqp::failure::{failure, timeout};
use crate::amqp::topology::Topology;
use crate::contract::{Destination, Operation, Result};

/// How to get to the exchange.
#[derive(Debug)]
pub(super) struct Dialer {
    pub(super) url: AmqpUrl,
    pub(super) destination: Arc<Destination>,
    pub(super) exchange: ShortString,
    pub(super) topology: Option<Topology>,
    pub(super) mandatory: bool,
    pub(super) patience: Duration,
}

/// One connection with one channel that publishes. It is never recovered.
#[derive(Debug)]
pub(super) struct Session {
    connection: Connection,
    channel: Channel,
    exchange: ShortString,
    options: BasicPublishOptions,
    /// The largest frame that the broker takes, in bytes; 0 for no limit.
    pub(super) frame_max: usize,
}

/// The answer to one publish: its number, the broker's word, and a return that came with it.
pub(super) type Answer = (u64, Word, Option<(Mark, ReplyCode)>);

impl Dialer {
    /// Connects, declares what the user wants declared, and asks for confirms.
    pub(super) async fn open(&self) -> Result<Session> {
        let opened = tokio::time::timeout(self.patience, self.try_open()).await;
        let Ok(opened) = opened else {
            return Err(timeout(Operation::Send, &self.destination, self.patience));
        };
        opened.map_err(|error| failure(Operation::Send, &self.destination, &error))
    }

    async fn try_open(&self) -> lapin::Result<Session> {
        let properties = ConnectionProperties::default();
        let connection = self.url.connect(properties).await?;
        if let Some(topology) = &self.topology {
            topology.declare(&connection).await?;
        }
        let channel = connection.create_channel().await?;
        let confirms = ConfirmSelectOptions::default();
        channel.confirm_select(confirms).await?;
        let frame_max = connection.configuration().frame_max();
        Ok(Session {
            frame_max: usize::try_from(frame_max).unwrap_or_default(),
            connection,
            channel,
            exchange: self.exchange.clone(),
            options: BasicPublishOptions {
                mandatory: self.mandatory,
                ..BasicPublishOptions::default()
            },
        })
    }
}

impl Session {
    /// Whether the client counts the connection and its channel as there.
    pub(super) fn is_alive(&self) -> bool {
        self.connection.status().connected() && self.channel.status().connected()
    }

    /// Publishes a message; it is on its way in its place in the order once this was polled.
    pub(super) fn publish(&self, number: u64, envelope: Envelope) -> BoxFuture<'static, Answer> {
        let channel = self.channel.clone();
        let (exchange, options) = (self.exchange.clone(), self.options);
        async move {
            let Envelope {
                routing_key,
                properties,
                payload,
            } = envelope;
            let published =
                channel.basic_publish(exchange, routing_key, options, &payload, properties);
            let confirmed = match published.await {
                Ok(confirm) => confirm.await,
                Err(error) => Err(error),
            };
            match confirmed {
                Ok(Confirmation::Ack(returned)) => {
                    (number, Word::Acked, returned.as_ref().map(read))
                }
                Ok(Confirmation::Nack(returned)) => {
                    (number, Word::Nacked, returned.as_ref().map(read))
                }
                Ok(Confirmation::NotRequested) => (number, Word::Acked, None),
                Err(error) => (number, Word::Lost(error), None),
            }
        }
        .boxed()
    }
}

/// What a returned message was, and why it came back.
fn read(message: &BasicReturnMessage) -> (Mark, ReplyCode) {
    let message_id = message.properties.message_id().clone();
    let mark = Mark {
        routing_key: message.routing_key.to_string(),
        message_id: message_id.map(String::from).unwrap_or_default(),
    };
    (mark, message.reply_code)
}
