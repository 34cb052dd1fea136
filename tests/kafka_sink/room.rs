//! How much a sink takes.

use std::time::Duration;

use opentelemetry::Context;
use rdkafka::Message as _;
use tokio::time::timeout;
use tracehop::contract::{Message, Sink as _};
use tracehop::kafka::KafkaSink;

use super::support::{LIMIT, Mock, TOPIC};

/// A call that is dropped while it waits has enqueued nothing.
#[tokio::test]
async fn enqueueing_waits_for_room_and_for_nothing_else() {
    let mock = Mock::start();
    let mut config = mock.config();
    config.set("queue.buffering.max.messages", "5");
    let sink = KafkaSink::builder(config, TOPIC).partition(|_| Some(0));
    let sink = sink.build().unwrap();
    mock.down();
    let mut confirms = Vec::new();
    let enqueue = |number: usize| {
        let sink = &sink;
        async move {
            sink.enqueue(Message::new(number.to_string()), &Context::new())
                .await
        }
    };
    for number in 0..5 {
        let enqueued = timeout(LIMIT, enqueue(number)).await;
        confirms.push(enqueued.unwrap().unwrap());
    }
    let full = timeout(Duration::from_millis(300), enqueue(99)).await;
    assert!(full.is_err(), "there was no room for another");
    let waiting = timeout(LIMIT, enqueue(5));
    let (sixth, ()) = tokio::join!(waiting, async { mock.up() });
    confirms.push(sixth.unwrap().unwrap());
    for confirm in confirms {
        timeout(LIMIT, confirm).await.unwrap().unwrap();
    }
    let records = mock.records(6).await;
    let texts = records.iter().map(|record| record.payload().unwrap());
    assert!(texts.eq([b"0", b"1", b"2", b"3", b"4", b"5"]));
}

#[tokio::test]
async fn a_dropped_sink_sends_what_it_was_given() {
    let mock = Mock::start();
    let mut config = mock.config();
    config.set("linger.ms", "300");
    let sink = KafkaSink::new(config, TOPIC).unwrap();
    let confirm = sink.enqueue(Message::new("last"), &Context::new()).await;
    drop(sink);
    timeout(LIMIT, confirm.unwrap()).await.unwrap().unwrap();
    assert_eq!(mock.records(1).await[0].payload(), Some(b"last".as_slice()));
}
