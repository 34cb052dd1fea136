//! Records of 200 bytes, a thousand of them in flight.

use std::any::Any;
use std::collections::VecDeque;
use std::future::Future;

use rdkafka::message::{Header, OwnedHeaders};
use rdkafka::producer::{DeliveryFuture, FutureProducer, FutureRecord};
use tracehop::kafka::TracedProducer;

use super::load::{KEY, MESSAGES, WARM_UP};
use super::topic::config;

const IN_FLIGHT: usize = 1_000;

type Record<'a> = FutureRecord<'a, str, [u8]>;

/// Answers with the producer: its threads' CPU time counts as long as they live. `headers`: with
/// two such as context has.
pub(crate) async fn raw<S>(
    topic: &str,
    headers: bool,
    start: impl FnOnce() -> S,
) -> (S, Box<dyn Any>) {
    let producer: FutureProducer = config().create().expect("a producer");
    let send = |mut record: Record<'_>| {
        record.headers = headers.then(context);
        producer.send_result(record).map_err(|(error, _)| error)
    };
    let started = produce(topic, |record| send(record).expect("room"), start).await;
    (started, Box::new(producer))
}

fn context() -> OwnedHeaders {
    let traceparent = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
    let headers = [("traceparent", traceparent), ("baggage", "tenant=acme")];
    let none = OwnedHeaders::new_with_capacity(headers.len());
    headers.iter().fold(none, |all, (key, value)| {
        all.insert(Header {
            key,
            value: Some(*value),
        })
    })
}

pub(crate) async fn traced<S>(topic: &str, start: impl FnOnce() -> S) -> (S, Box<dyn Any>) {
    let producer: TracedProducer = config().create().expect("a producer");
    let send = |record: Record<'_>| producer.send_result(record).map_err(|(error, _)| error);
    let started = produce(topic, |record| send(record).expect("room"), start).await;
    (started, Box::new(producer))
}

async fn produce<S, D>(topic: &str, send: impl Fn(Record<'_>) -> D, start: impl FnOnce() -> S) -> S
where
    D: Future<Output = <DeliveryFuture as Future>::Output>,
{
    let payload = [b'x'; 200];
    run(topic, &payload, &send, WARM_UP).await;
    let started = start();
    run(topic, &payload, &send, MESSAGES).await;
    started
}

async fn run<D>(topic: &str, payload: &[u8], send: &impl Fn(Record<'_>) -> D, count: u32)
where
    D: Future<Output = <DeliveryFuture as Future>::Output>,
{
    let mut in_flight = VecDeque::with_capacity(IN_FLIGHT);
    for _ in 0..count {
        if in_flight.len() == IN_FLIGHT {
            delivered(in_flight.pop_front()).await;
        }
        in_flight.push_back(send(FutureRecord::to(topic).key(KEY).payload(payload)));
    }
    while !in_flight.is_empty() {
        delivered(in_flight.pop_front()).await;
    }
}

async fn delivered<D>(delivery: Option<D>)
where
    D: Future<Output = <DeliveryFuture as Future>::Output>,
{
    let delivery = delivery.expect("one in flight").await;
    delivery.expect("a producer").expect("delivered");
}
