//! Messages whose context is in the envelope that SNS or EventBridge put around them.

use std::convert::Infallible;

use aws_sdk_sqs::types::Message;
use opentelemetry::Context;
use opentelemetry::baggage::BaggageExt as _;
use opentelemetry::trace::TraceContextExt as _;
use tracehop::sqs::MessageExt as _;
use tracehop_propagation::{Composite, Datadog};

use crate::support::{Traced, links};

const TRACE: &str = "4bf92f3577b34da6a3ce929d0e0e4736";
const PUBLISH: &str = "00f067aa0ba902b7";

fn notification() -> String {
    format!(
        r#"{{"Type":"Notification","MessageId":"m-1","TopicArn":"arn:aws:sns:us-east-1:1:orders","Message":"order 7","MessageAttributes":{{"traceparent":{{"Type":"String","Value":"00-{TRACE}-{PUBLISH}-01"}},"baggage":{{"Type":"String","Value":"tenant=acme"}}}}}}"#
    )
}

fn event() -> String {
    let datadog = format!(r#"{{"traceparent":"00-{TRACE}-{PUBLISH}-01"}}"#);
    format!(
        r#"{{"version":"0","id":"e-1","detail-type":"OrderPlaced","source":"shop","detail":{{"order":7,"_datadog":{datadog}}}}}"#
    )
}

/// A client that looks for envelopes, and a message that a service has sent without attributes.
async fn enveloped(body: &str, on: bool) -> (Traced, Message) {
    let formats = Composite::default().with(Datadog);
    let traced = Traced::with(|builder| builder.propagator(formats).envelopes(on)).await;
    let service = aws_sdk_sqs::Client::from_conf(traced.sqs.config().build());
    let send = service.send_message().queue_url(&traced.url);
    send.message_body(body).send().await.unwrap();
    let message = traced.receive().await.remove(0);
    (traced, message)
}

#[tokio::test]
async fn a_message_in_an_envelope_is_received_and_handled_in_its_trace() {
    for body in [notification(), event()] {
        let (traced, message) = enveloped(&body, true).await;
        let handled = message.process(&traced.queue, async {
            let tenant = Context::current().baggage().get("tenant").cloned();
            Ok::<_, Infallible>(tenant.map(|tenant| tenant.to_string()))
        });
        let tenant = handled.await.unwrap();
        assert_eq!(tenant.is_some(), body == notification());
        assert_eq!(
            message.body(),
            Some(&*body),
            "the handler sees the body as it came"
        );

        let receive = traced.recorder.span("receive orders");
        let process = traced.recorder.span("process orders");
        for span in [&receive, &process] {
            assert_eq!(
                links(span)[0].span_id().to_string(),
                PUBLISH,
                "{}",
                span.name
            );
        }
        assert_eq!(process.span_context.trace_id().to_string(), TRACE);
        assert_eq!(process.parent_span_id.to_string(), PUBLISH);
        assert_eq!(
            traced.recorder.total("tracehop.propagation.extracted", &[]),
            Some(1.0)
        );
    }
}

#[tokio::test]
async fn envelopes_are_left_alone_unless_they_are_switched_on() {
    let (traced, message) = enveloped(&notification(), false).await;
    assert!(!traced.queue.extract_context(&message).has_active_span());
    assert!(links(&traced.recorder.span("receive orders")).is_empty());
    assert_eq!(
        traced.recorder.total("tracehop.propagation.missing", &[]),
        Some(1.0)
    );
}

#[tokio::test]
async fn a_broken_envelope_is_counted_and_its_message_handled() {
    let body = &notification()[..150];
    let (traced, message) = enveloped(body, true).await;
    let handled = message.process(&traced.queue, async { Ok::<_, Infallible>(()) });
    handled.await.unwrap();
    assert_eq!(message.body(), Some(body));
    let malformed = [("tracehop.format", "envelope")];
    let total = traced
        .recorder
        .total("tracehop.propagation.malformed", &malformed);
    assert_eq!(total, Some(1.0));
    assert_eq!(
        traced.recorder.total("tracehop.propagation.missing", &[]),
        None
    );
}
