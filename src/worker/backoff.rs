use std::time::Duration;

/// How long a failed message waits for its next attempt: full jitter, which is a random time
/// between nothing and a ceiling that doubles from `base` with each attempt up to `cap`.
///
/// Default: base 1 s, cap 5 min.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Backoff {
    base: Duration,
    cap: Duration,
}

impl Default for Backoff {
    fn default() -> Self {
        Self::new(Duration::from_secs(1), Duration::from_mins(5))
    }
}

impl Backoff {
    /// Waits of up to `base` after the first attempt, and never more than `cap`.
    pub const fn new(base: Duration, cap: Duration) -> Self {
        Self { base, cap }
    }

    /// The longest wait after attempt `attempt`, which counts from 1.
    pub fn ceiling(&self, attempt: u32) -> Duration {
        let doublings = attempt.saturating_sub(1).min(31);
        self.base.saturating_mul(1 << doublings).min(self.cap)
    }

    /// A wait after attempt `attempt`, which counts from 1.
    pub fn delay(&self, attempt: u32) -> Duration {
        self.ceiling(attempt).mul_f64(fastrand::f64())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const BACKOFF: Backoff = Backoff::new(Duration::from_secs(2), Duration::from_mins(1));

    #[test]
    fn the_ceiling_doubles_from_the_base_up_to_the_cap() {
        let ceilings = [1, 2, 3, 5, 6, 7, u32::MAX].map(|n| BACKOFF.ceiling(n).as_secs());
        assert_eq!(ceilings, [2, 4, 8, 32, 60, 60, 60]);
    }

    #[test]
    fn the_jitter_is_full() {
        let delays: Vec<f64> = (0..1000).map(|_| BACKOFF.delay(1).as_secs_f64()).collect();
        assert!(delays.iter().all(|delay| (0.0..=2.0).contains(delay)));
        assert!(delays.iter().any(|delay| *delay < 0.2));
        assert!(delays.iter().any(|delay| *delay > 1.8));
    }
}
