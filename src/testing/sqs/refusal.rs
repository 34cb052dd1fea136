//! What the endpoint refuses, in the codes of the SQS API (2012-11-05, AWS JSON 1.0).

/// An error of the service: a code that the SDK turns into a typed error, and a text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Refusal {
    pub(super) code: Code,
    pub(super) message: String,
}

impl Refusal {
    pub(super) fn new(code: Code, message: impl Into<String>) -> Self {
        Self {
            code,
            message: message.into(),
        }
    }

    /// `InvalidParameterValue`, which AWS gives for most things that are wrong.
    pub(super) fn invalid(message: impl Into<String>) -> Self {
        Self::new(Code::InvalidParameterValue, message)
    }

    /// `InvalidParameterValue` in AWS's phrase for one parameter.
    pub(super) fn value(
        parameter: &str,
        value: impl std::fmt::Display,
        reason: impl std::fmt::Display,
    ) -> Self {
        Self::invalid(format!(
            "Value {value} for parameter {parameter} is invalid. Reason: {reason}"
        ))
    }

    pub(super) fn missing(parameter: &str) -> Self {
        Self::new(
            Code::MissingParameter,
            format!("The request must contain the parameter {parameter}."),
        )
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Code {
    AccessDenied,
    BatchEntryIdsNotDistinct,
    BatchRequestTooLong,
    EmptyBatchRequest,
    InternalError,
    InvalidAttributeName,
    InvalidAttributeValue,
    InvalidBatchEntryId,
    InvalidClientTokenId,
    InvalidMessageContents,
    InvalidParameterValue,
    MessageNotInflight,
    MissingParameter,
    OverLimit,
    QueueDoesNotExist,
    QueueNameExists,
    ReceiptHandleIsInvalid,
    RequestThrottled,
    Serialization,
    ServiceUnavailable,
    Throttling,
    TooManyEntriesInBatchRequest,
    UnsupportedOperation,
}

impl Code {
    /// The code of the older query protocol. AWS repeats it in `x-amzn-query-error` and in the
    /// `Failed` entries of a batch, and the SDK types its errors by it.
    pub(super) fn query(self) -> &'static str {
        match self {
            Self::AccessDenied => "AccessDenied",
            Self::BatchEntryIdsNotDistinct => "AWS.SimpleQueueService.BatchEntryIdsNotDistinct",
            Self::BatchRequestTooLong => "AWS.SimpleQueueService.BatchRequestTooLong",
            Self::EmptyBatchRequest => "AWS.SimpleQueueService.EmptyBatchRequest",
            Self::InternalError => "InternalError",
            Self::InvalidAttributeName => "InvalidAttributeName",
            Self::InvalidAttributeValue => "InvalidAttributeValue",
            Self::InvalidBatchEntryId => "AWS.SimpleQueueService.InvalidBatchEntryId",
            Self::InvalidClientTokenId => "InvalidClientTokenId",
            Self::InvalidMessageContents => "InvalidMessageContents",
            Self::InvalidParameterValue => "InvalidParameterValue",
            Self::MessageNotInflight => "AWS.SimpleQueueService.MessageNotInflight",
            Self::MissingParameter => "MissingParameter",
            Self::OverLimit => "OverLimit",
            Self::QueueDoesNotExist => "AWS.SimpleQueueService.NonExistentQueue",
            Self::QueueNameExists => "QueueAlreadyExists",
            Self::ReceiptHandleIsInvalid => "ReceiptHandleIsInvalid",
            Self::RequestThrottled => "RequestThrottled",
            Self::Serialization => "SerializationException",
            Self::ServiceUnavailable => "ServiceUnavailable",
            Self::Throttling => "ThrottlingException",
            Self::TooManyEntriesInBatchRequest => {
                "AWS.SimpleQueueService.TooManyEntriesInBatchRequest"
            }
            Self::UnsupportedOperation => "AWS.SimpleQueueService.UnsupportedOperation",
        }
    }

    /// The name of the error's shape, as `__type` has it.
    pub(super) fn shape(self) -> &'static str {
        match self {
            Self::AccessDenied => "AccessDeniedException",
            Self::InvalidParameterValue => "InvalidParameterValueException",
            Self::MissingParameter => "MissingRequiredParameterException",
            Self::QueueDoesNotExist => "QueueDoesNotExist",
            Self::QueueNameExists => "QueueNameExists",
            other => other.query().trim_start_matches("AWS.SimpleQueueService."),
        }
    }

    pub(super) fn status(self) -> u16 {
        match self {
            Self::AccessDenied | Self::InvalidClientTokenId => 403,
            Self::InternalError => 500,
            Self::ServiceUnavailable => 503,
            _ => 400,
        }
    }

    pub(super) fn is_senders_fault(self) -> bool {
        self.status() < 500
    }
}
