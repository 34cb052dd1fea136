use lapin::ErrorKind;
use lapin::types::ReplyCode;

use crate::telemetry::OperationError;

/// Why lapin failed. The type is the broker's code where the broker closed the channel or the
/// connection. The description is never the broker's text, which names users.
pub(crate) fn operation_error(error: &lapin::Error) -> OperationError<'static> {
    if let Some(code) = code(error) {
        return OperationError::new(code, "the broker closed the channel or the connection");
    }
    OperationError::other(match error.kind() {
        ErrorKind::InvalidChannel(_) | ErrorKind::InvalidChannelState(..) => {
            "the channel is not open"
        }
        ErrorKind::InvalidConnectionState(_) => "the connection is not open",
        ErrorKind::IOError(_)
        | ErrorKind::RuntimeShutdownError(_)
        | ErrorKind::MissingHeartbeatError => "the connection was lost",
        _ => "the client refused the call",
    })
}

/// What the broker calls its reason for closing; `None` where it did not close.
pub(crate) fn code(error: &lapin::Error) -> Option<&'static str> {
    match error.kind() {
        ErrorKind::ProtocolError(error) => Some(reply_name(error.get_id())),
        _ => None,
    }
}

/// The name of a reply code, as RabbitMQ writes it (AMQP 0-9-1, section 1.2, constants, and
/// RabbitMQ's own 312).
pub(crate) fn reply_name(code: ReplyCode) -> &'static str {
    match code {
        311 => "CONTENT_TOO_LARGE",
        312 => "NO_ROUTE",
        313 => "NO_CONSUMERS",
        320 => "CONNECTION_FORCED",
        402 => "INVALID_PATH",
        403 => "ACCESS_REFUSED",
        404 => "NOT_FOUND",
        405 => "RESOURCE_LOCKED",
        406 => "PRECONDITION_FAILED",
        501 => "FRAME_ERROR",
        502 => "SYNTAX_ERROR",
        503 => "COMMAND_INVALID",
        504 => "CHANNEL_ERROR",
        505 => "UNEXPECTED_FRAME",
        506 => "RESOURCE_ERROR",
        530 => "NOT_ALLOWED",
        540 => "NOT_IMPLEMENTED",
        541 => "INTERNAL_ERROR",
        _ => "",
    }
}
