use std::error::Error as StdError;

use aws_smithy_runtime_api::client::interceptors::context::{
    Error, FinalizerInterceptorContextRef,
};
use aws_smithy_runtime_api::client::orchestrator::OrchestratorError;
use aws_smithy_types::error::metadata::ProvideErrorMetadata;

use crate::telemetry::OperationError;

/// The id that the service gave the request, of the last attempt.
pub(crate) fn request_id<'a>(context: &'a FinalizerInterceptorContextRef<'_>) -> Option<&'a str> {
    let headers = context.response()?.headers();
    headers
        .get("x-amzn-requestid")
        .or_else(|| headers.get("x-amz-request-id"))
}

/// What the call ended with: its output, or why there is none.
///
/// `O` and `E` are the output and the error of the operation. The error's type is the service's
/// code. Its description is never the service's message, which can hold what must not be recorded:
/// a refused signature is answered with the canonical request and its security token, a refused
/// phone number with the number.
pub(crate) fn outcome<'a, O, E>(
    context: &'a FinalizerInterceptorContextRef<'_>,
) -> Result<&'a O, OperationError<'a>>
where
    O: std::fmt::Debug + Send + Sync + 'static,
    E: ProvideErrorMetadata + StdError + Send + Sync + 'static,
{
    match context.output_or_error() {
        Some(Ok(output)) => output
            .downcast_ref()
            .ok_or_else(|| OperationError::other("the output was replaced")),
        Some(Err(error)) => Err(failure::<E>(error)),
        None => Err(OperationError::other("the call ended without an outcome")),
    }
}

fn failure<E>(error: &OrchestratorError<Error>) -> OperationError<'_>
where
    E: ProvideErrorMetadata + StdError + Send + Sync + 'static,
{
    if let Some(error) = error.as_operation_error() {
        let code = error.downcast_ref::<E>().and_then(E::code);
        return OperationError::new(code.unwrap_or_default(), "the service refused the request");
    }
    OperationError::other(if error.is_timeout_error() {
        "no answer in time"
    } else if error.is_connector_error() {
        "the service could not be reached"
    } else if error.is_response_error() {
        "the answer could not be read"
    } else {
        "the request could not be made"
    })
}
