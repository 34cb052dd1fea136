use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use tracehop::memory::{MemoryBroker, MemorySink, MemorySource, QueueOptions};
use tracehop::testing::Recorder;
use tracehop::testing::conformance::{Fixture, QueueKind};

/// The in-process broker.
pub(crate) struct Memory {
    broker: MemoryBroker,
    recorder: Recorder,
    queues: AtomicUsize,
}

impl Memory {
    pub(crate) fn new() -> Self {
        let recorder = Recorder::new();
        Self {
            broker: MemoryBroker::new().with_instrumentation(recorder.instrumentation()),
            recorder,
            queues: AtomicUsize::new(0),
        }
    }
}

impl Fixture for Memory {
    type Source = MemorySource;
    type Sink = MemorySink;

    async fn make_queue(&self, _kind: QueueKind) -> String {
        let name = format!("queue-{}", self.queues.fetch_add(1, Ordering::Relaxed));
        let options = QueueOptions::default().visibility(Duration::from_secs(5));
        self.broker.declare(&name, options);
        name
    }

    fn source(&self, queue: &str) -> MemorySource {
        self.broker.source(queue)
    }

    fn sink(&self, queue: &str) -> MemorySink {
        self.broker.sink(queue)
    }

    fn recorder(&self) -> &Recorder {
        &self.recorder
    }

    fn redelivery(&self) -> Duration {
        Duration::from_secs(6)
    }

    async fn revoke(&self, queue: &str, message_id: &str) {
        assert!(self.broker.revoke(queue, message_id));
    }
}
