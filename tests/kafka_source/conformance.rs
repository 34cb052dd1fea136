//! The suite that every broker runs.

mod mock {
    tracehop::conformance_tests! {
        #[tokio::test]
        { Some(crate::fixture::Kafka::mock()) }
    }
}

mod real {
    tracehop::conformance_tests! {
        #[tokio::test]
        { crate::common::kafka().as_deref().map(crate::fixture::Kafka::at) }
    }
}
