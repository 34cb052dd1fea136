/// Makes a test of each check of [`testing::conformance`](crate::testing::conformance), named after
/// it. It takes the attributes of a test, and a block that answers a
/// [`Fixture`](crate::testing::conformance::Fixture) for it, or `None` where the broker is not
/// there. The block may await.
///
/// ```
/// # use tracehop::memory::{MemoryBroker, MemorySink, MemorySource, QueueOptions};
/// # use tracehop::testing::Recorder;
/// # use tracehop::testing::conformance::{Fixture, QueueKind};
/// # use std::time::Duration;
/// # struct MyBroker(MemoryBroker, Recorder);
/// # impl Fixture for MyBroker {
/// #     type Source = MemorySource;
/// #     type Sink = MemorySink;
/// #     async fn make_queue(&self, _: QueueKind) -> String {
/// #         self.0.declare("queue", QueueOptions::default());
/// #         "queue".to_owned()
/// #     }
/// #     fn source(&self, queue: &str) -> MemorySource { self.0.source(queue) }
/// #     fn sink(&self, queue: &str) -> MemorySink { self.0.sink(queue) }
/// #     fn recorder(&self) -> &Recorder { &self.1 }
/// #     fn redelivery(&self) -> Duration { Duration::from_secs(30) }
/// #     async fn revoke(&self, queue: &str, id: &str) { self.0.revoke(queue, id); }
/// # }
/// # impl MyBroker {
/// #     async fn start() -> Self { Self(MemoryBroker::new(), Recorder::new()) }
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
            a_context_of_the_users_is_kept
            a_dropped_worker_loses_nothing
            a_failure_comes_again_with_its_attempt_counted
            a_forwarded_message_has_no_field_twice
            a_handler_chooses_when_its_message_comes_again
            a_lane_comes_in_runs_to_a_batch
            a_lost_lease_cancels_the_handler_and_settles_nothing
            a_malformed_context_starts_a_new_trace
            a_panic_and_a_timeout_come_again
            a_paused_worker_takes_nothing
            a_payload_of_any_bytes_arrives
            a_rejected_message_becomes_a_dead_letter
            a_retry_links_to_the_attempt_before
            a_slow_lane_holds_back_no_other
            a_slow_message_holds_back_no_other
            a_success_is_acked
            context_and_baggage_reach_the_handler
            headers_arrive_as_they_were_sent
            lanes_are_handled_in_order_one_at_a_time
            no_lane_loses_its_order_among_faults
            no_more_handlers_run_than_allowed
            nothing_is_lost_among_faults
            properties_arrive_as_they_were_sent
            the_drain_lets_handlers_finish
            the_last_attempt_makes_a_dead_letter
            the_spans_of_a_message_are_a_tree
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
