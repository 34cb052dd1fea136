//! Receipt handles: which receive of which message they stand for.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::refusal::{Code, Refusal};

/// One receive of one message. A handle is opaque to the client, as AWS's is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Receipt {
    /// The queue's own number, so that a queue of the same name made anew knows its handles apart.
    pub(super) queue: u64,
    pub(super) position: u64,
    /// The message's receive count at the time.
    pub(super) receive: u32,
}

impl Receipt {
    pub(super) fn handle(self) -> String {
        let mut bytes = [0; 20];
        bytes[..8].copy_from_slice(&self.queue.to_be_bytes());
        bytes[8..16].copy_from_slice(&self.position.to_be_bytes());
        bytes[16..].copy_from_slice(&self.receive.to_be_bytes());
        STANDARD.encode(bytes)
    }

    pub(super) fn parse(handle: &str) -> Result<Self, Refusal> {
        Self::decode(handle).ok_or_else(|| invalid(handle))
    }

    fn decode(handle: &str) -> Option<Self> {
        let bytes: [u8; 20] = STANDARD.decode(handle).ok()?.try_into().ok()?;
        let (queue, rest) = bytes.split_first_chunk()?;
        let (position, rest) = rest.split_first_chunk()?;
        Some(Self {
            queue: u64::from_be_bytes(*queue),
            position: u64::from_be_bytes(*position),
            receive: u32::from_be_bytes(*rest.first_chunk()?),
        })
    }
}

/// The refusal of a handle that was never given out.
pub(super) fn invalid(handle: &str) -> Refusal {
    Refusal::new(
        Code::ReceiptHandleIsInvalid,
        format!("The input receipt handle \"{handle}\" is not a valid receipt handle."),
    )
}
