use std::borrow::Cow;
use std::fmt;

use super::Destination;
use super::credentials::without_credentials;

/// The result of a broker operation.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// A broker operation that failed: which one, on which destination, and why.
///
/// The detail is the broker's or client's own message, without the user information of URLs in it;
/// whoever builds an `Error` keeps other credentials out of it.
#[derive(Clone, Debug, thiserror::Error)]
#[error("{operation} {destination}: {detail}")]
pub struct Error {
    operation: Operation,
    destination: String,
    kind: ErrorKind,
    code: Cow<'static, str>,
    detail: String,
}

impl Error {
    /// An error of `operation` on `destination`; its code is the kind's until
    /// [`with_code`](Self::with_code) sets the broker's.
    pub fn new(
        operation: Operation,
        destination: &Destination,
        kind: ErrorKind,
        detail: impl Into<String>,
    ) -> Self {
        let detail = detail.into();
        Self {
            operation,
            destination: destination.to_string(),
            kind,
            code: Cow::Borrowed(kind.as_str()),
            detail: without_credentials(&detail).into_owned(),
        }
    }

    /// The broker's own code, such as `QueueDoesNotExist`: low cardinality, for `error.type`.
    #[must_use]
    pub fn with_code(mut self, code: impl Into<Cow<'static, str>>) -> Self {
        self.code = code.into();
        self
    }

    /// What was attempted.
    pub fn operation(&self) -> Operation {
        self.operation
    }

    /// Where, as `system:name`.
    pub fn destination(&self) -> &str {
        &self.destination
    }

    /// The class of the failure: low cardinality.
    pub fn kind(&self) -> ErrorKind {
        self.kind
    }

    /// The broker's code, else the name of the kind.
    pub fn code(&self) -> &str {
        &self.code
    }

    /// Whether the same call may succeed later.
    pub fn retryable(&self) -> bool {
        matches!(
            self.kind,
            ErrorKind::Throttled | ErrorKind::Unavailable | ErrorKind::Timeout
        )
    }
}

/// A broker operation, as errors name it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Operation {
    /// Opening a source or sink.
    Open,
    /// Taking deliveries.
    Receive,
    /// Settling a delivery.
    Settle,
    /// Publishing a message.
    Send,
    /// Draining and closing.
    Close,
    /// Asking for the backlog.
    Backlog,
}

impl fmt::Display for Operation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Open => "open",
            Self::Receive => "receive",
            Self::Settle => "settle",
            Self::Send => "send",
            Self::Close => "close",
            Self::Backlog => "backlog",
        })
    }
}

/// The class of a failure.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ErrorKind {
    /// The destination does not exist.
    NotFound,
    /// The credentials are missing or not accepted.
    Credentials,
    /// The credentials are known and access is denied.
    Denied,
    /// The configuration is wrong.
    Config,
    /// The broker asks for less load.
    Throttled,
    /// The broker cannot be reached, or failed inside.
    Unavailable,
    /// No answer in time.
    Timeout,
    /// The message cannot be carried: too large, or of a kind the broker has no form for.
    Payload,
    /// The broker refused the request.
    Refused,
    /// The source or sink is closed.
    Closed,
}

impl ErrorKind {
    /// The name that telemetry uses where the broker gave no code.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::NotFound => "not_found",
            Self::Credentials => "credentials",
            Self::Denied => "denied",
            Self::Config => "config",
            Self::Throttled => "throttled",
            Self::Unavailable => "unavailable",
            Self::Timeout => "timeout",
            Self::Payload => "payload",
            Self::Refused => "refused",
            Self::Closed => "closed",
        }
    }
}
