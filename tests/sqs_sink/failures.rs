//! What goes wrong on the way.

use tracehop::contract::{ErrorKind, Message, Sink, SinkExt};
use tracehop::sqs::SqsSink;
use tracehop::testing::sqs::{Action, Fault, SqsEndpoint};

use crate::common::panics::PanicsAtFirst;
use crate::support::{batches, builder, client, received};

fn three() -> [Message; 3] {
    ["a", "b", "c"].map(Message::new)
}

#[tokio::test]
async fn an_entry_that_failed_is_sent_again_and_no_other() {
    let sqs = SqsEndpoint::start().await;
    let url = sqs.queue("orders").create();
    let rule = sqs.faults().on(Action::SendMessageBatch);
    rule.next(1, Fault::FailEntries(vec![1]));
    let sink = builder(&sqs, &url).build().unwrap();
    let sent = sink.send_all(three()).await;
    assert!(sent.iter().all(Result::is_ok), "{sent:?}");
    assert_eq!(batches(&sqs), [vec!["a", "b", "c"], vec!["b"]]);
}

#[tokio::test]
async fn an_entry_that_keeps_failing_fails_alone_with_its_code() {
    let sqs = SqsEndpoint::start().await;
    let url = sqs.queue("orders").create();
    let rule = sqs.faults().on(Action::SendMessageBatch);
    rule.always(Fault::FailEntries(vec![0]));
    let sink = builder(&sqs, &url).build().unwrap();
    let sent = sink.send_all(three()).await;
    assert_eq!(sent[0].as_ref().unwrap_err().code(), "InternalError");
    assert!(sent[1].is_ok() && sent[2].is_ok(), "{sent:?}");
    assert_eq!(batches(&sqs), [vec!["a", "b", "c"], vec!["a"], vec!["a"]]);
}

#[tokio::test]
async fn a_call_that_fails_as_a_whole_is_left_to_the_client() {
    let cases = [
        (Fault::Unavailable, ErrorKind::Unavailable),
        (Fault::RequestThrottled, ErrorKind::Throttled),
        (Fault::AccessDenied, ErrorKind::Denied),
        (Fault::DropReply, ErrorKind::Unavailable),
    ];
    for (fault, kind) in cases {
        let sqs = SqsEndpoint::start().await;
        let url = sqs.queue("orders").create();
        sqs.faults().on(Action::SendMessageBatch).next(1, fault);
        let sink = builder(&sqs, &url).build().unwrap();
        for sent in sink.send_all(three()).await {
            let error = sent.unwrap_err();
            assert_eq!(error.kind(), kind, "{error}");
            assert!(
                error.to_string().starts_with("send aws_sqs:orders: "),
                "{error}"
            );
        }
        assert_eq!(sqs.count(Action::SendMessageBatch), 1);
        sink.send(Message::new("later")).await.unwrap();
    }
}

#[tokio::test]
async fn the_clients_own_retries_are_in_force() {
    let sqs = SqsEndpoint::start().await;
    let url = sqs.queue("orders").create();
    sqs.faults()
        .on(Action::SendMessageBatch)
        .next(1, Fault::Unavailable);
    let sink = tracehop::sqs::SqsSink::new(sqs.client(), &url).unwrap();
    sink.send(Message::new("a")).await.unwrap();
    assert_eq!(sqs.count(Action::SendMessageBatch), 2);
    assert_eq!(received(&client(&sqs), &url).await.len(), 1);
}

#[tokio::test]
async fn a_missing_queue_is_an_error_that_names_it() {
    let sqs = SqsEndpoint::start().await;
    let url = format!("{}/000000000000/nowhere", sqs.url());
    let sink = builder(&sqs, &url).build().unwrap();
    let error = sink.send(Message::new("a")).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::NotFound);
    assert!(
        error.to_string().starts_with("send aws_sqs:nowhere: "),
        "{error}"
    );
}

#[tokio::test]
async fn a_request_that_panics_fails_its_messages_and_the_sink_goes_on() {
    for gather in [true, false] {
        let panics = PanicsAtFirst::default();
        let sqs = SqsEndpoint::start().await;
        let url = sqs.queue("orders.fifo").create();
        let config = sqs.config().interceptor(panics.clone()).build();
        let sink = SqsSink::builder(aws_sdk_sqs::Client::from_conf(config), &url)
            .gather(gather)
            .max_requests(1)
            .build()
            .unwrap();
        let order = |id: &'static str| {
            let mut message = Message::new(id).with_group("g");
            message.dedup_id = Some(id.into());
            message
        };
        let error = sink.send(order("first")).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Closed, "{error}");
        let limit = std::time::Duration::from_secs(10);
        let second = tokio::time::timeout(limit, sink.send(order("second"))).await;
        second.expect("the sink goes on").unwrap();
        assert_eq!(panics.count(), 1, "{panics:?}");
    }
}
