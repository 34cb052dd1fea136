use std::{array, ops::AddAssign};

/// How many baggage members were not kept, by reason.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct BaggageDropped {
    /// Members that are no list-member of W3C Baggage: no token for a key, no `=`, or characters
    /// that must be percent-encoded.
    pub malformed: usize,
    /// Members after the 64th.
    pub members: usize,
    /// Members that would have made the list longer than 8192 encoded bytes.
    pub bytes: usize,
}

impl BaggageDropped {
    /// The sum over all reasons.
    pub fn total(&self) -> usize {
        self.into_iter().map(|(_, count)| count).sum()
    }
}

/// Each reason (the value of the attribute `tracehop.reason`) with its count, zeros too.
impl IntoIterator for BaggageDropped {
    type Item = (&'static str, usize);
    type IntoIter = array::IntoIter<Self::Item, 3>;

    fn into_iter(self) -> Self::IntoIter {
        [
            ("malformed", self.malformed),
            ("members", self.members),
            ("bytes", self.bytes),
        ]
        .into_iter()
    }
}

impl AddAssign for BaggageDropped {
    fn add_assign(&mut self, other: Self) {
        self.malformed += other.malformed;
        self.members += other.members;
        self.bytes += other.bytes;
    }
}
