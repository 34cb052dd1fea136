/// RabbitMQ's default, and what lapin takes where the URL sets no other.
const DEFAULT_FRAME_MAX: usize = 131_072;
/// What stays free for the headers that the broker adds itself: `x-death` grows by some 200 bytes
/// with each queue that a message expires or is rejected in.
const BROKERS_SHARE: usize = 4096;

/// How large the header frame of a message may become, the user's own headers counted.
///
/// All properties of a message go in one frame, and one above the connection's `frame_max` closes
/// the whole connection (AMQP 0-9-1, section 4.2.3; RabbitMQ answers 501 `FRAME_ERROR`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Budget {
    /// Bytes of the whole frame. Default: 126,976, which is RabbitMQ's `frame_max` less 4096.
    pub max_frame_bytes: usize,
}

impl Budget {
    /// The budget on a connection whose negotiated `frame_max` is `frame_max` bytes, 0 for no
    /// limit: 4096 less, for the headers that the broker adds when it dead-letters the message.
    pub const fn of_frame_max(frame_max: usize) -> Self {
        let max_frame_bytes = match frame_max {
            0 => usize::MAX,
            frame_max => frame_max.saturating_sub(BROKERS_SHARE),
        };
        Self { max_frame_bytes }
    }
}

impl Default for Budget {
    fn default() -> Self {
        Self::of_frame_max(DEFAULT_FRAME_MAX)
    }
}
