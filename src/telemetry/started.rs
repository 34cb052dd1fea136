use std::time::{Duration, Instant, SystemTime};

/// When something began, by the wall clock and by the one that does not jump.
#[derive(Clone, Copy, Debug)]
pub struct Started {
    at: SystemTime,
    clock: Instant,
}

impl Started {
    /// Now.
    pub fn now() -> Self {
        Self {
            at: SystemTime::now(),
            clock: Instant::now(),
        }
    }

    /// By the wall clock.
    pub const fn at(self) -> SystemTime {
        self.at
    }

    /// By the clock that does not jump.
    pub(super) const fn clock(self) -> Instant {
        self.clock
    }

    /// How long ago.
    pub fn elapsed(self) -> Duration {
        self.clock.elapsed()
    }
}
