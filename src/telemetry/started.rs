use std::time::{Instant, SystemTime};

/// When something began, by the wall clock and by the one that does not jump.
#[derive(Clone, Copy, Debug)]
pub struct Started(Option<(SystemTime, Instant)>);

impl Started {
    /// Now.
    pub fn now() -> Self {
        Self(Some((SystemTime::now(), Instant::now())))
    }

    /// When it is recorded, for what is over at once: no clock is read for what is not recorded.
    pub const fn when_recorded() -> Self {
        Self(None)
    }

    /// By the wall clock, where that is known yet.
    pub fn at(self) -> Option<SystemTime> {
        self.0.map(|(at, _)| at)
    }

    /// By the clock that does not jump.
    pub(super) fn clock(self) -> Option<Instant> {
        self.0.map(|(_, clock)| clock)
    }
}
