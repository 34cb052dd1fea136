//! Rejected messages: to the queue's own dead-letter queue, or nowhere.

use std::collections::HashMap;
use std::time::Duration;

use aws_sdk_sqs::types::{
    MessageAttributeValue, MessageSystemAttributeName as SystemName,
    MessageSystemAttributeNameForSends, MessageSystemAttributeValue,
};
use opentelemetry::context::FutureExt as _;
use opentelemetry::trace::{TraceContextExt as _, Tracer as _};
use opentelemetry::{Context, KeyValue};
use tracehop::contract::Settlement;
use tracehop::sqs::{MessageExt as _, SqsQueue};
use tracehop::testing::Recorder;
use tracehop::testing::sqs::{Action, SqsEndpoint};

use crate::support::{
    SECOND, builder, client, depth, nothing_comes, opened, receive_one, send, settle, until,
};

const TRACEPARENT: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
const TRACE_HEADER: &str =
    "Root=1-4bf92f35-77b34da6a3ce929d0e0e4736;Parent=00f067aa0ba902b7;Sampled=1";

fn reject() -> Settlement {
    Settlement::Reject {
        reason: "no such customer".to_owned(),
    }
}

fn text(value: &str) -> MessageAttributeValue {
    let attribute = MessageAttributeValue::builder().data_type("String");
    attribute.string_value(value).build().unwrap()
}

#[tokio::test]
async fn a_rejected_message_goes_to_the_dead_letter_queue_with_all_it_had() {
    let sqs = SqsEndpoint::start().await;
    let client = client(&sqs);
    let dead = sqs.queue("dead").create();
    let url = sqs.queue("orders").redrive("dead", 5).create();
    let header = MessageSystemAttributeValue::builder().data_type("String");
    client
        .send_message()
        .queue_url(&url)
        .message_body("order 7")
        .message_attributes("traceparent", text(TRACEPARENT))
        .message_attributes("tenant", text("a"))
        .message_system_attributes(
            MessageSystemAttributeNameForSends::AwsTraceHeader,
            header.string_value(TRACE_HEADER).build().unwrap(),
        )
        .send()
        .await
        .unwrap();
    let source = opened(builder(&sqs, &url), 5).await;
    settle(&source, receive_one(&source).await, reject()).await;
    until("it is moved", || {
        depth(&sqs, "orders") == (0, 0) && depth(&sqs, "dead") == (1, 0)
    })
    .await;
    let received = client
        .receive_message()
        .queue_url(&dead)
        .message_attribute_names("All")
        .message_system_attribute_names(SystemName::All)
        .send()
        .await
        .unwrap();
    let letter = &received.messages()[0];
    assert_eq!(letter.body(), Some("order 7"));
    let header = letter
        .attributes()
        .unwrap()
        .get(&SystemName::AwsTraceHeader);
    assert_eq!(header.map(String::as_str), Some(TRACE_HEADER));
    let attributes: HashMap<&str, &str> = letter
        .message_attributes()
        .unwrap()
        .iter()
        .map(|(name, value)| (name.as_str(), value.string_value().unwrap()))
        .collect();
    let expected = [
        ("traceparent", TRACEPARENT),
        ("tenant", "a"),
        ("tracehop-origin", "aws_sqs:orders"),
        ("tracehop-attempt", "1"),
        ("tracehop-error", "no such customer"),
    ];
    assert_eq!(attributes, HashMap::from(expected));
}

#[tokio::test]
async fn what_reads_a_dead_letter_links_to_the_attempt_that_rejected_it() {
    let (sqs, recorder) = (SqsEndpoint::start().await, Recorder::new());
    let client = client(&sqs);
    let dead = sqs.queue("dead").create();
    let url = sqs.queue("orders").redrive("dead", 5).create();
    send(&client, &url, None, 0..1).await;
    let source = opened(builder(&sqs, &url), 5).await;
    let delivery = receive_one(&source).await;
    let attempt = Context::new().with_span(recorder.tracer().start("attempt"));
    settle(&source, delivery, reject())
        .with_context(attempt.clone())
        .await;
    until("it is moved", || depth(&sqs, "dead") == (1, 0)).await;

    let receive = client.receive_message().queue_url(&dead);
    let receive = receive.message_attribute_names("All").send();
    let letter = receive.await.unwrap().messages.unwrap().remove(0);
    let queue = SqsQueue::from_url(&dead)
        .unwrap()
        .instrumentation(recorder.instrumentation());
    let handler = async { Ok::<(), String>(()) };
    letter.process(&queue, handler).await.unwrap();
    let links = recorder.span("process dead").links;
    let linked: Vec<_> = links
        .iter()
        .map(|link| (link.span_context.span_id(), link.attributes[0].clone()))
        .collect();
    let previous = KeyValue::new("tracehop.link.type", "previous_attempt");
    assert_eq!(
        linked,
        [(attempt.span().span_context().span_id(), previous)]
    );
}

#[tokio::test]
async fn without_a_dead_letter_queue_it_is_left_to_expire() {
    let sqs = SqsEndpoint::start().await;
    let url = sqs.queue("orders").create();
    send(&client(&sqs), &url, None, 0..1).await;
    let source = opened(builder(&sqs, &url), 5).await;
    settle(&source, receive_one(&source).await, reject()).await;
    nothing_comes(&source, SECOND / 2).await;
    sqs.advance(Duration::from_secs(30));
    assert_eq!(receive_one(&source).await.attempt, 2);
}

#[tokio::test]
async fn a_dead_letter_queue_that_cannot_be_reached_loses_nothing() {
    let sqs = SqsEndpoint::start().await;
    let client = client(&sqs);
    let dead = sqs.queue("dead").create();
    let url = sqs.queue("orders").redrive("dead", 5).create();
    send(&client, &url, None, 0..1).await;
    let source = opened(builder(&sqs, &url), 5).await;
    client.delete_queue().queue_url(&dead).send().await.unwrap();
    settle(&source, receive_one(&source).await, reject()).await;
    until("its URL is asked for", || {
        sqs.count(Action::GetQueueUrl) == 1
    })
    .await;
    nothing_comes(&source, SECOND / 2).await;
    sqs.advance(Duration::from_secs(30));
    assert_eq!(receive_one(&source).await.attempt, 2);
}

#[tokio::test]
async fn a_group_goes_on_only_when_its_dead_letter_has_arrived() {
    let sqs = SqsEndpoint::start().await;
    sqs.queue("dead.fifo").create();
    let url = sqs.queue("orders.fifo").redrive("dead.fifo", 5).create();
    send(&client(&sqs), &url, Some("g"), 0..2).await;
    let slow = tracehop::testing::sqs::Fault::Slow(SECOND / 2);
    let source = opened(builder(&sqs, &url), 5).await;
    let first = receive_one(&source).await;
    sqs.faults().on(Action::SendMessage).next(1, slow);
    settle(&source, first, reject()).await;
    nothing_comes(&source, SECOND / 4).await;
    assert_eq!(receive_one(&source).await.message.text(), Some("1"));
    assert_eq!(depth(&sqs, "dead.fifo"), (1, 0));
}
