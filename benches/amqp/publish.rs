//! Messages of 200 bytes, with a thousand confirms in flight.

use std::collections::VecDeque;
use std::future::Future;

use lapin::options::{BasicPublishOptions, ConfirmSelectOptions};
use lapin::types::ShortString;
use lapin::{BasicProperties, Confirmation};
use tracehop::amqp::TracedChannel;

use super::queue::{connect, url};
use super::rounds::{MESSAGES, WARM_UP};

const IN_FLIGHT: usize = 1_000;
const PAYLOAD: [u8; 200] = [b'x'; 200];

pub(crate) async fn raw<S>(queue: &str, start: impl FnOnce() -> S) -> S {
    let (_connection, channel) = connect().await;
    let confirms = ConfirmSelectOptions::default();
    channel.confirm_select(confirms).await.expect("confirms");
    let queue = ShortString::from(queue);
    let publish = async || {
        let (options, properties) = (BasicPublishOptions::default(), BasicProperties::default());
        let publish =
            channel.basic_publish("".into(), queue.clone(), options, &PAYLOAD, properties);
        publish.await
    };
    run(publish, start).await
}

pub(crate) async fn traced<S>(queue: &str, start: impl FnOnce() -> S) -> S {
    let (_connection, channel) = connect().await;
    let channel = TracedChannel::new(channel).server(&url());
    let confirms = ConfirmSelectOptions::default();
    channel.confirm_select(confirms).await.expect("confirms");
    let queue = ShortString::from(queue);
    let publish = async || {
        let (options, properties) = (BasicPublishOptions::default(), BasicProperties::default());
        let publish =
            channel.basic_publish("".into(), queue.clone(), options, &PAYLOAD, properties);
        publish.await
    };
    run(publish, start).await
}

async fn run<S, C>(publish: impl AsyncFn() -> lapin::Result<C>, start: impl FnOnce() -> S) -> S
where
    C: Future<Output = lapin::Result<Confirmation>>,
{
    publish_all(&publish, WARM_UP).await;
    let started = start();
    publish_all(&publish, MESSAGES).await;
    started
}

async fn publish_all<C>(publish: &impl AsyncFn() -> lapin::Result<C>, count: u32)
where
    C: Future<Output = lapin::Result<Confirmation>>,
{
    let mut in_flight = VecDeque::with_capacity(IN_FLIGHT);
    for _ in 0..count {
        if in_flight.len() == IN_FLIGHT {
            confirmed(in_flight.pop_front()).await;
        }
        in_flight.push_back(publish().await.expect("published"));
    }
    while !in_flight.is_empty() {
        confirmed(in_flight.pop_front()).await;
    }
}

async fn confirmed<C>(confirm: Option<C>)
where
    C: Future<Output = lapin::Result<Confirmation>>,
{
    let confirmation = confirm.expect("one in flight").await;
    assert!(confirmation.expect("a confirm").is_ack());
}
