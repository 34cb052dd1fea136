//! What is measured, and how much of it.

/// Messages of a round, besides a tenth more to warm up on.
pub(crate) const MESSAGES: u32 = 50_000;
pub(crate) const WARM_UP: u32 = MESSAGES / 10;

/// Acknowledged at a time.
pub(crate) const ACKNOWLEDGED: u32 = 100;

/// What a channel does with its messages.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Mode {
    Publish,
    Consume,
}

impl Mode {
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Publish => "publish",
            Self::Consume => "consume",
        }
    }
}
