//! The records of one partition, from its beginning.

use std::any::Any;
use std::convert::Infallible;
use std::hint::black_box;

use rdkafka::consumer::{Consumer as _, StreamConsumer};
use rdkafka::message::{Headers, Message};
use rdkafka::topic_partition_list::{Offset, TopicPartitionList};
use tracehop::kafka::{KafkaCluster, TracedConsumer};

use super::load::{GROUP, MESSAGES, Mode, WARM_UP};
use super::topic::config;

/// Answers with the consumer: its threads' CPU time counts as long as they live. `headers`: they
/// are looked at.
pub(crate) async fn raw<S>(
    topic: &str,
    mode: Mode,
    headers: bool,
    start: impl FnOnce() -> S,
) -> (S, Box<dyn Any>) {
    let consumer = consumer(topic);
    let take = async |count| {
        for _ in 0..count {
            let message = consumer.recv().await.expect("a record");
            if headers {
                let headers = message.headers().into_iter();
                headers
                    .flat_map(Headers::iter)
                    .for_each(|header| _ = black_box(header));
            }
            if mode == Mode::Consume {
                let Ok(()) = handle(&message).await;
            }
        }
    };
    take(WARM_UP).await;
    let started = start();
    take(MESSAGES).await;
    (started, Box::new(consumer))
}

pub(crate) async fn traced<S>(
    topic: &str,
    mode: Mode,
    start: impl FnOnce() -> S,
) -> (S, Box<dyn Any>) {
    let consumer = TracedConsumer::new(consumer(topic), KafkaCluster::from_config(&config()));
    let take = async |count| {
        for _ in 0..count {
            let message = consumer.recv().await.expect("a record");
            if mode == Mode::Consume {
                let Ok(()) = consumer.process(&message, handle(&message)).await;
            }
        }
    };
    take(WARM_UP).await;
    let started = start();
    take(MESSAGES).await;
    (started, Box::new(consumer))
}

/// A slow consumer would wait up to a second at a time with librdkafka's default back-off.
fn consumer(topic: &str) -> StreamConsumer {
    let mut config = config();
    config.set("group.id", GROUP);
    config.set("fetch.queue.backoff.ms", "10");
    let consumer: StreamConsumer = config.create().expect("a consumer");
    let mut partition = TopicPartitionList::new();
    let beginning = partition.add_partition_offset(topic, 0, Offset::Beginning);
    beginning.expect("an offset");
    consumer.assign(&partition).expect("assigned");
    consumer
}

async fn handle(message: &impl Message) -> Result<(), Infallible> {
    black_box(message.payload());
    std::future::ready(Ok(())).await
}
