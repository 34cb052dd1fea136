use std::time::Duration;

use tokio::time::Instant;

/// Nobody waits longer, and an [`Instant`] can be so far away.
const LONGEST: Duration = Duration::from_hours(24 * 365 * 30);

/// `from` and a time that the user has set, which may be `Duration::MAX` for ever: adding that
/// would panic.
pub(crate) fn later(from: Instant, by: Duration) -> Instant {
    from + by.min(LONGEST)
}

/// Whether something is due before `than`; what has no time never is.
#[cfg(any(feature = "amqp", feature = "sqs"))]
pub(crate) fn is_sooner(due: Option<Instant>, than: Option<Instant>) -> bool {
    due.is_some_and(|due| than.is_none_or(|than| due < than))
}
