//! The same on real servers, where there are any.

use aws_sdk_sqs::Client;
use aws_sdk_sqs::types::QueueAttributeName;
use tracehop::contract::{ErrorKind, Message, Sink, SinkExt};
use tracehop::sqs::SqsSink;

use crate::common;
use crate::support::received;

fn servers() -> Vec<Client> {
    [common::localstack(), common::elasticmq()]
        .into_iter()
        .flatten()
        .map(|url| Client::from_conf(common::sqs_config(&url).build()))
        .collect()
}

#[tokio::test]
async fn messages_are_confirmed_and_there() {
    for client in servers() {
        let create = client.create_queue().queue_name(common::unique("sink"));
        let url = create.send().await.unwrap().queue_url.unwrap();
        let sink = SqsSink::new(client.clone(), &url).unwrap();
        let sent = sink
            .send_all((0..10).map(|number| Message::new(number.to_string())))
            .await;
        assert!(sent.iter().all(Result::is_ok), "{sent:?}");
        let mut seen = Vec::new();
        while seen.len() < 10 {
            seen.extend(
                received(&client, &url)
                    .await
                    .into_iter()
                    .filter_map(|message| message.body),
            );
        }
        seen.sort();
        assert_eq!(seen.concat(), "0123456789");
    }
}

#[tokio::test]
async fn a_group_keeps_its_order() {
    for client in servers() {
        let name = format!("{}.fifo", common::unique("sink"));
        let create = client.create_queue().queue_name(name);
        let create = create.attributes(QueueAttributeName::FifoQueue, "true");
        let url = create.send().await.unwrap().queue_url.unwrap();
        let sink = SqsSink::new(client.clone(), &url).unwrap();
        let message = |number: usize| {
            let message = Message::new(number.to_string()).with_group("g");
            message.with_dedup_id(number.to_string())
        };
        let sent = sink.send_all((0..10).map(message)).await;
        assert!(sent.iter().all(Result::is_ok), "{sent:?}");
        let bodies: Vec<_> = received(&client, &url)
            .await
            .into_iter()
            .filter_map(|message| message.body)
            .collect();
        assert!(bodies.is_sorted(), "{bodies:?}");
        assert!(!bodies.is_empty());
    }
}

#[tokio::test]
async fn a_missing_queue_is_an_error() {
    for client in servers() {
        let create = client.create_queue().queue_name(common::unique("gone"));
        let url = create.send().await.unwrap().queue_url.unwrap();
        client.delete_queue().queue_url(&url).send().await.unwrap();
        let sink = SqsSink::new(client, &url).unwrap();
        let error = sink.send(Message::new("x")).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::NotFound, "{error}");
    }
}
