//! RabbitMQ, over AMQP 0-9-1: a traced channel around the one you have.

mod channel;
mod confirm;
mod consumer;
mod delivery;
mod destination;
mod error;
mod facts;
mod receiver;
mod send;
mod settle;
mod url;

pub use channel::TracedChannel;
pub use confirm::TracedConfirm;
pub use consumer::TracedConsumer;
pub use delivery::{TracedDelivery, TracedGetMessage};
pub use url::AmqpUrl;
