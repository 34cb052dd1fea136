//! FIFO queues: order, and what keeps it.

use tracehop::contract::{Message, SinkExt};
use tracehop::testing::sqs::{Action, Fault, SqsEndpoint};

use crate::support::{batches, builder, client, enqueue, received};

fn message(group: &'static str, number: usize) -> Message {
    Message::new(format!("{group}{number}"))
        .with_group(group)
        .with_dedup_id(format!("{group}{number}"))
}

#[tokio::test]
async fn a_batch_has_one_of_a_group_at_most_and_groups_keep_their_order() {
    let sqs = SqsEndpoint::start().await;
    let url = sqs.queue("orders.fifo").create();
    let sink = builder(&sqs, &url).build().unwrap();
    let messages = (0..4).flat_map(|number| ["a", "b"].map(|group| message(group, number)));
    let sent = sink.send_all(messages).await;
    assert!(sent.iter().all(Result::is_ok), "{sent:?}");
    let expected: Vec<_> = (0..4)
        .map(|number| vec![format!("a{number}"), format!("b{number}")])
        .collect();
    assert_eq!(batches(&sqs), expected);
}

#[tokio::test]
async fn an_entry_that_is_sent_again_keeps_its_place() {
    let sqs = SqsEndpoint::start().await;
    let url = sqs.queue("orders.fifo").create();
    let rule = sqs.faults().on(Action::SendMessageBatch);
    rule.every(3, Fault::FailEntries(vec![0]));
    let sink = builder(&sqs, &url).build().unwrap();
    let sent = sink
        .send_all((0..8).map(|number| message("a", number)))
        .await;
    assert!(sent.iter().all(Result::is_ok), "{sent:?}");
    let bodies: Vec<_> = received(&client(&sqs), &url)
        .await
        .into_iter()
        .filter_map(|message| message.body)
        .collect();
    assert!(bodies.is_sorted() && bodies.len() == 8, "{bodies:?}");
}

#[tokio::test]
async fn what_is_behind_a_failure_fails_until_the_caller_has_seen_it() {
    let sqs = SqsEndpoint::start().await;
    let url = sqs.queue("orders.fifo").create();
    sqs.faults()
        .on(Action::SendMessageBatch)
        .next(1, Fault::Unavailable);
    let sink = builder(&sqs, &url).build().unwrap();
    let mut confirms = Vec::new();
    for number in 0..3 {
        confirms.push(enqueue(&sink, message("a", number)).await);
    }
    while sqs.count(Action::SendMessageBatch) == 0 {
        tokio::task::yield_now().await;
    }
    let other = enqueue(&sink, message("b", 0)).await;
    confirms.push(enqueue(&sink, message("a", 3)).await);
    for confirm in confirms {
        confirm.await.unwrap_err();
    }
    other.await.unwrap();
    let again = sink
        .send_all((0..4).map(|number| message("a", number)))
        .await;
    assert!(again.iter().all(Result::is_ok), "{again:?}");
    let bodies: Vec<_> = received(&client(&sqs), &url)
        .await
        .into_iter()
        .filter_map(|message| message.body)
        .filter(|body| body.starts_with('a'))
        .collect();
    assert_eq!(bodies, ["a0", "a1", "a2", "a3"]);
}

#[tokio::test]
async fn ids_for_groups_and_deduplication_are_the_messages_own() {
    let sqs = SqsEndpoint::start().await;
    let url = sqs.queue("orders.fifo").create();
    let sink = builder(&sqs, &url).build().unwrap();
    let twice = sink.send_all([message("a", 1), message("a", 1)]).await;
    let sequence = |index: usize| twice[index].as_ref().unwrap().sequence_number.clone();
    assert!(sequence(0).is_some());
    assert_eq!(sequence(0), sequence(1), "the second was the first");
    assert_eq!(received(&client(&sqs), &url).await.len(), 1);
}

#[tokio::test]
async fn a_queue_that_deduplicates_by_content_needs_no_id() {
    let sqs = SqsEndpoint::start().await;
    let queue = sqs.queue("orders.fifo").content_based_deduplication();
    let url = queue.create();
    let sink = builder(&sqs, &url).build().unwrap();
    let same = || Message::new("x").with_group("a");
    let sent = sink.send_all([same(), same()]).await;
    assert!(sent.iter().all(Result::is_ok), "{sent:?}");
    assert_eq!(received(&client(&sqs), &url).await.len(), 1);
}
