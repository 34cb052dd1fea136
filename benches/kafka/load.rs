//! What is measured, and how much of it.

/// Messages of a round, besides a tenth more to warm up on.
pub(crate) const MESSAGES: u32 = 200_000;
pub(crate) const WARM_UP: u32 = MESSAGES / 10;

pub(crate) const KEY: &str = "order-7";
pub(crate) const GROUP: &str = "bench";

/// What a client does with its records.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Mode {
    Produce,
    Poll,
    Consume,
}

impl Mode {
    pub(crate) fn named(name: &str) -> Option<Self> {
        [Self::Produce, Self::Poll, Self::Consume]
            .into_iter()
            .find(|mode| mode.name() == name)
    }

    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Produce => "produce",
            Self::Poll => "poll",
            Self::Consume => "consume",
        }
    }
}
