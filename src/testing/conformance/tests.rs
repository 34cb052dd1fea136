/// Makes a test of each check of [`testing::conformance`](crate::testing::conformance), named after
/// it. It takes the attributes of a test, and a block that answers a
/// [`Fixture`](crate::testing::conformance::Fixture) for it, or `None` where the broker is not
/// there. The block may await.
///
/// ```
/// # use tracehop::memory::{MemoryBroker, MemorySink, MemorySource, QueueOptions};
/// # use tracehop::telemetry::Instrumentation;
/// # use tracehop::testing::Recorder;
/// # use tracehop::testing::conformance::{Fixture, QueueKind};
/// # use std::time::Duration;
/// # struct MyBroker(MemoryBroker);
/// # impl Fixture for MyBroker {
/// #     type Source = MemorySource;
/// #     type Sink = MemorySink;
/// #     async fn make_queue(&self, _: QueueKind) -> String {
/// #         self.0.declare("queue", QueueOptions::default());
/// #         "queue".to_owned()
/// #     }
/// #     fn source(&self, queue: &str) -> MemorySource { self.0.source(queue) }
/// #     fn sink(&self, queue: &str) -> MemorySink { self.0.sink(queue) }
/// #     fn instrumentation(&self) -> Instrumentation { Recorder::new().instrumentation() }
/// #     fn redelivery(&self) -> Duration { Duration::from_secs(30) }
/// #     async fn revoke(&self, queue: &str, id: &str) { self.0.revoke(queue, id); }
/// # }
/// # impl MyBroker {
/// #     async fn start() -> Self { Self(MemoryBroker::new()) }
/// # }
/// tracehop::conformance_tests! {
///     #[tokio::test]
///     { Some(MyBroker::start().await) }
/// }
/// ```
#[macro_export]
macro_rules! conformance_tests {
    ($(#[$attribute:meta])* $fixture:block) => {
        $crate::conformance_tests! {
            @each { $(#[$attribute])* } $fixture
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
    };
    (@each $attributes:tt $fixture:block $($check:ident)*) => {
        $($crate::conformance_tests! { @one $attributes $fixture $check })*
    };
    (@one { $(#[$attribute:meta])* } $fixture:block $check:ident) => {
        $(#[$attribute])*
        async fn $check() {
            if let Some(fixture) = $fixture {
                $crate::testing::conformance::$check(&fixture).await;
            }
        }
    };
}
