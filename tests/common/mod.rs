//! What integration tests share: the brokers that they run on, what a test does where there is none,
//! and what they look at them with.

#![allow(dead_code, reason = "each test target uses what it needs")]

#[cfg(all(feature = "testing", feature = "worker"))]
pub(crate) mod bad_input;
pub(crate) mod example;
#[cfg(feature = "kafka")]
pub(crate) mod guarded;
pub(crate) mod instance;
pub(crate) mod killed;
pub(crate) mod logs;
pub(crate) mod panics;
pub(crate) mod proxy;
#[cfg(feature = "amqp")]
pub(crate) mod queues;
pub(crate) mod spans;
#[cfg(feature = "kafka")]
pub(crate) mod topics;

use std::net::SocketAddr;

use aws_sdk_sqs::config::{BehaviorVersion, Credentials, Region};
use tokio::net::TcpSocket;
use tokio::process::Command;
use tracehop::contract::{Capacity, Message, Settlement, Source};

/// The endpoint of a running LocalStack, from `TRACEHOP_LOCALSTACK_URL`.
///
/// # Panics
/// There is none, and `TRACEHOP_REQUIRE_BROKERS=1` says that there must be.
pub(crate) fn localstack() -> Option<String> {
    broker("LocalStack", "TRACEHOP_LOCALSTACK_URL")
}

/// The endpoint of a running ElasticMQ, from `TRACEHOP_ELASTICMQ_URL`.
///
/// # Panics
/// As [`localstack`].
pub(crate) fn elasticmq() -> Option<String> {
    broker("ElasticMQ", "TRACEHOP_ELASTICMQ_URL")
}

/// The bootstrap servers of a running Kafka, from `TRACEHOP_KAFKA_BROKERS`.
///
/// # Panics
/// As [`localstack`].
pub(crate) fn kafka() -> Option<String> {
    broker("Kafka", "TRACEHOP_KAFKA_BROKERS")
}

/// The URL of a running RabbitMQ, user and password included, from `TRACEHOP_AMQP_URL`.
///
/// # Panics
/// As [`localstack`].
pub(crate) fn rabbitmq() -> Option<String> {
    broker("RabbitMQ", "TRACEHOP_AMQP_URL")
}

/// An address at which nobody listens, and nobody else can as long as the socket is kept.
pub(crate) fn nobody_there() -> (TcpSocket, SocketAddr) {
    let socket = TcpSocket::new_v4().unwrap();
    socket.bind(SocketAddr::from(([127, 0, 0, 1], 0))).unwrap();
    let address = socket.local_addr().unwrap();
    (socket, address)
}

/// Has RabbitMQ's command-line tool do something there; answers what it printed.
pub(crate) async fn rabbitmqctl(arguments: &[&str]) -> String {
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/localstack/rabbitmqctl");
    let output = Command::new(script).args(arguments).output().await.unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "rabbitmqctl {arguments:?}: {said}");
    String::from_utf8(output.stdout).unwrap()
}

/// The configuration of an SQS client of the server at `url`, to add to.
pub(crate) fn sqs_config(url: &str) -> aws_sdk_sqs::config::Builder {
    aws_sdk_sqs::Config::builder()
        .behavior_version(BehaviorVersion::v2026_01_12())
        .region(Region::from_static("us-east-1"))
        .credentials_provider(Credentials::for_tests())
        .endpoint_url(url)
}

/// The first message that a source delivers, which is not open yet; it is acknowledged.
pub(crate) async fn first(source: impl Source) -> Message {
    source.open(Capacity::slots(1)).await.unwrap();
    let delivery = source.receive(1).await.unwrap().pop().unwrap();
    let (delivery, receipt) = delivery.with_receipt(());
    source.settle(receipt, Settlement::Ack).await.unwrap();
    delivery.into_message()
}

/// A name that no other test uses: the servers keep what tests leave behind.
pub(crate) fn unique(name: &str) -> String {
    format!("{name}-{:032x}", fastrand::u128(..))
}

#[expect(clippy::print_stdout, reason = "a skipped test says so")]
fn broker(name: &str, variable: &str) -> Option<String> {
    let url = std::env::var(variable).ok().filter(|url| !url.is_empty());
    if url.is_none() {
        let required = std::env::var("TRACEHOP_REQUIRE_BROKERS").is_ok_and(|value| value == "1");
        assert!(!required, "{name} is required, and {variable} is not set");
        println!("skipped: {variable} is not set, so there is no {name} to test on");
    }
    url
}
