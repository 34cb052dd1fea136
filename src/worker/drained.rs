use crate::contract::{Error, Result};

/// How a drain went.
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct Drained {
    /// Deliveries that were in hand at the shutdown, and were finished.
    pub finished: usize,
    /// Deliveries that were in hand, and whose handlers had to be cancelled. They come again.
    pub abandoned: usize,
    /// Why the drain was not complete: handlers ran out of the drain time, or settlements did not
    /// reach the broker. Those messages come again.
    pub incomplete: Option<Error>,
}

impl Drained {
    /// The same, or the error where the drain was not complete.
    ///
    /// # Errors
    /// [`incomplete`](Self::incomplete).
    pub fn complete(self) -> Result<Self> {
        match self.incomplete {
            None => Ok(self),
            Some(error) => Err(error),
        }
    }
}
