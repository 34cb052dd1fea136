//! The last broker: the RabbitMQ at `AMQP_URL` where one is reachable, else the memory broker.

use std::env;
use std::time::Duration;

use lapin::ConnectionProperties;
use lapin::options::QueueDeclareOptions;
use lapin::types::{AMQPValue, FieldTable};
use tokio::time::timeout;
use tracehop::amqp::{AmqpSink, AmqpSource, AmqpUrl};
use tracehop::memory::MemoryBroker;

use super::Result;
use super::service::Service;

/// How long RabbitMQ may take to answer.
const PATIENCE: Duration = Duration::from_secs(3);
/// After so long without a consumer RabbitMQ drops the queue, in milliseconds.
const EXPIRES: i32 = 60_000;
const DELIVERIES: &str = "deliveries";

/// A queue of deliveries.
pub(super) enum Doorstep {
    Rabbit {
        url: String,
        queue: String,
    },
    Memory {
        broker: MemoryBroker,
        why: &'static str,
    },
}

impl Doorstep {
    pub(super) async fn open() -> Self {
        let memory = |why| Self::Memory {
            broker: MemoryBroker::new(),
            why,
        };
        let Ok(url) = env::var("AMQP_URL") else {
            return memory("AMQP_URL names a RabbitMQ");
        };
        let queue = format!("tracehop-demo-{:08x}", fastrand::u32(..));
        match timeout(PATIENCE, declare(&url, &queue)).await {
            Ok(Ok(())) => Self::Rabbit { url, queue },
            // The error may tell of the URL, which has a password in it.
            Ok(Err(_)) | Err(_) => memory("the RabbitMQ at AMQP_URL cannot be reached"),
        }
    }

    /// Which broker it is.
    pub(super) fn name(&self) -> String {
        match self {
            Self::Rabbit { .. } => "RabbitMQ".into(),
            Self::Memory { why, .. } => format!("a broker in memory ({why})"),
        }
    }

    /// The name of the queue.
    pub(super) fn queue(&self) -> &str {
        match self {
            Self::Rabbit { queue, .. } => queue,
            Self::Memory { .. } => DELIVERIES,
        }
    }
}

/// A RabbitMQ, for a worker and for what feeds it.
pub(super) fn sink(service: &Service, url: &str, queue: &str) -> Result<AmqpSink> {
    let sink = AmqpSink::builder(url, "").routing_key(queue);
    Ok(sink.instrumentation(service.instrumentation()).build()?)
}

pub(super) fn source(service: &Service, url: &str, queue: &str) -> Result<AmqpSource> {
    let source = AmqpSource::builder(url, queue).dead_letters(true);
    Ok(source.instrumentation(service.instrumentation()).build()?)
}

async fn declare(url: &str, queue: &str) -> Result<()> {
    let url: AmqpUrl = url.parse()?;
    let connection = url.connect(ConnectionProperties::default()).await?;
    let channel = connection.create_channel().await?;
    let mut arguments = FieldTable::default();
    arguments.insert("x-expires".into(), AMQPValue::LongInt(EXPIRES));
    let declare = channel.queue_declare(queue.into(), QueueDeclareOptions::default(), arguments);
    declare.await?;
    connection.close(200, "declared".into()).await?;
    Ok(())
}
