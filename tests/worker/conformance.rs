//! The suite that every broker runs, on the reference.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use tracehop::memory::{MemoryBroker, MemorySink, MemorySource, QueueOptions};
use tracehop::telemetry::Instrumentation;
use tracehop::testing::Recorder;
use tracehop::testing::conformance::{self, Fixture, QueueKind};

struct Memory {
    broker: MemoryBroker,
    instrumentation: Instrumentation,
    queues: AtomicUsize,
}

impl Memory {
    fn new() -> Self {
        let instrumentation = Recorder::new().instrumentation();
        Self {
            broker: MemoryBroker::new().with_instrumentation(instrumentation.clone()),
            instrumentation,
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

    fn instrumentation(&self) -> Instrumentation {
        self.instrumentation.clone()
    }

    fn redelivery(&self) -> Duration {
        Duration::from_secs(6)
    }

    async fn revoke(&self, queue: &str, message_id: &str) -> bool {
        self.broker.revoke(queue, message_id)
    }
}

macro_rules! checks {
    ($($check:ident)*) => {$(
        #[tokio::test(start_paused = true)]
        async fn $check() {
            conformance::$check(&Memory::new()).await;
        }
    )*};
}

checks! {
    a_batch_settles_by_verdict_and_then_by_result
    a_dropped_worker_loses_nothing
    a_failure_comes_again_with_its_attempt_counted
    a_handler_chooses_when_its_message_comes_again
    a_lane_comes_in_runs_to_a_batch
    a_lost_lease_cancels_the_handler_and_settles_nothing
    a_panic_and_a_timeout_come_again
    a_paused_worker_takes_nothing
    a_rejected_message_becomes_a_dead_letter
    a_retry_links_to_the_attempt_before
    a_slow_message_holds_back_no_other
    a_success_is_acked
    context_and_baggage_reach_the_handler
    lanes_are_handled_in_order_one_at_a_time
    no_more_handlers_run_than_allowed
    the_drain_lets_handlers_finish
    the_last_attempt_makes_a_dead_letter
    what_a_message_carries_arrives
    what_the_drain_time_cuts_off_comes_again
}
