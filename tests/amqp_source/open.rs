use std::net::TcpListener;
use std::time::Duration;

use tracehop::amqp::AmqpSource;
use tracehop::contract::{Capacity, Error, ErrorKind, Operation, Source};

use crate::common::{self, rabbitmqctl};
use crate::support::{LIMIT, Rabbit, SECOND};

async fn refused(url: &str, queue: &str) -> Error {
    refused_in(LIMIT, url, queue).await
}

async fn refused_in(connect_timeout: Duration, url: &str, queue: &str) -> Error {
    let source = AmqpSource::builder(url, queue).connect_timeout(connect_timeout);
    let source = source.build().unwrap();
    let error = source.open(Capacity::slots(1)).await.unwrap_err();
    assert_eq!(error.operation(), Operation::Open);
    assert_eq!(error.destination(), format!("rabbitmq:{queue}"));
    let shown = format!("{error} {error:?} {source:?}");
    for secret in ["s3cret", "nobody"] {
        assert!(!shown.contains(secret), "{shown}");
    }
    error
}

#[tokio::test]
async fn a_queue_that_is_not_there_is_an_error() {
    let Some(url) = common::rabbitmq() else {
        return;
    };
    let error = refused(&url, "no-such-queue").await;
    assert_eq!(error.kind(), ErrorKind::NotFound);
    assert_eq!(error.code(), "NOT_FOUND");
    assert!(
        error.to_string().contains("no queue 'no-such-queue'"),
        "{error}"
    );
}

#[tokio::test]
async fn credentials_that_are_not_accepted_are_an_error_that_does_not_show_them() {
    let Some(url) = common::rabbitmq() else {
        return;
    };
    let (_, host) = url.split_once('@').unwrap();
    let error = refused(&format!("amqp://nobody:s3cret@{host}"), "orders").await;
    assert_eq!(error.kind(), ErrorKind::Credentials);
    assert_eq!(
        error.to_string(),
        "open rabbitmq:orders: the user or the password is not accepted"
    );
}

#[tokio::test]
async fn a_user_without_permission_is_told_so() {
    let Some(rabbit) = Rabbit::classic().await else {
        return;
    };
    let user = common::unique("user");
    rabbitmqctl(&["add_user", &user, "s3cret"]).await;
    rabbitmqctl(&["set_permissions", "--vhost", "/", &user, "", "", ""]).await;
    let (_, host) = rabbit.url.split_once('@').unwrap();
    let error = refused(&format!("amqp://{user}:s3cret@{host}"), &rabbit.queue).await;
    rabbitmqctl(&["delete_user", &user]).await;
    assert_eq!(
        (error.kind(), error.code()),
        (ErrorKind::Denied, "ACCESS_REFUSED")
    );
    let said = "the user has no permission for it";
    assert_eq!(
        error.to_string(),
        format!("open rabbitmq:{}: {said}", rabbit.queue)
    );
}

#[tokio::test]
async fn a_virtual_host_that_is_not_there_is_an_error() {
    let Some(url) = common::rabbitmq() else {
        return;
    };
    let (server, _) = url.rsplit_once('/').unwrap();
    let error = refused(&format!("{server}/no-such-host"), "orders").await;
    assert_eq!(error.kind(), ErrorKind::NotFound, "{error}");
}

#[tokio::test]
async fn a_broker_that_is_not_there_is_an_error() {
    let (_socket, address) = common::nobody_there();
    let error = refused(&format!("amqp://nobody:s3cret@{address}"), "orders").await;
    assert_eq!(error.kind(), ErrorKind::Unavailable);
    assert!(error.to_string().contains("refused"), "{error}");
}

#[tokio::test]
async fn a_broker_that_says_nothing_is_an_error_in_time() {
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("amqp://nobody:s3cret@{}", silent.local_addr().unwrap());
    let error = refused_in(SECOND, &url, "orders").await;
    assert_eq!(error.kind(), ErrorKind::Timeout);
}

#[tokio::test]
async fn tls_asked_of_a_plain_port_is_an_error() {
    let Some(url) = common::rabbitmq() else {
        return;
    };
    let (_, host) = url.split_once('@').unwrap();
    let error = refused_in(
        5 * SECOND,
        &format!("amqps://nobody:s3cret@{host}"),
        "orders",
    )
    .await;
    assert!(
        matches!(error.kind(), ErrorKind::Unavailable | ErrorKind::Timeout),
        "{error}"
    );
}

#[test]
fn a_queue_with_a_name_too_long_is_an_error_before_anything_is_asked() {
    let error = AmqpSource::new("amqp://127.0.0.1", "q".repeat(256)).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Config);
}
