use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use super::queue::{Clock, Queue};
use super::state::State;
use super::{MemorySink, MemorySource};
use crate::contract::Message;
use crate::telemetry::Instrumentation;

/// A broker inside the process. Clones are the same broker.
///
/// Queues come into being when they are named. The methods that disturb it are for tests.
#[derive(Clone, Debug)]
pub struct MemoryBroker {
    queues: Arc<Mutex<BTreeMap<String, Arc<Queue>>>>,
    clock: Clock,
    instrumentation: Instrumentation,
}

impl Default for MemoryBroker {
    fn default() -> Self {
        Self::new()
    }
}

impl MemoryBroker {
    /// A broker without queues, with the global telemetry.
    pub fn new() -> Self {
        Self {
            queues: Arc::default(),
            clock: Clock::start(),
            instrumentation: Instrumentation::default(),
        }
    }

    /// Sets the telemetry of the sources and sinks made from here on. Default: the global one.
    #[must_use]
    pub fn with_instrumentation(mut self, instrumentation: Instrumentation) -> Self {
        self.instrumentation = instrumentation;
        self
    }

    /// Sets the options of a queue. Without it a queue has [`QueueOptions::default`].
    pub fn declare(&self, queue: &str, options: QueueOptions) {
        let dead_letters = options.dead_letters.as_deref().map(|name| self.queue(name));
        self.queue(queue).configure(options, dead_letters);
    }

    /// A new consumer of a queue. Several share its messages.
    pub fn source(&self, queue: &str) -> MemorySource {
        MemorySource::new(self.queue(queue), self.instrumentation.clone())
    }

    /// A new producer to a queue.
    pub fn sink(&self, queue: &str) -> MemorySink {
        MemorySink::new(self.queue(queue), self.instrumentation.clone())
    }

    /// How many messages wait in a queue, delayed ones included.
    pub fn waiting(&self, queue: &str) -> usize {
        self.queue(queue).read(State::waiting)
    }

    /// The ids of the messages that are handed over and not settled, oldest delivery first.
    pub fn in_hand(&self, queue: &str) -> Vec<String> {
        self.queue(queue).read(|state| {
            state
                .in_hand()
                .filter_map(|message| message.properties.message_id.clone())
                .collect()
        })
    }

    /// What was rejected by consumers of a queue that has no dead-letter queue.
    pub fn rejected(&self, queue: &str) -> Vec<Message> {
        self.queue(queue).aside()
    }

    /// Takes the lease of a message away from whoever holds it; says whether somebody did. The
    /// message comes again once the holder has dropped its receipt, or else after the visibility
    /// time.
    pub fn revoke(&self, queue: &str, message_id: &str) -> bool {
        let is_it =
            |message: &Message| message.properties.message_id.as_deref() == Some(message_id);
        self.queue(queue)
            .change(|state, now| state.revoke(is_it, now))
            > 0
    }

    /// Takes all leases on messages of a queue away, as [`revoke`](Self::revoke) does; says how
    /// many there were.
    pub fn revoke_all(&self, queue: &str) -> usize {
        self.queue(queue)
            .change(|state, now| state.revoke(|_| true, now))
    }

    /// Lets the next `count` settlements on a queue fail. What was to be settled comes again after
    /// the visibility time.
    pub fn fail_settles(&self, queue: &str, count: usize) {
        self.queue(queue)
            .quietly(|state, _| state.faults.settles = count);
    }

    /// Lets the next `count` sends to a queue fail.
    pub fn fail_sends(&self, queue: &str, count: usize) {
        self.queue(queue)
            .quietly(|state, _| state.faults.sends = count);
    }

    /// Makes a queue unreachable, for that reason, until [`restore`](Self::restore).
    pub fn interrupt(&self, queue: &str, reason: &str) {
        self.queue(queue)
            .change(|state, _| state.faults.outage = Some(reason.to_owned()));
    }

    /// Ends an interruption.
    pub fn restore(&self, queue: &str) {
        self.queue(queue)
            .change(|state, _| state.faults.outage = None);
    }

    /// Deletes a queue under its users; its name cannot be used again.
    pub fn delete(&self, queue: &str) {
        self.queue(queue)
            .change(|state, _| state.faults.deleted = true);
    }

    fn queue(&self, name: &str) -> Arc<Queue> {
        let mut queues = self.queues.lock().unwrap_or_else(PoisonError::into_inner);
        let queue = queues
            .entry(name.to_owned())
            .or_insert_with(|| Arc::new(Queue::new(name, self.clock)));
        Arc::clone(queue)
    }
}

/// What a queue does with its messages.
#[derive(Clone, Debug)]
pub struct QueueOptions {
    pub(super) visibility: Duration,
    pub(super) max_receives: Option<u32>,
    pub(super) dead_letters: Option<String>,
}

impl Default for QueueOptions {
    fn default() -> Self {
        Self {
            visibility: Duration::from_secs(30),
            max_receives: None,
            dead_letters: None,
        }
    }
}

impl QueueOptions {
    /// How long a lease outlives its consumer: a source that lives extends its leases for as long
    /// as it holds the receipts. Default: 30 s.
    #[must_use]
    pub fn visibility(mut self, visibility: Duration) -> Self {
        self.visibility = visibility;
        self
    }

    /// After how many attempts a message goes to the dead letters instead of being delivered.
    /// Default: never.
    #[must_use]
    pub fn max_receives(mut self, max_receives: u32) -> Self {
        self.max_receives = Some(max_receives);
        self
    }

    /// The queue that takes rejected messages. Default: none; they are put aside, see
    /// [`MemoryBroker::rejected`].
    #[must_use]
    pub fn dead_letters(mut self, queue: impl Into<String>) -> Self {
        self.dead_letters = Some(queue.into());
        self
    }
}
