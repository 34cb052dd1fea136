//! Messages of 200 bytes, a thousand of them in flight.

use std::future::Future;

use futures_util::{StreamExt, stream};
use lapin::options::{BasicPublishOptions, ConfirmSelectOptions};
use lapin::types::{AMQPValue, FieldTable, ShortString};
use lapin::{BasicProperties, Confirmation};
use tracehop::amqp::TracedChannel;

use super::load::{MESSAGES, WARM_UP};
use super::queue::{connect, url};

const IN_FLIGHT: usize = 1_000;
const PAYLOAD: [u8; 200] = [b'x'; 200];

/// `headers`: with two such as context has.
pub(crate) async fn raw<S>(queue: &str, headers: bool, start: impl FnOnce() -> S) -> S {
    let (_connection, channel) = connect().await;
    let confirms = ConfirmSelectOptions::default();
    channel.confirm_select(confirms).await.expect("confirms");
    let queue = ShortString::from(queue);
    let publish = async || {
        let mut properties = BasicProperties::default();
        if headers {
            properties = properties.with_headers(context());
        }
        let options = BasicPublishOptions::default();
        let publish =
            channel.basic_publish("".into(), queue.clone(), options, &PAYLOAD, properties);
        publish.await
    };
    run(publish, start).await
}

fn context() -> FieldTable {
    let traceparent = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
    let mut headers = FieldTable::default();
    for (name, value) in [("traceparent", traceparent), ("baggage", "tenant=acme")] {
        headers.insert(name.into(), AMQPValue::LongString(value.into()));
    }
    headers
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

/// Published one after the other without waiting in between: a task that waits for each write wakes
/// lapin's thread for every message, and the measure is of that.
async fn publish_all<C>(publish: &impl AsyncFn() -> lapin::Result<C>, count: u32)
where
    C: Future<Output = lapin::Result<Confirmation>>,
{
    stream::iter(0..count)
        .map(async |_| {
            let confirm = publish().await.expect("published");
            assert!(confirm.await.expect("a confirm").is_ack());
        })
        .buffer_unordered(IN_FLIGHT)
        .for_each(async |()| {})
        .await;
}
