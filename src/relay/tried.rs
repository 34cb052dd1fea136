use crate::contract::Delivery;
use crate::telemetry::ProcessSpan;
use crate::worker::{Ended, Failure, Handled, Incoming, Spanned};

/// A message that a relay has begun to send.
#[derive(Debug)]
pub(super) struct Tried {
    incoming: Incoming,
    span: ProcessSpan,
    /// What the target said, once it did.
    sent: Option<Result<(), Failure>>,
}

impl Tried {
    pub(super) fn new(incoming: Incoming, span: ProcessSpan) -> Self {
        Self {
            incoming,
            span,
            sent: None,
        }
    }

    /// Takes down what the target said; answers whether that stops the run.
    pub(super) fn told(&mut self, sent: Result<(), Failure>) -> bool {
        let stops = sent.as_ref().is_err_and(|failure| !failure.is_reject());
        self.sent = Some(sent);
        stops
    }

    /// Where the target said nothing, it ended as the whole run did.
    pub(super) fn handled(self, whole: &Ended) -> Handled {
        Handled {
            incoming: self.incoming,
            ended: Ended::of(self.sent, whole),
            span: Spanned::Open(self.span),
        }
    }
}

/// A message behind one that failed, which was not tried: it has no span, and was no attempt.
pub(super) fn unseen(delivery: Delivery<()>) -> Handled {
    Handled {
        incoming: Incoming::new(delivery, None),
        ended: Ended::Unseen,
        span: Spanned::None,
    }
}
