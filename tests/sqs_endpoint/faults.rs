//! Faults on demand, and what is recorded.

use std::time::Duration;

use aws_sdk_sqs::config::retry::RetryConfig;
use aws_sdk_sqs::config::timeout::TimeoutConfig;
use aws_sdk_sqs::error::SdkError;
use aws_sdk_sqs::types::SendMessageBatchRequestEntry;
use tracehop::testing::sqs::{Action, Fault, SqsEndpoint};

use crate::support::{bodies, receive, refusal, send, standard, strict_client, until};

#[tokio::test]
async fn errors_of_the_service_come_with_their_status_and_code() {
    let (sqs, client, url) = standard().await;
    for (fault, status, code) in [
        (Fault::RequestThrottled, 400, "RequestThrottled"),
        (Fault::Throttling, 400, "ThrottlingException"),
        (Fault::InternalError, 500, "InternalError"),
        (Fault::Unavailable, 503, "ServiceUnavailable"),
        (Fault::AccessDenied, 403, "AccessDenied"),
        (Fault::InvalidCredentials, 403, "InvalidClientTokenId"),
    ] {
        sqs.faults().on(Action::SendMessage).next(1, fault);
        let send = client.send_message().queue_url(&url).message_body("body");
        let result = send.send().await;
        let Err(SdkError::ServiceError(error)) = &result else {
            panic!("{code} was not returned: {result:?}");
        };
        assert_eq!(error.raw().status().as_u16(), status, "{code}");
        assert_eq!(refusal(result).0, code);
    }
    assert_eq!(receive(&client, &url).await.len(), 0);
    send(&client, &url, "body").await;
}

#[tokio::test]
async fn the_sdk_retries_and_each_attempt_is_counted() {
    let sqs = SqsEndpoint::start().await;
    let retries = RetryConfig::standard().with_initial_backoff(Duration::from_millis(1));
    let config = sqs.config().retry_config(retries).build();
    let client = aws_sdk_sqs::Client::from_conf(config);
    let url = sqs.queue("orders").create();
    let rule = sqs.faults().on(Action::SendMessage);
    rule.next(2, Fault::Unavailable);
    send(&client, &url, "body").await;
    assert_eq!(sqs.count(Action::SendMessage), 3);
    assert_eq!(sqs.total_count(), 3);
    assert_eq!(sqs.requests().len(), 3);
    assert_eq!(receive(&client, &url).await.len(), 1);
}

#[tokio::test]
async fn a_dropped_reply_leaves_the_work_done() {
    let (sqs, client, url) = standard().await;
    let rule = sqs.faults().on(Action::SendMessage);
    rule.next(1, Fault::DropReply);
    let send = client.send_message().queue_url(&url).message_body("body");
    let result = send.send().await;
    assert!(
        matches!(result, Err(SdkError::DispatchFailure(_))),
        "{result:?}"
    );
    assert_eq!(sqs.depth("orders").unwrap().visible, 1);

    // A receive whose reply is lost leaves its messages in flight with nobody.
    let rule = sqs.faults().on(Action::ReceiveMessage);
    rule.next(1, Fault::DropReply);
    let result = client.receive_message().queue_url(&url).send().await;
    assert!(
        matches!(result, Err(SdkError::DispatchFailure(_))),
        "{result:?}"
    );
    assert_eq!(receive(&client, &url).await.len(), 0);
    sqs.advance(Duration::from_secs(30));
    assert_eq!(receive(&client, &url).await.len(), 1);
}

#[tokio::test]
async fn a_disconnect_leaves_nothing_done() {
    let (sqs, client, url) = standard().await;
    sqs.faults().on_every_action().always(Fault::Disconnect);
    let send = client.send_message().queue_url(&url).message_body("body");
    let result = send.send().await;
    assert!(
        matches!(result, Err(SdkError::DispatchFailure(_))),
        "{result:?}"
    );
    assert_eq!(sqs.depth("orders").unwrap().visible, 0);
    sqs.faults().clear();
    assert_eq!(receive(&client, &url).await.len(), 0);
}

#[tokio::test]
async fn a_call_that_hangs_ends_with_the_clients_timeout_and_does_nothing() {
    let sqs = SqsEndpoint::start().await;
    let url = sqs.queue("orders").create();
    let timeouts = TimeoutConfig::builder().operation_timeout(Duration::from_millis(50));
    let config = sqs.config().timeout_config(timeouts.build()).build();
    let client = aws_sdk_sqs::Client::from_conf(config);
    sqs.faults().on(Action::SendMessage).next(1, Fault::Hang);
    let send = client.send_message().queue_url(&url).message_body("body");
    let result = send.send().await;
    assert!(
        matches!(result, Err(SdkError::TimeoutError(_))),
        "{result:?}"
    );
    assert_eq!(receive(&strict_client(&sqs), &url).await.len(), 0);
}

