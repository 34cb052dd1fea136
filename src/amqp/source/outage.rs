use std::time::Duration;

use tokio::time::Instant;

use crate::amqp::failure::backoff;
use crate::contract::{Error, ErrorKind};

/// How long a queue must have been missing until it counts as deleted: it may be declared again.
pub(super) const MISSING: Duration = Duration::from_secs(3);

/// Why nothing is received, and for how long.
#[derive(Debug, Default)]
pub(super) struct Outage {
    tries: u32,
    missing: Option<Instant>,
    trouble: Option<String>,
    fatal: Option<Error>,
}

impl Outage {
    /// What was consumed no longer is.
    pub(super) fn begin(&mut self, error: &Error) {
        if self.trouble.replace(error.to_string()).is_none() {
            tracing::warn!(%error, "nothing is received, and connecting is tried again");
        }
    }

    /// Connecting failed. Answers when to try again, unless nothing mends it.
    pub(super) fn goes_on(&mut self, error: Error, now: Instant) -> Option<Duration> {
        self.tries += 1;
        self.begin(&error);
        if error.kind() != ErrorKind::NotFound {
            self.missing = None;
        } else if now.duration_since(*self.missing.get_or_insert(now)) >= MISSING {
            self.fatal = Some(error);
            return None;
        }
        Some(backoff(self.tries))
    }

    pub(super) fn end(&mut self) {
        *self = Self::default();
    }

    /// What nothing mends.
    pub(super) fn fatal(&self) -> Option<&Error> {
        self.fatal.as_ref()
    }

    pub(super) fn trouble(&self) -> Option<&str> {
        self.trouble.as_deref()
    }
}
