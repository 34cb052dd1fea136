use rdkafka::error::KafkaError;

use crate::telemetry::OperationError;

/// What telemetry says of a call that failed: the name of librdkafka's code, which is of low
/// cardinality and holds nothing of the configuration.
pub(super) fn operation_error(error: &KafkaError) -> OperationError<'static> {
    match (error, error.rdkafka_error_code()) {
        (KafkaError::Canceled, _) => OperationError::cancelled(),
        (_, Some(code)) => OperationError::new(format!("{code:?}"), code.to_string()),
        (_, None) => OperationError::other("rdkafka refused the call"),
    }
}
