//! Deliveries whose context is in an envelope.

use opentelemetry::trace::TraceContextExt as _;
use tracehop::testing::Recorder;
use tracehop::testing::sqs::SqsEndpoint;

use crate::support::{ack, body, builder, client, opened, receive_one};

#[tokio::test]
async fn a_delivery_has_the_context_of_its_envelope_and_the_body_as_it_came() {
    let sqs = SqsEndpoint::start().await;
    let url = sqs.queue("orders").create();
    let notification = r#"{"Type":"Notification","Message":"order 7","MessageAttributes":{"traceparent":{"Type":"String","Value":"00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"}}}"#;
    let send = client(&sqs).send_message().queue_url(&url);
    send.message_body(notification).send().await.unwrap();

    let instrumentation = Recorder::new().builder().envelopes(true).build();
    let source = opened(builder(&sqs, &url).instrumentation(instrumentation), 1).await;
    let delivery = receive_one(&source).await;
    let created = delivery.context.span().span_context().span_id();
    assert_eq!(created.to_string(), "00f067aa0ba902b7");
    assert_eq!(body(&delivery), notification);
    assert!(delivery.message.headers.is_empty());
    ack(&source, delivery).await;
}
