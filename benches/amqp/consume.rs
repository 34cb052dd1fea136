//! Messages of a queue that is full, acknowledged a hundred at a time: a task that waits for an
//! acknowledgement of each message wakes lapin's thread for it, and the measure is of that.

use std::convert::Infallible;

use futures_util::{Stream, StreamExt};
use lapin::message::Delivery;
use lapin::options::{BasicAckOptions, BasicConsumeOptions, BasicQosOptions};
use lapin::types::FieldTable;
use tracehop::amqp::{TracedChannel, TracedDelivery};

use super::load::{ACKNOWLEDGED, MESSAGES, WARM_UP};
use super::queue::{connect, url};

const PREFETCH: u16 = 1_000;
const ALL_SO_FAR: BasicAckOptions = BasicAckOptions { multiple: true };

pub(crate) async fn raw<S>(queue: &str, start: impl FnOnce() -> S) -> S {
    let (_connection, channel) = connect().await;
    let qos = channel.basic_qos(PREFETCH, BasicQosOptions::default());
    qos.await.expect("a prefetch");
    let options = BasicConsumeOptions::default();
    let consumer = channel.basic_consume(queue.into(), "".into(), options, FieldTable::default());
    let handle = async |delivery: Delivery, acks: bool| {
        let Ok(()) = handle(&delivery).await;
        if acks {
            assert!(delivery.ack(ALL_SO_FAR).await.expect("acknowledged"));
        }
    };
    run(consumer.await.expect("a consumer"), handle, start).await
}

pub(crate) async fn traced<S>(queue: &str, start: impl FnOnce() -> S) -> S {
    let (_connection, channel) = connect().await;
    let channel = TracedChannel::new(channel).server(&url());
    let qos = channel.basic_qos(PREFETCH, BasicQosOptions::default());
    qos.await.expect("a prefetch");
    let options = BasicConsumeOptions::default();
    let consumer = channel.basic_consume(queue.into(), "".into(), options, FieldTable::default());
    let handle = async |delivery: TracedDelivery, acks: bool| {
        let Ok(()) = delivery.process(handle(&delivery)).await;
        if acks {
            assert!(delivery.ack(ALL_SO_FAR).await.expect("acknowledged"));
        }
    };
    run(consumer.await.expect("a consumer"), handle, start).await
}

async fn run<S, D>(
    mut deliveries: impl Stream<Item = lapin::Result<D>> + Unpin,
    handle: impl AsyncFn(D, bool),
    start: impl FnOnce() -> S,
) -> S {
    let mut take = async |count: u32| {
        for number in 1..=count {
            let delivery = deliveries.next().await.expect("a consumer");
            let acks = number % ACKNOWLEDGED == 0;
            handle(delivery.expect("a message"), acks).await;
        }
    };
    take(WARM_UP).await;
    let started = start();
    take(MESSAGES).await;
    started
}

async fn handle(delivery: &Delivery) -> Result<(), Infallible> {
    std::hint::black_box(&delivery.data);
    std::future::ready(Ok(())).await
}
