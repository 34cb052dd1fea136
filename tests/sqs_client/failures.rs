//! Calls that fail, each with a span that says why and gives nothing away.

use aws_sdk_sqs::Client;
use aws_sdk_sqs::config::{Credentials, retry::RetryConfig, timeout::TimeoutConfig};
use opentelemetry::trace::Status;
use std::time::Duration;
use tracehop::sqs::TraceInterceptor;
use tracehop::testing::Recorder;
use tracehop::testing::sqs::{Action, Fault};

use crate::support::{Traced, attribute};

#[tokio::test]
async fn the_services_code_is_the_type_of_the_error() {
    let traced = Traced::new().await;
    let nowhere = traced.url.replace("orders", "nowhere");
    let send = traced.client.send_message().queue_url(nowhere);
    let error = send.message_body("order 7").send().await.unwrap_err();

    let span = traced.recorder.span("send nowhere");
    let code = aws_sdk_sqs::error::ProvideErrorMetadata::code(&error).map(ToOwned::to_owned);
    assert!(
        code.as_ref()
            .is_some_and(|code| code.contains("NonExistentQueue")),
        "{code:?}"
    );
    assert_eq!(attribute(&span, "error.type"), code);
    assert!(attribute(&span, "aws.request_id").is_some());
    assert!(matches!(span.status, Status::Error { .. }));
}

#[tokio::test]
async fn a_retry_that_runs_out_is_one_error() {
    let traced = Traced::new().await;
    traced
        .sqs
        .faults()
        .on(Action::SendMessage)
        .always(Fault::RequestThrottled);
    let send = traced.client.send_message().queue_url(&traced.url);
    send.message_body("order 7").send().await.unwrap_err();

    assert_eq!(traced.sqs.count(Action::SendMessage), 3);
    let error = attribute(&traced.recorder.span("send orders"), "error.type");
    assert!(error.is_some_and(|code| code.contains("RequestThrottled")));
}

#[tokio::test]
async fn a_failure_without_a_code_is_other_and_names_no_endpoint() {
    let recorder = Recorder::new();
    let sqs = tracehop::testing::sqs::SqsEndpoint::start().await;
    let config = sqs
        .config()
        .endpoint_url("http://key:secret@127.0.0.1:1/")
        .retry_config(RetryConfig::disabled())
        .interceptor(TraceInterceptor::with(recorder.instrumentation()))
        .build();
    let send = Client::from_conf(config).send_message();
    let send = send.queue_url("http://key:secret@127.0.0.1:1/0/orders");
    send.message_body("order 7").send().await.unwrap_err();

    let span = recorder.span("send orders");
    assert_eq!(attribute(&span, "error.type").as_deref(), Some("_OTHER"));
    assert!(!format!("{span:?}").contains("secret"));
}

#[tokio::test]
async fn a_call_that_runs_out_of_time_ends_its_span() {
    let traced = Traced::new().await;
    traced
        .sqs
        .faults()
        .on(Action::SendMessage)
        .always(Fault::Hang);
    let timeouts = TimeoutConfig::builder();
    let timeouts = timeouts
        .operation_timeout(Duration::from_millis(20))
        .build();
    let send = traced.client.send_message().queue_url(&traced.url);
    let send = send.message_body("order 7").customize();
    let config = aws_sdk_sqs::config::Builder::new().timeout_config(timeouts);
    send.config_override(config).send().await.unwrap_err();

    let span = traced.recorder.span("send orders");
    assert_eq!(attribute(&span, "error.type").as_deref(), Some("_OTHER"));
    assert_eq!(span.status, Status::error("no answer in time"));
}

#[tokio::test]
async fn a_request_that_cannot_be_made_ends_its_span() {
    let recorder = Recorder::new();
    let config = aws_sdk_sqs::Config::builder()
        .behavior_version(aws_sdk_sqs::config::BehaviorVersion::v2026_01_12())
        .credentials_provider(Credentials::new("key", "secret", None, None, "test"))
        .interceptor(TraceInterceptor::with(recorder.instrumentation()))
        .build();
    // No region, so there is no endpoint.
    let send = Client::from_conf(config).send_message();
    let send = send.queue_url("https://sqs.eu-west-1.amazonaws.com/1/orders");
    send.message_body("order 7").send().await.unwrap_err();
    let span = recorder.span("send orders");
    assert_eq!(attribute(&span, "error.type").as_deref(), Some("_OTHER"));
}
