use std::borrow::Cow;
use std::error::Error as StdError;

use aws_sdk_sqs::error::{ProvideErrorMetadata, SdkError};
use aws_smithy_runtime_api::client::orchestrator::HttpResponse;

use crate::contract::{Destination, Error, ErrorKind, Operation};

/// What a call to SQS failed with, as the contract says it.
///
/// The service's own message is passed on, but for refused credentials: to those it answers with
/// the canonical request and the session token in it.
pub(super) fn failure<E>(
    operation: Operation,
    destination: &Destination,
    error: &SdkError<E, HttpResponse>,
) -> Error
where
    E: ProvideErrorMetadata + StdError + 'static,
{
    let kind = match error {
        SdkError::TimeoutError(_) => ErrorKind::Timeout,
        SdkError::DispatchFailure(failure) if failure.is_timeout() => ErrorKind::Timeout,
        SdkError::ResponseError(_) => ErrorKind::Unavailable,
        SdkError::ServiceError(service) => {
            let status = service.raw().status().as_u16();
            service
                .err()
                .code()
                .map_or_else(|| of_status(status), |code| of_code(code, status))
        }
        _ if speaks_of_credentials(error) => ErrorKind::Credentials,
        SdkError::DispatchFailure(_) => ErrorKind::Unavailable,
        _ => ErrorKind::Config,
    };
    let detail = match (kind, error) {
        (ErrorKind::Credentials, SdkError::ServiceError(_)) => {
            "the credentials are not accepted".to_owned()
        }
        (ErrorKind::Credentials, _) => "no credentials are to be had".to_owned(),
        (_, SdkError::ServiceError(service)) => {
            let said = service.err().message().or(service.err().code());
            said.unwrap_or("refused without a reason").to_owned()
        }
        (ErrorKind::Timeout, _) => "no answer in time".to_owned(),
        (_, error) => innermost(error).to_string(),
    };
    let failure = Error::new(operation, destination, kind, detail);
    match error.as_service_error().and_then(E::code) {
        Some(code) => failure.with_code(code.to_owned()),
        None => failure,
    }
}

/// What a failed entry of a batch says.
pub(super) fn entry(destination: &Destination, code: &str, message: Option<&str>) -> Error {
    let detail = message.unwrap_or("refused without a reason");
    Error::new(Operation::Send, destination, of_code(code, 0), detail).with_code(code.to_owned())
}

/// Whether SQS means that a receipt is no longer good. `InvalidParameterValue` is how it refuses
/// to extend a lease beyond twelve hours, or one that has run out (`ChangeMessageVisibility`, API
/// version 2012-11-05).
pub(super) fn ends_lease(code: &str) -> bool {
    matches!(
        short(code).as_ref(),
        "MessageNotInflight"
            | "ReceiptHandleIsInvalid"
            | "InvalidParameterValue"
            | "QueueDoesNotExist"
            | "NonExistentQueue"
    )
}

/// A code as AWS documents it: the query protocol puts a name space before some, and LocalStack
/// `Exception` behind.
fn short(code: &str) -> Cow<'_, str> {
    let name = code.rsplit(['.', '#']).next().unwrap_or(code);
    match name.strip_suffix("Exception") {
        Some(stem) if !matches!(name, "AccessDeniedException" | "ThrottlingException") => {
            Cow::Borrowed(stem)
        }
        _ => Cow::Borrowed(name),
    }
}

fn of_code(code: &str, status: u16) -> ErrorKind {
    match short(code).as_ref() {
        "QueueDoesNotExist" | "NonExistentQueue" | "QueueDeletedRecently" => ErrorKind::NotFound,
        "AccessDenied" | "AccessDeniedException" | "KmsAccessDenied" | "UnauthorizedOperation" => {
            ErrorKind::Denied
        }
        "ExpiredToken"
        | "IncompleteSignature"
        | "InvalidAccessKeyId"
        | "InvalidClientTokenId"
        | "MissingAuthenticationToken"
        | "SignatureDoesNotMatch"
        | "UnrecognizedClient"
        | "InvalidSecurity" => ErrorKind::Credentials,
        "RequestThrottled"
        | "Throttling"
        | "ThrottlingException"
        | "ThrottledException"
        | "TooManyRequests"
        | "RequestLimitExceeded"
        | "SlowDown"
        | "OverLimit"
        | "KmsThrottled" => ErrorKind::Throttled,
        "InternalError" | "InternalFailure" | "ServiceUnavailable" => ErrorKind::Unavailable,
        "RequestTimeout" => ErrorKind::Timeout,
        "InvalidMessageContents" | "BatchRequestTooLong" => ErrorKind::Payload,
        _ => of_status(status),
    }
}

fn of_status(status: u16) -> ErrorKind {
    match status {
        429 => ErrorKind::Throttled,
        500.. => ErrorKind::Unavailable,
        _ => ErrorKind::Refused,
    }
}

/// The SDK has no type of its own for it that is in reach here.
fn speaks_of_credentials(error: &(dyn StdError + 'static)) -> bool {
    sources(error).any(|error| {
        let text = error.to_string().to_ascii_lowercase();
        text.contains("credential") || text.contains("identity")
    })
}

fn innermost<'a>(error: &'a (dyn StdError + 'static)) -> &'a (dyn StdError + 'static) {
    sources(error).last().unwrap_or(error)
}

fn sources<'a>(
    error: &'a (dyn StdError + 'static),
) -> impl Iterator<Item = &'a (dyn StdError + 'static)> {
    std::iter::successors(Some(error), |error| StdError::source(*error))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_are_read_in_every_spelling() {
        let spellings = [
            "QueueDoesNotExist",
            "AWS.SimpleQueueService.NonExistentQueue",
            "com.amazonaws.sqs#QueueDoesNotExist",
        ];
        for code in spellings {
            assert_eq!(of_code(code, 400), ErrorKind::NotFound, "{code}");
        }
        assert!(ends_lease("ReceiptHandleIsInvalidException"));
        assert!(ends_lease("AWS.SimpleQueueService.MessageNotInflight"));
        assert!(!ends_lease("InternalError"));
        assert_eq!(short("AccessDeniedException"), "AccessDeniedException");
    }

    #[test]
    fn an_unknown_code_is_judged_by_the_status() {
        assert_eq!(of_code("Odd", 503), ErrorKind::Unavailable);
        assert_eq!(of_code("Odd", 429), ErrorKind::Throttled);
        assert_eq!(of_code("Odd", 400), ErrorKind::Refused);
    }
}
