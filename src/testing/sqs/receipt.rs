//! Receipt handles: which receive of which message they stand for, and what they still hold.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use tokio::time::Instant;

use super::refusal::{Code, Refusal};
use super::shelf::Shelf;

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

/// What a handle still holds.
pub(super) enum Hold {
    InFlight {
        position: u64,
        /// When it was received.
        since: Instant,
    },
    /// The message is visible again, or was received anew.
    Lapsed,
    /// The message was deleted, moved or has expired.
    Gone,
}

impl Hold {
    /// Refuses a handle that this queue has never given out.
    pub(super) fn of(handle: &str, queue: u64, shelf: &Shelf) -> Result<Self, Refusal> {
        let receipt = Receipt::decode(handle)
            .filter(|it| it.queue == queue && it.position < shelf.next_position())
            .ok_or_else(|| invalid(handle))?;
        let position = receipt.position;
        let Some(entry) = shelf.get(position) else {
            return Ok(Self::Gone);
        };
        match entry.leased_since() {
            Some(since) if entry.receives == receipt.receive => {
                Ok(Self::InFlight { position, since })
            }
            _ if (1..=entry.receives).contains(&receipt.receive) => Ok(Self::Lapsed),
            _ => Err(invalid(handle)),
        }
    }
}

fn invalid(handle: &str) -> Refusal {
    Refusal::new(
        Code::ReceiptHandleIsInvalid,
        format!("The input receipt handle \"{handle}\" is not a valid receipt handle."),
    )
}
