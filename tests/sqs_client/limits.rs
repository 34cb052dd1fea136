//! What SQS allows on a message is never used up by context, and nothing of the user's is lost.

use opentelemetry::baggage::BaggageExt;
use opentelemetry::{Context, KeyValue};
use serde_json::Value;
use tracehop::sqs::TraceInterceptor;

use crate::support::{Traced, attribute, sent, sent_header, text, trace_header};

const CUSTOMARY: usize = 262_144;
const LARGEST: usize = 1_048_576;

async fn send_with(traced: &Traced, attributes: usize) -> Result<(), String> {
    let mut send = traced.client.send_message().queue_url(&traced.url);
    for index in 0..attributes {
        send = send.message_attributes(format!("user-{index}"), text("kept"));
    }
    let answer = send.message_body("order 7").send().await;
    answer.map(drop).map_err(|error| format!("{error:?}"))
}

fn kept(request: &Value) -> usize {
    let attributes = request["MessageAttributes"].as_object().unwrap();
    attributes
        .keys()
        .filter(|name| name.starts_with("user-"))
        .count()
}

#[tokio::test]
async fn ten_attributes_of_the_users_go_out_with_the_trace_header_alone() {
    let traced = Traced::new().await;
    send_with(&traced, 10).await.unwrap();

    let request = traced.request();
    assert_eq!((kept(&request), sent(&request, "traceparent")), (10, None));
    let span = traced.recorder.span("send orders");
    assert_eq!(
        sent_header(&request),
        Some(trace_header(&span.span_context))
    );
    let dropped = [
        ("tracehop.field", "traceparent"),
        ("tracehop.reason", "slots"),
    ];
    let total = traced
        .recorder
        .total("tracehop.propagation.dropped", &dropped);
    assert_eq!(total, Some(1.0));
}

#[tokio::test]
async fn nine_attributes_of_the_users_leave_room_for_the_trace_context() {
    let traced = Traced::new().await;
    send_with(&traced, 9).await.unwrap();
    assert_eq!(kept(&traced.request()), 9);
    assert!(sent(&traced.request(), "traceparent").is_some());
}

#[tokio::test]
async fn eleven_attributes_are_the_users_own_mistake_and_stay_as_they_are() {
    let traced = Traced::new().await;
    let refused = send_with(&traced, 11).await.unwrap_err();
    assert!(refused.contains("[11] exceeds"), "{refused}");
    assert_eq!(
        (
            kept(&traced.request()),
            sent(&traced.request(), "traceparent")
        ),
        (11, None)
    );
    assert!(attribute(&traced.recorder.span("send orders"), "error.type").is_some());
}

#[tokio::test]
async fn a_body_at_a_limit_goes_out_unchanged() {
    for limit in [CUSTOMARY, LARGEST] {
        let traced = Traced::new().await;
        traced.send(&"x".repeat(limit)).await;
        let request = traced.request();
        assert_eq!(
            request["MessageAttributes"]
                .as_object()
                .map_or(0, serde_json::Map::len),
            0
        );
        assert!(sent_header(&request).is_some());
        let dropped = [
            ("tracehop.field", "traceparent"),
            ("tracehop.reason", "bytes"),
        ];
        let total = traced
            .recorder
            .total("tracehop.propagation.dropped", &dropped);
        assert_eq!(total, Some(1.0));
    }
}

#[tokio::test]
async fn baggage_that_does_not_fit_is_left_out_by_members_and_counted() {
    let members = ["a", "b", "c"].map(|key| KeyValue::new(key, "v".repeat(8)));
    let baggage = || Context::new().with_baggage(members.clone());
    let traced = Traced::new().await;
    let dropped = |reason| {
        let reason = [("tracehop.reason", reason)];
        traced.recorder.total("tracehop.baggage.dropped", &reason)
    };

    // Room for the trace context (name, type, value), and two members (`k=vvvvvvvv`).
    let room = (11 + 6 + 55) + ("baggage".len() + 6 + 10 + 1 + 10);
    let body = "x".repeat(CUSTOMARY - room);
    traced.in_context(baggage(), traced.send(&body)).await;
    assert_eq!(
        sent(&traced.request(), "baggage").as_deref(),
        Some("a=vvvvvvvv,b=vvvvvvvv")
    );
    assert_eq!(dropped("bytes"), Some(1.0));

    traced
        .in_context(baggage(), send_with(&traced, 9))
        .await
        .unwrap();
    assert_eq!(sent(&traced.request(), "baggage"), None);
    assert_eq!(dropped("slots"), Some(3.0));
}

#[tokio::test]
async fn a_body_above_the_customary_limit_still_carries_context() {
    let traced = Traced::new().await;
    traced.send(&"x".repeat(CUSTOMARY + 1)).await;
    assert!(sent(&traced.request(), "traceparent").is_some());
}

#[tokio::test]
async fn a_maximum_of_the_users_is_kept() {
    let traced = Traced::new().await;
    let interceptor = TraceInterceptor::with(traced.recorder.instrumentation());
    let interceptor = interceptor.max_message_bytes(1024);
    let config = traced.sqs.config().interceptor(interceptor).build();
    let client = aws_sdk_sqs::Client::from_conf(config);
    let queue = traced
        .sqs
        .queue("small")
        .maximum_message_size(1024)
        .create();
    for (length, carries) in [(1000, false), (900, true)] {
        let send = client.send_message().queue_url(&queue);
        send.message_body("x".repeat(length)).send().await.unwrap();
        assert_eq!(sent(&traced.request(), "traceparent").is_some(), carries);
    }
}

#[tokio::test]
async fn a_batch_shares_its_limit_among_its_entries() {
    let traced = Traced::new().await;
    let body = "x".repeat(CUSTOMARY / 10);
    let entries = (0..10).map(|index| crate::batch::entry(&index.to_string(), &body));
    let send = traced.client.send_message_batch().queue_url(&traced.url);
    send.set_entries(Some(entries.collect()))
        .send()
        .await
        .unwrap();

    let request = traced.request();
    let entries = request["Entries"].as_array().unwrap();
    let bytes: usize = entries
        .iter()
        .map(|entry| {
            let traceparent = sent(entry, "traceparent").map_or(0, |value| value.len() + 17);
            entry["MessageBody"].as_str().unwrap().len() + traceparent
        })
        .sum();
    assert!(bytes <= CUSTOMARY, "{bytes}");
    assert!(entries.iter().all(|entry| sent_header(entry).is_some()));
}
