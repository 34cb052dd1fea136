//! RabbitMQ, over AMQP 0-9-1: a traced channel around the one you have.

mod destination;
mod error;
mod url;

pub use url::AmqpUrl;
