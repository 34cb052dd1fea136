use rdkafka::error::KafkaError;
use rdkafka::types::RDKafkaErrorCode as Code;

use crate::contract::{Destination, Error, ErrorKind, Operation};

/// What a call to Kafka failed with, as the contract says it. `reason` is what the client itself
/// says of it, where it said more than its code.
pub(super) fn failure(
    operation: Operation,
    destination: &Destination,
    error: &KafkaError,
    reason: Option<&str>,
) -> Error {
    let kind = kind(error);
    let detail = match (error, reason) {
        // The value may be a secret, and so may be part of the description.
        (KafkaError::ClientConfig(_, _, key, _), _) if is_secret(key) => {
            format!("the setting {key} is not accepted")
        }
        (KafkaError::ClientConfig(_, description, _, _), _) => description.clone(),
        (_, Some(reason)) => reason.to_owned(),
        (error, None) => error.to_string(),
    };
    let failure = Error::new(operation, destination, kind, detail);
    match error.rdkafka_error_code() {
        Some(code) => failure.with_code(format!("{code:?}")),
        None => failure,
    }
}

/// The class of what failed.
pub(super) fn kind(error: &KafkaError) -> ErrorKind {
    match error.rdkafka_error_code() {
        Some(code) => of_code(code),
        None => match error {
            KafkaError::ClientConfig(..)
            | KafkaError::ClientCreation(_)
            | KafkaError::Subscription(_)
            | KafkaError::Nul(_) => ErrorKind::Config,
            KafkaError::Canceled => ErrorKind::Closed,
            _ => ErrorKind::Refused,
        },
    }
}

/// Whether it will be so for every other try.
pub(super) fn is_refused(error: &KafkaError) -> bool {
    matches!(
        kind(error),
        ErrorKind::Denied | ErrorKind::Credentials | ErrorKind::Config
    )
}

fn of_code(code: Code) -> ErrorKind {
    match code {
        Code::UnknownTopic
        | Code::UnknownTopicOrPartition
        | Code::UnknownTopicId
        | Code::UnknownPartition => ErrorKind::NotFound,
        Code::TopicAuthorizationFailed
        | Code::GroupAuthorizationFailed
        | Code::ClusterAuthorizationFailed
        | Code::TransactionalIdAuthorizationFailed
        | Code::DelegationTokenAuthorizationFailed => ErrorKind::Denied,
        Code::Authentication
        | Code::SaslAuthenticationFailed
        | Code::IllegalSASLState
        | Code::DelegationTokenExpired
        | Code::UnacceptableCredential => ErrorKind::Credentials,
        Code::MessageSizeTooLarge
        | Code::InvalidMessageSize
        | Code::MessageBatchTooLarge
        | Code::InvalidMessage
        | Code::InvalidRecord
        | Code::UnsupportedCompressionType
        | Code::BadCompression => ErrorKind::Payload,
        Code::QueueFull | Code::ThrottlingQuotaExceeded => ErrorKind::Throttled,
        Code::OperationTimedOut
        | Code::MessageTimedOut
        | Code::RequestTimedOut
        | Code::TimedOutQueue => ErrorKind::Timeout,
        Code::InconsistentGroupProtocol
        | Code::InvalidGroupId
        | Code::InvalidSessionTimeout
        | Code::InvalidConfig
        | Code::InvalidArgument
        | Code::InvalidTopic
        | Code::UnsupportedSASLMechanism
        | Code::UnsupportedVersion
        | Code::UnsupportedFeature
        | Code::UnsupportedAssignor
        | Code::SecurityDisabled => ErrorKind::Config,
        Code::AllBrokersDown
        | Code::BrokerTransportFailure
        | Code::Resolve
        | Code::SSL
        | Code::WaitingForCoordinator
        | Code::LeaderNotAvailable
        | Code::NotLeaderForPartition
        | Code::BrokerNotAvailable
        | Code::ReplicaNotAvailable
        | Code::NetworkException
        | Code::CoordinatorLoadInProgress
        | Code::CoordinatorNotAvailable
        | Code::NotCoordinator
        | Code::NotEnoughReplicas
        | Code::NotEnoughReplicasAfterAppend
        | Code::RebalanceInProgress
        | Code::KafkaStorageError => ErrorKind::Unavailable,
        Code::PurgeQueue | Code::PurgeInflight | Code::DestroyBroker => ErrorKind::Closed,
        _ => ErrorKind::Refused,
    }
}

fn is_secret(key: &str) -> bool {
    const WORDS: [&str; 5] = ["password", "secret", "username", "oauthbearer", "pem"];
    WORDS.iter().any(|word| key.contains(word))
}

#[cfg(test)]
mod tests {
    use rdkafka::types::RDKafkaConfRes;

    use super::*;
    use crate::contract::System;

    #[test]
    fn an_error_names_operation_destination_and_the_brokers_code() {
        let orders = Destination::new(System::Kafka, "orders");
        let error = KafkaError::MetadataFetch(Code::TopicAuthorizationFailed);
        let failure = failure(Operation::Open, &orders, &error, None);
        assert_eq!(failure.kind(), ErrorKind::Denied);
        assert_eq!(failure.code(), "TopicAuthorizationFailed");
        assert!(failure.to_string().starts_with("open kafka:orders: "));
    }

    #[test]
    fn a_setting_that_holds_a_secret_is_named_and_not_shown() {
        let orders = Destination::new(System::Kafka, "orders");
        let setting = |key: &str| {
            KafkaError::ClientConfig(
                RDKafkaConfRes::RD_KAFKA_CONF_INVALID,
                "Invalid value \"hunter2\"".to_owned(),
                key.to_owned(),
                "hunter2".to_owned(),
            )
        };
        for key in ["sasl.password", "ssl.key.pem", "sasl.oauthbearer.config"] {
            let failure = failure(Operation::Open, &orders, &setting(key), None);
            assert!(!failure.to_string().contains("hunter2"), "{failure}");
            assert_eq!(failure.kind(), ErrorKind::Config);
        }
        let failure = failure(Operation::Open, &orders, &setting("acks"), None);
        assert!(failure.to_string().contains("hunter2"));
    }
}
