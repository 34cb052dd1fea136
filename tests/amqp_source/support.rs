//! What the tests share.

use std::time::Duration;

use lapin::options::{
    BasicPublishOptions, ConfirmSelectOptions, QueueBindOptions, QueueDeclareOptions,
};
use lapin::types::{AMQPValue, FieldTable};
use lapin::{BasicProperties, Channel, Confirmation, Connection};
use tokio::time::timeout;
use tracehop::amqp::{AmqpReceipt, AmqpSource, AmqpSourceBuilder};
use tracehop::contract::{Capacity, Delivery, Settled, Settlement, Source};

use crate::common::{self, queues};

/// Longer than anything takes that is not wrong.
pub(crate) const LIMIT: Duration = Duration::from_secs(20);

pub(crate) const SECOND: Duration = Duration::from_secs(1);

/// A broker, a channel to it, and a queue of its own.
pub(crate) struct Rabbit {
    pub(crate) url: String,
    pub(crate) channel: Channel,
    pub(crate) queue: String,
    /// Closed when it is dropped.
    pub(crate) _connection: Connection,
}

impl Rabbit {
    /// With a queue of that type and of these further arguments; none where there is no broker.
    pub(crate) async fn with_queue(kind: &str, arguments: &[(&str, &str)]) -> Option<Self> {
        let url = common::rabbitmq()?;
        Some(Self::at(url, kind, arguments).await)
    }

    pub(crate) async fn classic() -> Option<Self> {
        Self::with_queue("classic", &[]).await
    }

    pub(crate) async fn quorum() -> Option<Self> {
        Self::with_queue("quorum", &[]).await
    }

    pub(crate) async fn at(url: String, kind: &str, arguments: &[(&str, &str)]) -> Self {
        let rabbit = Self::of(url, common::unique("source")).await;
        rabbit.declare(&rabbit.queue, kind, arguments).await;
        rabbit
    }

    /// With a queue that is there.
    pub(crate) async fn of(url: String, queue: String) -> Self {
        let (channel, connection) = queues::channel(&url).await;
        let confirms = ConfirmSelectOptions::default();
        channel.confirm_select(confirms).await.unwrap();
        Self {
            url,
            channel,
            queue,
            _connection: connection,
        }
    }

    pub(crate) async fn declare(&self, queue: &str, kind: &str, arguments: &[(&str, &str)]) {
        declare(&self.channel, queue, kind, arguments)
            .await
            .unwrap();
    }

    /// A dead-letter queue's name, with the exchange bound to it.
    pub(crate) async fn dead_letter_queue(&self, exchange: &str) -> String {
        let queue = common::unique("dead");
        self.declare(&queue, "classic", &[]).await;
        let bind = QueueBindOptions::default();
        let bound = self.channel.queue_bind(
            queue.as_str().into(),
            exchange.into(),
            "".into(),
            bind,
            FieldTable::default(),
        );
        bound.await.unwrap();
        queue
    }

    pub(crate) fn builder(&self) -> AmqpSourceBuilder {
        AmqpSource::builder(self.url.as_str(), self.queue.as_str())
    }

    pub(crate) async fn source(&self, slots: usize) -> AmqpSource {
        opened(self.builder(), slots).await
    }

    /// Publishes numbered messages with ids, and waits until the broker has them.
    pub(crate) async fn send(&self, numbers: std::ops::Range<usize>) {
        for number in numbers {
            let id = format!("m-{number}");
            let properties = BasicProperties::default()
                .with_delivery_mode(2)
                .with_message_id(id.into());
            self.publish(&number.to_string(), properties).await;
        }
    }

    pub(crate) async fn publish(&self, body: &str, properties: BasicProperties) {
        let options = BasicPublishOptions {
            mandatory: true,
            ..BasicPublishOptions::default()
        };
        let queue = self.queue.as_str().into();
        let published =
            self.channel
                .basic_publish("".into(), queue, options, body.as_bytes(), properties);
        let confirmation = published.await.unwrap().await.unwrap();
        assert_eq!(confirmation, Confirmation::Ack(None));
    }

    /// How many messages are ready in a queue.
    pub(crate) async fn ready(&self, queue: &str) -> u32 {
        let options = QueueDeclareOptions {
            passive: true,
            ..QueueDeclareOptions::default()
        };
        let nothing = FieldTable::default();
        let declared = self.channel.queue_declare(queue.into(), options, nothing);
        declared.await.unwrap().message_count()
    }

    /// Waits until that many messages are ready in the queue.
    pub(crate) async fn until_ready(&self, queue: &str, count: u32) {
        let wait = async {
            while self.ready(queue).await != count {
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        };
        let waited = timeout(LIMIT, wait).await;
        assert!(waited.is_ok(), "{count} are not ready in {queue}");
    }
}

pub(crate) async fn declare(
    channel: &Channel,
    queue: &str,
    kind: &str,
    arguments: &[(&str, &str)],
) -> lapin::Result<()> {
    let mut table = queues::of_type(kind);
    for (name, value) in arguments {
        let value = match value.parse() {
            Ok(number) => AMQPValue::LongLongInt(number),
            Err(_) => AMQPValue::LongString((*value).into()),
        };
        table.insert((*name).into(), value);
    }
    queues::declare(channel, queue, table).await
}

pub(crate) async fn opened(builder: AmqpSourceBuilder, slots: usize) -> AmqpSource {
    let source = builder.build().unwrap();
    source.open(Capacity::slots(slots)).await.unwrap();
    source
}

/// The next delivery.
pub(crate) async fn next(source: &AmqpSource) -> Delivery<AmqpReceipt> {
    let received = timeout(LIMIT, source.receive(1)).await;
    let mut deliveries = received.expect("a message in time").unwrap();
    deliveries.pop().expect("a source that is open")
}

pub(crate) async fn take(source: &AmqpSource, count: usize) -> Vec<Delivery<AmqpReceipt>> {
    let mut taken = Vec::new();
    while taken.len() < count {
        taken.push(next(source).await);
    }
    taken
}

pub(crate) fn body(delivery: &Delivery<AmqpReceipt>) -> String {
    delivery.message.text().unwrap().to_owned()
}

pub(crate) async fn settle(
    source: &AmqpSource,
    delivery: Delivery<AmqpReceipt>,
    how: Settlement,
) -> Settled {
    source.settle(delivery.receipt, how).await.unwrap()
}

pub(crate) async fn nothing_comes(source: &AmqpSource, time: Duration) {
    let received = timeout(time, source.receive(1)).await;
    assert!(received.is_err(), "{received:?}");
}

pub(crate) async fn close(source: &AmqpSource) {
    let deadline = tokio::time::Instant::now() + LIMIT;
    source.close(deadline).await.unwrap();
}
