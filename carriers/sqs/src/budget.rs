use crate::{Injected, Outgoing};

/// What SQS took at most until 2025, and what a queue may still be set to; SNS's limit.
const CUSTOMARY_BYTES: usize = 262_144;
/// What SQS takes at most, for one message and for a whole batch.
const LARGEST_BYTES: usize = 1_048_576;

/// How far a message may be filled, the user's own attributes counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Budget {
    /// Message attributes on one message. Default: 10, AWS's own limit.
    pub max_slots: usize,
    /// Bytes of body and attributes (names, types and values). Default: `None`, by which a message
    /// within 262,144 bytes is not pushed above that, and a larger one may grow to 1 MiB.
    pub max_bytes: Option<usize>,
}

impl Budget {
    /// The limits of SQS; also the default.
    pub const fn sqs() -> Self {
        Self {
            max_slots: 10,
            max_bytes: None,
        }
    }

    /// The limits of SNS: 10 attributes (more are not delivered to a queue with raw delivery) and
    /// 262,144 bytes.
    pub const fn sns() -> Self {
        Self {
            max_slots: 10,
            max_bytes: Some(CUSTOMARY_BYTES),
        }
    }

    /// The size that a message of `bytes` may have in the end.
    pub(crate) fn limit(self, bytes: usize) -> usize {
        match self.max_bytes {
            Some(max) => max,
            None if bytes <= CUSTOMARY_BYTES => CUSTOMARY_BYTES,
            None => LARGEST_BYTES,
        }
    }
}

impl Default for Budget {
    fn default() -> Self {
        Self::sqs()
    }
}

/// Shares one byte limit among the entries of a batch call.
///
/// The limit of the [`Budget`] is that of the call as a whole, and of each entry. Each entry gets an
/// equal part of what is free, and leaves what it did not need to those after it.
///
/// ```
/// # #[cfg(feature = "sqs")] {
/// use aws_sdk_sqs::types::SendMessageBatchRequestEntry;
/// use opentelemetry::Context;
/// use tracehop_propagation::Composite;
/// use tracehop_sqs::{BatchBudget, Budget, Outgoing};
///
/// fn inject_all(cx: &Context, composite: &Composite, entries: &mut [SendMessageBatchRequestEntry]) {
///     let mut batch = BatchBudget::new(Budget::sqs(), entries);
///     for entry in entries {
///         let budget = batch.next(entry);
///         let mut injector = entry.injector(composite, budget);
///         injector.inject_context(cx);
///         batch.record(&injector.finish());
///     }
/// }
/// # }
/// ```
#[derive(Debug)]
pub struct BatchBudget {
    budget: Budget,
    free: usize,
    entries_left: usize,
    entry_bytes: usize,
}

impl BatchBudget {
    /// Measures the entries as they are, before anything is injected.
    pub fn new<M: Outgoing>(budget: Budget, entries: &[M]) -> Self {
        let bytes: usize = entries.iter().map(Outgoing::bytes).sum();
        let free = budget.limit(bytes).saturating_sub(bytes);
        Self {
            budget,
            free,
            entries_left: entries.len(),
            entry_bytes: 0,
        }
    }

    /// The budget of the next entry, which is given as it is.
    pub fn next<M: Outgoing>(&mut self, entry: &M) -> Budget {
        self.entry_bytes = entry.bytes();
        let share = self.free / self.entries_left.max(1);
        self.entries_left = self.entries_left.saturating_sub(1);
        let limit = self
            .budget
            .limit(self.entry_bytes)
            .min(self.entry_bytes + share);
        Budget {
            max_bytes: Some(limit),
            ..self.budget
        }
    }

    /// Says what became of the entry last asked about, so that the others get what it left.
    pub fn record(&mut self, injected: &Injected) {
        self.free = (self.free + self.entry_bytes).saturating_sub(injected.bytes);
    }
}
