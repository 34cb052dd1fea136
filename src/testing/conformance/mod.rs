//! What a worker must do on every broker: one function a behaviour, each on a queue of its own.
//!
//! A broker comes as a [`Fixture`], and [`conformance_tests!`](crate::conformance_tests) makes a
//! test of each check. The checks panic where a behaviour is missing. They use tokio's clock, paused
//! or not; they are independent, so they run one by one or side by side.

#![expect(
    clippy::missing_panics_doc,
    reason = "a check panics where a behaviour is missing: that is what it is for"
)]

mod batches;
mod carried;
mod context;
mod features;
mod journal;
mod order;
mod settling;
mod shutdown;
mod soak;
mod tests;
mod trees;

use std::future::Future;
use std::time::Duration;

use crate::contract::{Message, Sink, Source};
use crate::telemetry::Instrumentation;
use crate::testing::Recorder;
use crate::worker::{Backoff, Work, Worker};

pub use batches::{a_batch_settles_by_verdict_and_then_by_result, a_lane_comes_in_runs_to_a_batch};
pub use carried::{
    a_payload_of_any_bytes_arrives, headers_arrive_as_they_were_sent,
    properties_arrive_as_they_were_sent, what_a_message_carries_arrives,
};
pub use context::{
    a_context_of_the_users_is_kept, a_forwarded_message_has_no_field_twice,
    a_malformed_context_starts_a_new_trace, a_retry_links_to_the_attempt_before,
    context_and_baggage_reach_the_handler,
};
pub use features::Features;
pub use order::{
    a_slow_lane_holds_back_no_other, a_slow_message_holds_back_no_other,
    lanes_are_handled_in_order_one_at_a_time, no_more_handlers_run_than_allowed,
};
pub use settling::{
    a_failure_comes_again_with_its_attempt_counted, a_handler_chooses_when_its_message_comes_again,
    a_lost_lease_cancels_the_handler_and_settles_nothing, a_panic_and_a_timeout_come_again,
    a_rejected_message_becomes_a_dead_letter, a_success_is_acked,
    the_last_attempt_makes_a_dead_letter,
};
pub use shutdown::{
    a_dropped_worker_loses_nothing, a_paused_worker_takes_nothing, the_drain_lets_handlers_finish,
    what_the_drain_time_cuts_off_comes_again,
};
pub use soak::{no_lane_loses_its_order_among_faults, nothing_is_lost_among_faults};
pub use trees::the_spans_of_a_message_are_a_tree;

/// A broker that the suite can run on.
pub trait Fixture: Send + Sync + 'static {
    /// What its workers read from.
    type Source: Source;
    /// What its messages are sent with.
    type Sink: Sink;

    /// Makes an empty queue with a name of its own, and answers the name.
    fn make_queue(&self, kind: QueueKind) -> impl Future<Output = String> + Send;

    /// A consumer of a queue.
    fn source(&self, queue: &str) -> Self::Source;

    /// A producer to a queue.
    fn sink(&self, queue: &str) -> Self::Sink;

    /// What keeps the spans.
    fn recorder(&self) -> &Recorder;

    /// What sources, sinks and workers write spans with. Provided: it records to
    /// [`recorder`](Self::recorder), with every default.
    fn instrumentation(&self) -> Instrumentation {
        self.recorder().instrumentation()
    }

    /// What the broker has. Provided: everything.
    fn features(&self) -> Features {
        Features::ALL
    }

    /// How many messages the two long checks send, where the environment variable
    /// `TRACEHOP_SOAK_MESSAGES` does not say. Provided: 10,000.
    fn soak_messages(&self) -> usize {
        10_000
    }

    /// Within how long what a dead worker held comes again, at most.
    fn redelivery(&self) -> Duration;

    /// Takes the lease of a message away from its worker, at the broker. Called only where
    /// [`Features::revocable`] says that there is a way.
    fn revoke(&self, queue: &str, message_id: &str) -> impl Future<Output = ()> + Send;
}

/// What a check needs of a queue.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum QueueKind {
    /// Messages without lanes.
    Plain,
    /// The groups of messages are lanes.
    Lanes,
}

/// A message with an id of its own, for brokers that give none.
fn message(text: impl Into<String>) -> Message {
    let mut message = Message::new(text.into());
    message.properties.message_id = Some(format!("m-{:032x}", fastrand::u128(..)));
    message
}

/// How long a check waits for anything before it gives up.
const LIMIT: Duration = Duration::from_mins(1);

/// A worker that fails over quickly.
fn worker<F: Fixture, W: Work>(fixture: &F, queue: &str, work: W) -> Worker<F::Source, W> {
    let second = Duration::from_secs(1);
    Worker::new(fixture.source(queue), work)
        .backoff(Backoff::new(second, second))
        .drain(Duration::from_secs(10))
        .instrumentation(fixture.instrumentation())
}
