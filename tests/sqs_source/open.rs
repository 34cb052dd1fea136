//! Opening: what is wrong from the start.

use aws_sdk_sqs::Client;
use aws_sdk_sqs::config::{BehaviorVersion, Region};
use tracehop::contract::{Capacity, Error, ErrorKind, Source};
use tracehop::sqs::SqsSource;
use tracehop::testing::sqs::{Action, Fault, SqsEndpoint};
use tracing_subscriber::layer::SubscriberExt as _;

use crate::common::logs::Logs;
use crate::support::{SECOND, builder, client};

async fn refusal(source: &SqsSource) -> Error {
    source.open(Capacity::slots(1)).await.unwrap_err()
}

#[tokio::test]
async fn a_missing_queue_is_an_error() {
    let sqs = SqsEndpoint::start().await;
    let url = format!("{}/000000000000/nowhere", sqs.url());
    let error = refusal(&SqsSource::new(client(&sqs), url).unwrap()).await;
    assert_eq!(error.kind(), ErrorKind::NotFound);
    assert!(
        error.to_string().starts_with("open aws_sqs:nowhere: "),
        "{error}"
    );
}

#[tokio::test]
async fn denied_access_and_unknown_credentials_are_errors() {
    let cases = [
        (Fault::AccessDenied, ErrorKind::Denied, "AccessDenied"),
        (
            Fault::InvalidCredentials,
            ErrorKind::Credentials,
            "InvalidClientTokenId",
        ),
    ];
    for (fault, kind, code) in cases {
        let sqs = SqsEndpoint::start().await;
        let url = sqs.queue("orders").create();
        sqs.faults().on(Action::GetQueueAttributes).always(fault);
        let error = refusal(&SqsSource::new(client(&sqs), url).unwrap()).await;
        assert_eq!((error.kind(), error.code()), (kind, code));
    }
}

#[tokio::test]
async fn missing_credentials_are_an_error() {
    let sqs = SqsEndpoint::start().await;
    let url = sqs.queue("orders").create();
    let config = aws_sdk_sqs::Config::builder()
        .behavior_version(BehaviorVersion::v2026_01_12())
        .region(Region::from_static("us-east-1"))
        .endpoint_url(sqs.url());
    let source = SqsSource::new(Client::from_conf(config.build()), url).unwrap();
    let error = refusal(&source).await;
    assert_eq!(error.kind(), ErrorKind::Credentials);
    let said = error.to_string();
    assert_eq!(said, "open aws_sqs:orders: no credentials are to be had");
}

#[tokio::test]
async fn a_server_that_is_not_there_is_an_error() {
    let sqs = SqsEndpoint::start().await;
    let url = sqs.queue("orders").create();
    let source = SqsSource::new(client(&sqs), url).unwrap();
    drop(sqs);
    let error = refusal(&source).await;
    assert_eq!(error.kind(), ErrorKind::Unavailable, "{error}");
    assert!(error.retryable());
}

#[tokio::test]
async fn no_error_shows_a_credential() {
    let sqs = SqsEndpoint::start().await;
    let host = sqs.url().replace("http://", "http://key:secret@");
    let url = format!("{host}/000000000000/nowhere");
    let error = refusal(&SqsSource::new(client(&sqs), url).unwrap()).await;
    assert!(!error.to_string().contains("secret"), "{error}");
}

#[test]
fn a_visibility_timeout_that_cannot_be_kept_alive_is_refused() {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    let sqs = runtime.block_on(SqsEndpoint::start());
    let url = sqs.queue("orders").create();
    let _runtime = runtime.enter();
    let error = builder(&sqs, &url)
        .visibility_timeout(SECOND)
        .build()
        .unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Config);
}

#[tokio::test]
async fn a_redrive_policy_that_gives_up_early_is_warned_of() {
    for (receives, warns) in [(4, true), (5, false)] {
        let sqs = SqsEndpoint::start().await;
        sqs.queue("dead").create();
        let url = sqs.queue("orders").redrive("dead", receives).create();
        let logs = Logs::default();
        let subscriber = tracing_subscriber::registry().with(logs.clone());
        let source = builder(&sqs, &url).build().unwrap();
        {
            let _guard = tracing::subscriber::set_default(subscriber);
            source.open(Capacity::slots(1)).await.unwrap();
        }
        let mut logs = logs.all().into_iter();
        let warned = logs.any(|event| event.starts_with("WARN") && event.contains("redrive"));
        assert_eq!(warned, warns, "{receives}");
    }
}
