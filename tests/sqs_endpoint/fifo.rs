//! FIFO queues: groups, order, deduplication and receive attempts.

use std::time::Duration;

use tracehop::testing::sqs::SqsEndpoint;

use crate::support::{
    bodies, change_visibility, delete, fifo, receive, refusal, send_to_group, standard,
    strict_client, text,
};

#[tokio::test]
async fn a_group_is_blocked_while_its_head_is_in_flight_and_no_other_is() {
    let (sqs, client, url) = fifo().await;
    for (group, body) in [("a", "a1"), ("a", "a2"), ("b", "b1")] {
        send_to_group(&client, &url, group, body).await;
    }
    let one = || client.receive_message().queue_url(&url).send();
    let head = one().await.unwrap().messages.unwrap().remove(0);
    assert_eq!(head.body(), Some("a1"));
    assert_eq!(bodies(one().await.unwrap().messages()), ["b1"]);
    assert_eq!(bodies(one().await.unwrap().messages()), [""; 0]);
    delete(&client, &url, &head).await;
    assert_eq!(bodies(one().await.unwrap().messages()), ["a2"]);
    assert_eq!(sqs.depth("orders.fifo").unwrap().in_flight, 2);
}

#[tokio::test]
async fn a_group_that_was_not_settled_comes_again_in_order() {
    let (sqs, client, url) = fifo().await;
    for body in ["1", "2", "3"] {
        send_to_group(&client, &url, "g", body).await;
    }
    assert_eq!(bodies(&receive(&client, &url).await), ["1", "2", "3"]);
    sqs.advance(Duration::from_secs(30));
    assert_eq!(bodies(&receive(&client, &url).await), ["1", "2", "3"]);
}

#[tokio::test]
async fn successors_given_back_wait_for_their_head() {
    let (_sqs, client, url) = fifo().await;
    for body in ["1", "2"] {
        send_to_group(&client, &url, "g", body).await;
    }
    let both = receive(&client, &url).await;
    change_visibility(&client, &url, &both[1], 0).await;
    assert_eq!(receive(&client, &url).await.len(), 0);
    change_visibility(&client, &url, &both[0], 0).await;
    assert_eq!(bodies(&receive(&client, &url).await), ["1", "2"]);
}

#[tokio::test]
async fn the_same_content_is_taken_in_once_in_five_minutes() {
    let (sqs, client, url) = fifo().await;
    let again = |attribute: &str| {
        let send = client.send_message().queue_url(&url).message_body("same");
        // Attributes are no part of the content.
        let send = send.message_attributes("name", text(attribute));
        send.message_group_id("g").send()
    };
    let (first, second) = (again("1").await.unwrap(), again("2").await.unwrap());
    assert_eq!(first.message_id(), second.message_id());
    assert_eq!(first.sequence_number(), second.sequence_number());
    let message = receive(&client, &url).await.remove(0);
    assert_eq!(
        message.attributes().unwrap()[&"MessageDeduplicationId".into()],
        // SHA-256 of "same".
        "0967115f2813a3541eaef77de9d9d5773f1c0c04314b0bbfe4ff3b3b1c55b5d5"
    );
    delete(&client, &url, &message).await;
    sqs.advance(Duration::from_secs(150));
    again("3").await.unwrap();
    assert_eq!(receive(&client, &url).await.len(), 0);
    sqs.advance(Duration::from_secs(150));
    assert_ne!(again("4").await.unwrap().message_id(), first.message_id());
    assert_eq!(receive(&client, &url).await.len(), 1);
}

#[tokio::test]
async fn an_explicit_id_decides_in_place_of_the_content() {
    let (_sqs, client, url) = fifo().await;
    for (id, body) in [("1", "same"), ("2", "same"), ("1", "other")] {
        let send = client.send_message().queue_url(&url).message_body(body);
        let send = send.message_group_id("g").message_deduplication_id(id);
        send.send().await.unwrap();
    }
    assert_eq!(bodies(&receive(&client, &url).await), ["same", "same"]);
}

#[tokio::test]
async fn ids_need_to_differ_within_a_group_only_where_the_queue_says_so() {
    let sqs = SqsEndpoint::start().await;
    let client = strict_client(&sqs);
    for (name, scope, taken) in [("q.fifo", "queue", 1), ("g.fifo", "messageGroup", 2)] {
        let queue = sqs.queue(name).attribute("DeduplicationScope", scope);
        let url = queue.create();
        for group in ["a", "b", "b"] {
            let send = client.send_message().queue_url(&url).message_body("body");
            let send = send.message_group_id(group).message_deduplication_id("id");
            send.send().await.unwrap();
        }
        assert_eq!(receive(&client, &url).await.len(), taken, "{scope}");
    }
}

