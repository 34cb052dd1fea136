/// Where a delivery stands: the number of the channel that brought it, and its tag there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Place {
    pub(super) channel: u64,
    pub(super) tag: u64,
}