#[tokio::test]
async fn chosen_entries_of_a_batch_fail_and_the_others_do_not() {
    let (sqs, client, url) = standard().await;
    let rule = sqs.faults().on(Action::SendMessageBatch);
    rule.next(1, Fault::FailEntries(vec![0, 2]));
    let entry = |id: &str| {
        let entry = SendMessageBatchRequestEntry::builder();
        entry.id(id).message_body(id).build().unwrap()
    };
    let batch = || {
        let batch = client.send_message_batch().queue_url(&url);
        batch
            .set_entries(Some(["a", "b", "c"].map(entry).into()))
            .send()
    };
    let sent = batch().await.unwrap();
    let failed: Vec<_> = sent
        .failed()
        .iter()
        .map(|it| (it.id(), it.code()))
        .collect();
    assert_eq!(failed, [("a", "InternalError"), ("c", "InternalError")]);
    assert!(!sent.failed()[0].sender_fault());
    assert_eq!(bodies(&receive(&client, &url).await), ["b"]);
    assert_eq!(batch().await.unwrap().failed().len(), 0);
}

#[tokio::test]
async fn a_slow_call_is_carried_out_after_its_time() {
    let (sqs, client, url) = standard().await;
    let slow = Fault::Slow(Duration::from_millis(30));
    sqs.faults().on(Action::SendMessage).next(1, slow);
    let start = tokio::time::Instant::now();
    send(&client, &url, "body").await;
    assert!(start.elapsed() >= Duration::from_millis(30));
    assert_eq!(receive(&client, &url).await.len(), 1);
}

#[tokio::test]
async fn a_request_is_kept_as_it_came_but_for_the_credentials() {
    let (sqs, client, url) = standard().await;
    send(&client, &url, "body").await;
    let request = sqs.requests().remove(0);
    assert_eq!(request.action(), Action::SendMessage);
    assert_eq!(
        request.json(),
        serde_json::json!({ "QueueUrl": url, "MessageBody": "body" })
    );
    let target = request.header("X-Amz-Target");
    assert_eq!(target, Some("AmazonSQS.SendMessage"));
    assert_eq!(request.header("authorization"), None);
    assert!(!format!("{request:?}").contains("Credential="));
}

#[tokio::test]
async fn the_last_requests_are_kept_and_all_are_counted() {
    let (sqs, client, url) = standard().await;
    sqs.keep_requests(2);
    for body in ["1", "2", "3"] {
        send(&client, &url, body).await;
    }
    let kept: Vec<_> = sqs.requests();
    let kept: Vec<_> = kept
        .iter()
        .map(|it| it.json()["MessageBody"].clone())
        .collect();
    assert_eq!(kept, ["2", "3"]);
    assert_eq!(sqs.count(Action::SendMessage), 3);
    sqs.forget_requests();
    assert_eq!((sqs.total_count(), sqs.requests().len()), (0, 0));
}

#[tokio::test]
async fn the_x_ray_header_of_a_request_becomes_the_trace_header() {
    let (_sqs, client, url) = standard().await;
    let root = "Root=1-5759e988-bd862e3fe1be46a994272793;Sampled=1";
    for (body, header) in [("traced", root), ("untraced", "garbage")] {
        let send = client.send_message().queue_url(&url).message_body(body);
        let send = send.customize().mutate_request(move |request| {
            request.headers_mut().insert("x-amzn-trace-id", header);
        });
        send.send().await.unwrap();
    }
    let received = receive(&client, &url).await;
    let header = |position: usize| {
        let attributes = received[position].attributes().unwrap();
        attributes.get(&"AWSTraceHeader".into()).map(String::as_str)
    };
    assert_eq!((header(0), header(1)), (Some(root), None));
}

#[tokio::test]
async fn an_endpoint_stops_when_it_is_dropped() {
    let (sqs, client, url) = standard().await;
    let poll = client.receive_message().queue_url(&url);
    let poll = tokio::spawn(poll.wait_time_seconds(20).send());
    until(|| sqs.count(Action::ReceiveMessage) == 1).await;
    drop(sqs);
    let result = poll.await.unwrap();
    assert!(
        matches!(result, Err(SdkError::DispatchFailure(_))),
        "{result:?}"
    );
    let send = client.send_message().queue_url(&url).message_body("body");
    let result = send.send().await;
    assert!(
        matches!(result, Err(SdkError::DispatchFailure(_))),
        "{result:?}"
    );
}
