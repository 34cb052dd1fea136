/// The headers of this library's own about retries and dead letters: they belong to the context
/// that a message carries, and go with it. Where there is not room for all, they go first.
pub const LINEAGE: [&str; 8] = [
    "tracehop-attempt",
    "tracehop-previous",
    "tracehop-origin",
    "tracehop-origin-partition",
    "tracehop-origin-offset",
    "tracehop-error",
    "tracehop-retry-at",
    "tracehop-hops",
];
