use std::fmt::Display;
use std::future::Future;
use std::panic::{AssertUnwindSafe, resume_unwind};

use futures_util::FutureExt as _;
use opentelemetry::context::FutureExt as _;

use super::facts::OperationError;
use super::process::{ProcessSpan, Processed};

impl ProcessSpan {
    /// Runs the handler of a loop of the user's own with the process context current, and ends the
    /// span with what became of it. An error is handed on, and so is a panic. Dropping the future
    /// ends the span as `cancelled`.
    ///
    /// # Errors
    /// The handler's own.
    pub async fn run<F, T, E>(self, handler: F) -> Result<T, E>
    where
        F: Future<Output = Result<T, E>>,
        E: Display,
    {
        let run = AssertUnwindSafe(handler).catch_unwind();
        let outcome = run.with_context(self.context().clone()).await;
        let error = match &outcome {
            Ok(Ok(_)) => None,
            Ok(Err(error)) => Some(OperationError::other(error.to_string())),
            Err(panic) => Some(OperationError::panicked(panic.as_ref())),
        };
        self.end(&Processed {
            error,
            ..Processed::default()
        });
        outcome.unwrap_or_else(|panic| resume_unwind(panic))
    }
}
