use std::{array, ops::AddAssign};

/// How many baggage members were not kept, by reason.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct BaggageDropped {
    /// Members that are no list-member of W3C Baggage: no token for a key, no `=`, or characters
    /// that must be percent-encoded.
    pub malformed: usize,
    /// Members after the 64th, or over the policy's number.
    pub members: usize,
    /// Members that would have made the list longer than 8192 encoded bytes, or than the policy
    /// has it.
    pub bytes: usize,
    /// Members that the policy does not let pass.
    pub policy: usize,
    /// Members with a value longer than the policy has it.
    pub value_length: usize,
    /// `sentry-*` members of another trace than the one that goes out.
    pub other_trace: usize,
    /// Members that a format other than W3C Baggage has no encoding for.
    pub unsupported: usize,
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
    type IntoIter = array::IntoIter<Self::Item, 7>;

    fn into_iter(self) -> Self::IntoIter {
        [
            ("malformed", self.malformed),
            ("members", self.members),
            ("bytes", self.bytes),
            ("policy", self.policy),
            ("value_length", self.value_length),
            ("other_trace", self.other_trace),
            ("unsupported", self.unsupported),
        ]
        .into_iter()
    }
}

impl AddAssign for BaggageDropped {
    fn add_assign(&mut self, other: Self) {
        self.malformed += other.malformed;
        self.members += other.members;
        self.bytes += other.bytes;
        self.policy += other.policy;
        self.value_length += other.value_length;
        self.other_trace += other.other_trace;
        self.unsupported += other.unsupported;
    }
}
