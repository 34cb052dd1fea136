//! RabbitMQ, over AMQP 0-9-1: a traced channel around the one you have, and a source and a sink for
//! workers.

mod attempt;
mod channel;
mod confirm;
mod consumer;
mod delivery;
mod destination;
mod error;
mod facts;
mod failure;
mod mapping;
mod receiver;
mod send;
mod settle;
mod sink;
mod source;
mod topology;
mod url;
mod value;

pub use channel::TracedChannel;
pub use confirm::TracedConfirm;
pub use consumer::TracedConsumer;
pub use delivery::{TracedDelivery, TracedGetMessage};
pub use sink::{AmqpSink, AmqpSinkBuilder};
pub use source::{AmqpReceipt, AmqpSource, AmqpSourceBuilder};
pub use url::AmqpUrl;
