use std::borrow::Cow;
use std::error::Error;
use std::fmt;
use std::time::Duration;

use crate::telemetry::OperationError;

/// Why a handler did not succeed, and what is to become of the message.
///
/// Any error becomes one through `?`, and the message then comes again with backoff. An error
/// that is no `std::error::Error`, such as `anyhow`'s, goes through [`new`](Self::new).
///
/// It is no `std::error::Error` itself: that is what lets `?` convert every error there is.
pub struct Failure {
    error: Box<dyn Error + Send + Sync>,
    error_type: Cow<'static, str>,
    pub(super) then: Then,
}

/// What is to become of a message whose handler failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Then {
    /// It comes again: after that time, or else by the worker's backoff.
    Retry(Option<Duration>),
    /// It will never succeed.
    Reject,
}

impl Failure {
    /// A failure after which the message comes again, with the worker's backoff.
    pub fn new(error: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        Self {
            error: error.into(),
            error_type: Cow::Borrowed("_OTHER"),
            then: Then::Retry(None),
        }
    }

    /// The message will never succeed: it is not tried again, and `on_reject` decides what becomes
    /// of it.
    pub fn reject(reason: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        Self {
            then: Then::Reject,
            ..Self::new(reason)
        }
    }

    /// The message comes again after `delay`, whatever the worker's backoff says. The broker may
    /// round it, SQS to whole seconds.
    pub fn retry_after(delay: Duration) -> Self {
        Self {
            then: Then::Retry(Some(delay)),
            ..Self::new(format!("to be tried again after {delay:?}"))
        }
    }

    /// Sets what went wrong; what becomes of the message stays as it is.
    #[must_use]
    pub fn because(mut self, error: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        self.error = error.into();
        self
    }

    /// Sets `error.type` of the process span and its metric: a name of low cardinality. Default:
    /// `_OTHER`.
    #[must_use]
    pub fn with_type(mut self, error_type: impl Into<Cow<'static, str>>) -> Self {
        self.error_type = error_type.into();
        self
    }

    /// What went wrong.
    pub fn error(&self) -> &(dyn Error + Send + Sync + 'static) {
        &*self.error
    }

    /// The value of `error.type`.
    pub fn error_type(&self) -> &str {
        &self.error_type
    }

    /// Whether the message is not to be tried again.
    pub fn is_reject(&self) -> bool {
        self.then == Then::Reject
    }

    pub(super) fn timed_out(after: Duration) -> Self {
        let timeout = OperationError::timeout();
        Self::new(format!("not done after {after:?}")).with_type(timeout.error_type().to_owned())
    }

    /// From what `catch_unwind` caught: the text of the panic, where it has one.
    pub(super) fn panicked(payload: &(dyn std::any::Any + Send)) -> Self {
        let panic = OperationError::panicked(payload);
        Self::new(panic.description().to_owned()).with_type(panic.error_type().to_owned())
    }

    /// The same verdict once more, for another message of the same batch.
    pub(crate) fn again(&self) -> Self {
        Self {
            error: self.to_string().into(),
            error_type: self.error_type.clone(),
            then: self.then,
        }
    }
}

impl<E: Error + Send + Sync + 'static> From<E> for Failure {
    fn from(error: E) -> Self {
        Self::new(error)
    }
}

/// The error, followed by its sources.
impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.error)?;
        let mut source = self.error.source();
        while let Some(error) = source {
            write!(f, ": {error}")?;
            source = error.source();
        }
        Ok(())
    }
}

impl fmt::Debug for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Failure")
            .field("error", &self.error)
            .field("error_type", &self.error_type)
            .field("then", &self.then)
            .finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Result<u32, Failure> {
        Ok(text.parse::<u32>()?)
    }

    #[test]
    fn any_error_becomes_a_failure_that_is_tried_again() {
        let failure = parse("x").expect_err("x is no number");
        assert_eq!(failure.then, Then::Retry(None));
        assert_eq!(failure.to_string(), "invalid digit found in string");
    }

    #[test]
    fn the_sources_of_an_error_are_told() {
        let io = std::io::Error::other(std::fmt::Error);
        assert_eq!(
            Failure::retry_after(Duration::ZERO).because(io).to_string(),
            "an error occurred when formatting an argument"
        );
    }
}
