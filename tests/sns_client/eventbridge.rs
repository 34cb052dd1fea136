//! From EventBridge to a queue, straight and by way of a topic, on LocalStack. It has no client
//! here: three requests are made by hand.

use opentelemetry::trace::SpanId;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use crate::common;
use crate::localstack::Fanout;

/// A request to EventBridge (API version 2015-10-07), which LocalStack takes unsigned.
async fn request(action: &str, body: &Value) -> Value {
    let endpoint = common::localstack().unwrap();
    let host = endpoint.strip_prefix("http://").unwrap();
    let body = body.to_string();
    let request = format!(
        "POST / HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\
         Content-Type: application/x-amz-json-1.1\r\nX-Amz-Target: AWSEvents.{action}\r\n\
         Authorization: AWS4-HMAC-SHA256 Credential=test/20260101/us-east-1/events/aws4_request, \
         SignedHeaders=host, Signature=none\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    );
    let mut connection = TcpStream::connect(host).await.unwrap();
    connection.write_all(request.as_bytes()).await.unwrap();
    let mut response = String::new();
    connection.read_to_string(&mut response).await.unwrap();
    let (head, body) = response.split_once("\r\n\r\n").unwrap();
    assert!(head.starts_with("HTTP/1.1 200"), "{action}: {response}");
    serde_json::from_str(body).unwrap()
}

#[tokio::test]
async fn an_event_reaches_a_queue_straight_and_through_a_topic_with_its_context() {
    let Some(fanout) = Fanout::enveloped().await else {
        return;
    };
    let name = &fanout.name;
    let pattern = json!({ "source": [name] }).to_string();
    request("PutRule", &json!({ "Name": name, "EventPattern": pattern })).await;
    let queue = format!("arn:aws:sqs:us-east-1:000000000000:{name}");
    let targets = json!([{ "Id": "queue", "Arn": queue }, { "Id": "topic", "Arn": fanout.topic }]);
    let put = request("PutTargets", &json!({ "Rule": name, "Targets": targets })).await;
    assert_eq!(put["FailedEntryCount"], 0, "{put}");
    let datadog = json!({ "x-datadog-trace-id": "7", "x-datadog-parent-id": "8" });
    let event = json!({
        "Source": name,
        "DetailType": "OrderPlaced",
        "Detail": json!({ "order": 7, "_datadog": datadog }).to_string(),
    });
    let put = request("PutEvents", &json!({ "Entries": [event] })).await;
    assert_eq!(put["FailedEntryCount"], 0, "{put}");

    let mut in_notifications = 0;
    for message in fanout.receive(2).await {
        fanout.recorder.forget_spans();
        let (process, body) = fanout.handled(&message).await;
        assert_eq!(process.parent_span_id, SpanId::from(8), "{body}");
        in_notifications += usize::from(body.contains("Notification"));
    }
    assert_eq!(in_notifications, 1);
}
