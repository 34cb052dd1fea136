//! A target whose server fails in the middle of runs: on FIFO queues each message arrives once, in
//! order.

use std::time::Duration;

use aws_sdk_sqs::Client;
use aws_sdk_sqs::config::retry::RetryConfig;
use tokio::time::{sleep, timeout};
use tracehop::contract::{Capacity, Message, Settlement, SinkExt as _, Source as _};
use tracehop::relay::Relay;
use tracehop::sqs::{SqsSink, SqsSource};
use tracehop::testing::sqs::{Action, Fault, SqsEndpoint};
use tracehop::worker::{Backoff, Worker};

use crate::bench::LIMIT;

const LANES: [&str; 3] = ["a", "b", "c"];
const EACH: usize = 20;

#[tokio::test]
async fn fifo_queues_lose_nothing_double_nothing_and_keep_their_order() {
    let sqs = SqsEndpoint::start().await;
    let (from, to) = (
        sqs.queue("from.fifo").create(),
        sqs.queue("to.fifo").create(),
    );
    fill(&sqs, &from).await;
    let seed = fastrand::u64(..);
    for (number, fault) in [
        Fault::FailEntries(vec![0]),
        Fault::DropReply,
        Fault::Disconnect,
        Fault::InternalError,
    ]
    .into_iter()
    .enumerate()
    {
        let rule = sqs.faults().on(Action::SendMessageBatch);
        rule.seeded(seed ^ number as u64, 0.06, fault);
    }

    // What fails is seen by the relay, and not retried below it.
    let config = sqs.config().retry_config(RetryConfig::disabled());
    let sink = SqsSink::new(Client::from_conf(config.build()), &to).unwrap();
    let source = SqsSource::builder(sqs.client(), &from).wait_time(Duration::from_secs(1));
    let short = Backoff::new(Duration::from_millis(10), Duration::from_millis(10));
    let relay = Worker::new(source.build().unwrap(), Relay::to(sink)).backoff(short);
    let emptied = async {
        let emptied = async {
            while sqs
                .depth("from.fifo")
                .is_some_and(|depth| depth.visible + depth.in_flight > 0)
            {
                sleep(Duration::from_millis(20)).await;
            }
        };
        let in_time = timeout(LIMIT, emptied).await;
        in_time.unwrap_or_else(|_| panic!("{:?}, seed {seed}", sqs.depth("from.fifo")));
    };
    relay.run_until(emptied).await.unwrap().complete().unwrap();

    let texts = received(&sqs, &to).await;
    for lane in LANES {
        let in_lane = texts.iter().filter(|text| text.starts_with(lane));
        let expected: Vec<String> = (0..EACH).map(|number| format!("{lane}{number}")).collect();
        assert!(in_lane.eq(&expected), "seed {seed}: {texts:?}");
    }
}

async fn fill(sqs: &SqsEndpoint, url: &str) {
    let messages = (0..EACH).flat_map(|number| LANES.map(|lane| (lane, number)));
    let messages = messages.map(|(lane, number)| {
        let text = format!("{lane}{number}");
        let message = Message::new(text.clone()).with_group(lane);
        message.with_dedup_id(text)
    });
    let sink = SqsSink::new(sqs.client(), url).unwrap();
    for sent in sink.send_all(messages).await {
        sent.unwrap();
    }
}

/// All that is in a queue, in the order in which it comes.
async fn received(sqs: &SqsEndpoint, url: &str) -> Vec<String> {
    let source = SqsSource::builder(sqs.client(), url).wait_time(Duration::from_secs(1));
    let source = source.build().unwrap();
    source.open(Capacity::slots(10)).await.unwrap();
    let mut texts = Vec::new();
    while texts.len() < LANES.len() * EACH {
        let received = timeout(LIMIT, source.receive(10)).await;
        for delivery in received.unwrap().unwrap() {
            texts.push(delivery.message.text().unwrap().to_owned());
            source
                .settle(delivery.receipt, Settlement::Ack)
                .await
                .unwrap();
        }
    }
    assert_eq!(sqs.depth("to.fifo").map(|depth| depth.visible), Some(0));
    texts
}
