//! How messages are gathered.

use std::time::Duration;

use opentelemetry::Context;
use tracehop::contract::{Message, Sink, SinkExt};
use tracehop::testing::sqs::{Action, Fault, SqsEndpoint};

use crate::support::{batches, builder, client, enqueue, received, requests};

#[tokio::test]
async fn messages_of_several_callers_go_in_one_request_each_with_its_own_confirm() {
    let sqs = SqsEndpoint::start().await;
    let url = sqs.queue("orders").create();
    let sink = builder(&sqs, &url).build().unwrap();
    let sends = (0..10).map(|number| sink.send(Message::new(number.to_string())));
    let sent = futures_util::future::join_all(sends).await;
    assert_eq!(sqs.count(Action::SendMessageBatch), 1);
    let messages = received(&client(&sqs), &url).await;
    assert_eq!(messages.len(), 10);
    for (number, sent) in sent.into_iter().enumerate() {
        let id = sent.unwrap().message_id;
        let message = messages
            .iter()
            .find(|message| message.message_id == id)
            .unwrap();
        assert_eq!(message.body(), Some(number.to_string().as_str()));
    }
}

#[tokio::test]
async fn a_message_that_stays_alone_goes_after_the_linger() {
    let sqs = SqsEndpoint::start().await;
    let url = sqs.queue("orders").create();
    let sink = builder(&sqs, &url).build().unwrap();
    sink.send(Message::new("alone")).await.unwrap();
    assert_eq!(batches(&sqs), [["alone"]]);
}

#[tokio::test]
async fn many_messages_cost_a_tenth_of_a_request_each() {
    let sqs = SqsEndpoint::start().await;
    let url = sqs.queue("orders").create();
    let sink = builder(&sqs, &url).build().unwrap();
    let messages = (0..500).map(|number| Message::new(number.to_string()));
    let sent = sink.send_all(messages).await;
    assert!(sent.iter().all(Result::is_ok));
    assert!(sqs.total_count() <= 51, "{}", sqs.total_count());
}

#[tokio::test]
async fn large_messages_do_not_push_a_batch_above_what_servers_take() {
    let sqs = SqsEndpoint::start().await;
    let url = sqs.queue("orders").create();
    let sink = builder(&sqs, &url).build().unwrap();
    let large = || Message::new(vec![b'x'; 100_000]);
    let sent = sink.send_all([large(), large(), large(), large()]).await;
    assert!(sent.iter().all(Result::is_ok), "{sent:?}");
    let sizes: Vec<usize> = batches(&sqs).iter().map(Vec::len).collect();
    assert_eq!(sizes, [2, 2]);
}

#[tokio::test]
async fn without_gathering_each_is_a_call_of_its_own() {
    let sqs = SqsEndpoint::start().await;
    let url = sqs.queue("orders").create();
    let sink = builder(&sqs, &url).gather(false).build().unwrap();
    let message = Message::new("later").with_delay(Duration::from_millis(1500));
    sink.send(message).await.unwrap();
    let sent = requests(&sqs, Action::SendMessage);
    assert_eq!(sent[0]["DelaySeconds"], 2);
    assert_eq!(sqs.total_count(), 1);
}

#[tokio::test]
async fn what_was_enqueued_goes_out_when_confirm_and_sink_are_dropped() {
    let sqs = SqsEndpoint::start().await;
    let url = sqs.queue("orders").create();
    let sink = builder(&sqs, &url)
        .linger(Duration::from_mins(1))
        .build()
        .unwrap();
    drop(enqueue(&sink, Message::new("kept")).await);
    drop(sink);
    while sqs.depth("orders").unwrap().visible == 0 {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    let messages = received(&client(&sqs), &url).await;
    assert_eq!(messages[0].body(), Some("kept"));
}

#[tokio::test]
async fn enqueue_waits_for_room_and_a_dropped_one_has_sent_nothing() {
    let sqs = SqsEndpoint::start().await;
    let url = sqs.queue("orders").create();
    sqs.faults()
        .on(Action::SendMessageBatch)
        .always(Fault::Hang);
    let sink = builder(&sqs, &url).max_requests(1).build().unwrap();
    let mut confirms = Vec::new();
    let full = loop {
        let message = Message::new(confirms.len().to_string());
        let parent = Context::new();
        let enqueue = sink.enqueue(message, &parent);
        match tokio::time::timeout(Duration::from_millis(100), enqueue).await {
            Ok(confirm) => confirms.push(confirm.unwrap()),
            Err(_) => break confirms.len(),
        }
    };
    assert!((10..300).contains(&full), "{full}");
}
