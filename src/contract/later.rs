use std::time::Duration;

use tokio::time::Instant;

/// Nobody waits longer, and an [`Instant`] can be so far away.
const LONGEST: Duration = Duration::from_hours(24 * 365 * 30);

/// `from` and a time that the user has set, which may be `Duration::MAX` for ever: adding that
/// would panic.
pub(crate) fn later(from: Instant, by: Duration) -> Instant {
    from + by.min(LONGEST)
}