#[tokio::test]
async fn sequence_numbers_have_twenty_digits_and_rise() {
    let (_sqs, client, url) = fifo().await;
    let mut numbers = Vec::new();
    for body in ["1", "2", "3"] {
        let send = client.send_message().queue_url(&url).message_body(body);
        let result = send.message_group_id("g").send().await.unwrap();
        numbers.push(result.sequence_number.unwrap());
    }
    assert!(numbers.is_sorted() && numbers.iter().all(|it| it.len() == 20));
    numbers.dedup();
    assert_eq!(numbers.len(), 3);
    let message = receive(&client, &url).await.remove(0);
    let attributes = message.attributes().unwrap();
    assert_eq!(attributes[&"SequenceNumber".into()], numbers[0]);
    assert_eq!(attributes[&"MessageGroupId".into()], "g");
}

#[tokio::test]
async fn a_fifo_queue_wants_a_group_and_an_id_and_no_delay() {
    let sqs = SqsEndpoint::start().await;
    let client = strict_client(&sqs);
    let url = sqs.queue("explicit.fifo").create();
    let send = || client.send_message().queue_url(&url).message_body("body");
    let (code, message) = refusal(send().message_deduplication_id("1").send().await);
    assert_eq!(code, "MissingParameter");
    assert!(message.contains("MessageGroupId"));
    let (code, message) = refusal(send().message_group_id("g").send().await);
    assert_eq!(code, "InvalidParameterValue");
    assert!(message.contains("ContentBasedDeduplication"));
    let complete = || send().message_group_id("g").message_deduplication_id("1");
    let (code, message) = refusal(complete().delay_seconds(2).send().await);
    assert_eq!(code, "InvalidParameterValue");
    assert!(message.contains("DelaySeconds"));
    let too_long = "x".repeat(129);
    for token in ["with space", "ä", "", &too_long] {
        let group = send().message_group_id(token).message_deduplication_id("1");
        assert_eq!(refusal(group.send().await).0, "InvalidParameterValue");
        let id = send().message_group_id("g").message_deduplication_id(token);
        assert_eq!(refusal(id.send().await).0, "InvalidParameterValue");
    }
    complete().delay_seconds(0).send().await.unwrap();
}

#[tokio::test]
async fn a_standard_queue_takes_group_ids_for_fairness_and_nothing_else_of_fifo() {
    let (_sqs, client, url) = standard().await;
    for body in ["1", "2"] {
        send_to_group(&client, &url, "tenant", body).await;
    }
    let both = receive(&client, &url).await;
    assert_eq!(both.len(), 2);
    let attributes = both[0].attributes().unwrap();
    assert_eq!(attributes[&"MessageGroupId".into()], "tenant");
    assert!(!attributes.contains_key(&"SequenceNumber".into()));
    let send = client.send_message().queue_url(&url).message_body("body");
    let (code, _) = refusal(send.message_deduplication_id("1").send().await);
    assert_eq!(code, "InvalidParameterValue");
    let receive = client.receive_message().queue_url(&url);
    let (code, _) = refusal(receive.receive_request_attempt_id("1").send().await);
    assert_eq!(code, "InvalidParameterValue");
}

#[tokio::test]
async fn an_attempt_id_gives_the_same_messages_until_one_of_them_changes() {
    let (sqs, client, url) = fifo().await;
    for body in ["1", "2", "3"] {
        send_to_group(&client, &url, "g", body).await;
    }
    let attempt = |id: &str| {
        let receive = client.receive_message().queue_url(&url);
        let receive = receive.max_number_of_messages(2);
        receive.receive_request_attempt_id(id).send()
    };
    let first = attempt("one").await.unwrap().messages.unwrap();
    assert_eq!(bodies(&first), ["1", "2"]);
    sqs.advance(Duration::from_secs(20));
    assert_eq!(attempt("one").await.unwrap().messages.unwrap(), first);
    assert_eq!(attempt("two").await.unwrap().messages().len(), 0);

    // The repeated receive has begun the visibility timeout anew.
    sqs.advance(Duration::from_secs(20));
    assert_eq!(receive(&client, &url).await.len(), 0);

    delete(&client, &url, &first[0]).await;
    assert_eq!(attempt("one").await.unwrap().messages().len(), 0);
    delete(&client, &url, &first[1]).await;
    assert_eq!(bodies(attempt("one").await.unwrap().messages()), ["3"]);
}

#[tokio::test]
async fn an_attempt_id_is_forgotten_once_its_messages_are_visible_again() {
    let (sqs, client, url) = fifo().await;
    send_to_group(&client, &url, "g", "1").await;
    let attempt = || {
        let receive = client.receive_message().queue_url(&url);
        receive.receive_request_attempt_id("one").send()
    };
    let first = attempt().await.unwrap().messages.unwrap();
    sqs.advance(Duration::from_secs(30));
    let second = attempt().await.unwrap().messages.unwrap();
    assert_eq!(bodies(&second), ["1"]);
    assert_ne!(second[0].receipt_handle(), first[0].receipt_handle());
}
