//! Workers on a real RabbitMQ: the conformance suite, a worker that is killed, and credentials.

#![expect(clippy::unwrap_used, reason = "a failed unwrap fails the test")]

#[path = "../common/mod.rs"]
mod common;
mod credentials;
mod fixture;
mod killed;

mod classic {
    tracehop::conformance_tests! {
        #[tokio::test]
        { crate::fixture::Rabbit::with("classic").await }
    }
}

mod quorum {
    tracehop::conformance_tests! {
        #[tokio::test]
        { crate::fixture::Rabbit::with("quorum").await }
    }
}
