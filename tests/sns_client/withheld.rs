//! What telemetry must not say, and messages that nothing may be added to.

use crate::support::{Answer, PUBLISHED, TOPIC, Traced, attributes};

const PHONE: &str = "+15550100";
const TARGET: &str = "arn:aws:sns:us-east-1:123456789012:endpoint/GCM/app/5e3e9847-3183";

fn refusal(message: &str) -> Answer {
    let body = format!(
        "<ErrorResponse><Error><Type>Sender</Type><Code>InvalidParameter</Code>\
         <Message>{message}</Message></Error></ErrorResponse>"
    );
    Answer(400, body.leak())
}

#[tokio::test]
async fn nothing_is_added_for_a_phone_number_and_it_is_never_recorded() {
    for answer in [
        PUBLISHED,
        refusal("Invalid parameter: PhoneNumber +15550100"),
    ] {
        let traced = Traced::new(&[answer]);
        let publish = traced
            .client
            .publish()
            .phone_number(PHONE)
            .message("your code is 7");
        let failed = publish.send().await.is_err();

        assert!(traced.request().attributes("").is_empty());
        assert_eq!(traced.request().trace_header, None);
        let span = traced.recorder.span("publish");
        assert!(!format!("{span:?}").contains("5550100"));
        let error = attributes(&span).remove("error.type");
        assert_eq!(error.as_deref(), failed.then_some("InvalidParameter"));
        assert!(!attributes(&span).contains_key("messaging.destination.name"));
    }
}

#[tokio::test]
async fn a_target_arn_is_never_recorded() {
    for answer in [PUBLISHED, refusal(TARGET)] {
        let traced = Traced::new(&[answer]);
        let publish = traced
            .client
            .publish()
            .target_arn(TARGET)
            .message("order 7");
        // Whether it failed makes no difference here.
        drop(publish.send().await);
        let span = traced.recorder.span("publish");
        assert!(!format!("{span:?}").contains("endpoint/GCM"));
        for series in traced
            .recorder
            .metric("messaging.client.operation.duration")
        {
            assert!(!format!("{series:?}").contains("endpoint/GCM"));
        }
    }
}

#[tokio::test]
async fn nothing_is_added_to_a_structure_of_json() {
    let traced = Traced::new(&[PUBLISHED]);
    let publish = traced.client.publish().topic_arn(TOPIC);
    let publish = publish
        .message(r#"{"default":"order 7"}"#)
        .message_structure("json");
    publish.send().await.unwrap();
    assert!(traced.request().attributes("").is_empty());
    assert_eq!(traced.request().trace_header, None);
    assert_eq!(traced.recorder.spans().len(), 1);
    let unsupported = [("tracehop.reason", "unsupported")];
    let dropped = traced
        .recorder
        .total("tracehop.propagation.dropped", &unsupported);
    assert_eq!(dropped, Some(1.0));
}
