use std::error::Error as StdError;
use std::time::Duration;

use lapin::ErrorKind as Cause;
use lapin::protocol::{AMQPErrorKind, AMQPHardError, AMQPSoftError};

use super::error::code;
use crate::contract::{Destination, Error, ErrorKind, Operation};

/// What lapin failed with, as the contract says it.
///
/// The broker's own text is passed on, but for refused access: there it names the user.
pub(super) fn failure(
    operation: Operation,
    destination: &Destination,
    error: &lapin::Error,
) -> Error {
    let kind = kind(error);
    let detail = match (kind, error.kind()) {
        (ErrorKind::Credentials, _) => "the user or the password is not accepted".to_owned(),
        (ErrorKind::Denied, _) => "the user has no permission for it".to_owned(),
        (_, Cause::ProtocolError(said)) => said.get_message().to_string(),
        (_, Cause::IOError(_)) => innermost(error).to_string(),
        (_, _) => error.to_string(),
    };
    let failure = Error::new(operation, destination, kind, detail);
    match code(error) {
        Some(code) if !code.is_empty() => failure.with_code(code),
        _ => failure,
    }
}

/// There was no answer within `limit`.
pub(super) fn timeout(operation: Operation, destination: &Destination, limit: Duration) -> Error {
    let detail = format!("no answer within {limit:?}");
    Error::new(operation, destination, ErrorKind::Timeout, detail)
}

/// How long to wait before try `tries` + 1 to connect: exponential from 100 ms to 10 s, the second
/// half of it by chance, so that those who lost a broker together do not come back together.
pub(super) fn backoff(tries: u32) -> Duration {
    const BASE: Duration = Duration::from_millis(100);
    const CAP: Duration = Duration::from_secs(10);
    let full = BASE
        .saturating_mul(1 << tries.saturating_sub(1).min(16))
        .min(CAP);
    full.mul_f64(0.5 + fastrand::f64() / 2.0)
}

/// The largest message that the broker takes, in bytes, where it closed the channel for a larger one
/// (RabbitMQ, `max_message_size`).
pub(super) fn max_bytes(error: &lapin::Error) -> Option<usize> {
    let Cause::ProtocolError(said) = error.kind() else {
        return None;
    };
    let (_, rest) = said.get_message().as_str().split_once("max size ")?;
    rest.split(|c: char| !c.is_ascii_digit())
        .next()?
        .parse()
        .ok()
}

fn kind(error: &lapin::Error) -> ErrorKind {
    let Cause::ProtocolError(said) = error.kind() else {
        return match error.kind() {
            Cause::InvalidProtocolVersion(_)
            | Cause::AuthProviderError(_)
            | Cause::NoDefaultRuntime
            | Cause::SerialisationError(_) => ErrorKind::Config,
            _ => ErrorKind::Unavailable,
        };
    };
    match said.kind() {
        // A login that is refused closes the connection; access that is refused, the channel.
        AMQPErrorKind::Soft(AMQPSoftError::ACCESSREFUSED)
            if said.get_message().as_str().contains("Login") =>
        {
            ErrorKind::Credentials
        }
        AMQPErrorKind::Soft(AMQPSoftError::ACCESSREFUSED) => ErrorKind::Denied,
        AMQPErrorKind::Soft(AMQPSoftError::NOTFOUND)
        | AMQPErrorKind::Hard(AMQPHardError::INVALIDPATH) => ErrorKind::NotFound,
        AMQPErrorKind::Soft(_) if max_bytes(error).is_some() => ErrorKind::Payload,
        AMQPErrorKind::Soft(AMQPSoftError::CONTENTTOOLARGE) => ErrorKind::Payload,
        AMQPErrorKind::Hard(AMQPHardError::CONNECTIONFORCED | AMQPHardError::INTERNALERROR) => {
            ErrorKind::Unavailable
        }
        AMQPErrorKind::Hard(AMQPHardError::RESOURCEERROR) => ErrorKind::Throttled,
        // A virtual host that is not there, or not for the user.
        AMQPErrorKind::Hard(AMQPHardError::NOTALLOWED)
            if said.get_message().as_str().contains("not found") =>
        {
            ErrorKind::NotFound
        }
        AMQPErrorKind::Hard(AMQPHardError::NOTALLOWED) => ErrorKind::Denied,
        _ => ErrorKind::Refused,
    }
}

fn innermost(error: &lapin::Error) -> &dyn StdError {
    let mut innermost: &dyn StdError = error;
    while let Some(source) = innermost.source() {
        innermost = source;
    }
    innermost
}
